"""Connections to database and broker that end, or fall silent, while pages are under way."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from embedded.assembly import service
from shared.ids import new_id
from shared.log import store
from shared.log.worker import Worker
from tests.infrastructure import delete_from_broker
from tests.integration.faults.line import Line, wait_until
from tests.integration.faults.test_topology import knows
from tests.product import House
from tests.torture.proxy import Proxy

CUTS = 20


@pytest.mark.matrix("15", times=CUTS)
def test_sessions_that_the_database_ends_at_random_cost_no_event_and_double_none(house: House, line: Line) -> None:
    line.add(600)
    application, rnd = new_id("app"), random.Random(15)
    worker = line.start(application)
    ended = 0
    with psycopg.connect(house.admin_url, autocommit=True) as admin:
        for number, page in enumerate(line.pages(10)):
            line.publish(page)
            if number % 3 == 0:
                wait_until(lambda: _ended(admin, rnd, application), "a session of the worker to be ended")
                ended += 1
    line.wait_for_the_end()

    assert ended == CUTS
    assert line.taken_in() == line.names(range(1, 601))
    assert line.parked() == {}
    assert all(thread.is_alive() for thread in worker.threads)


def _ended(admin: psycopg.Connection, rnd: random.Random, application: str) -> bool:
    """Ends one of the sessions; false where there was none any more."""
    sessions = _sessions(admin, application)
    return bool(sessions) and admin.execute("select pg_terminate_backend(%s)", (rnd.choice(sessions),)).fetchone() == (True,)


def _sessions(admin: psycopg.Connection, application: str) -> list[int]:
    query = "select pid from pg_stat_activity where application_name = %s"
    return [row[0] for row in admin.execute(query, (application,))]


@contextmanager
def relay_and_worker(house: House, broker_url: str, prefix: str) -> Iterator[list[Worker]]:
    """The whole workers of identity, whose relay is wanted, and of notifications, which takes in."""
    workers = []
    for name in ("identity", "notifications"):
        settings = dataclasses.replace(house.assembly.settings(name), broker_url=broker_url, bus_prefix=prefix)
        workers.append(Worker(service(name), settings, house.assembly.peers(name)))
    for worker in workers:
        worker.start()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stopping.set()
        for worker in workers:
            worker.stop(30)


def published(house: House) -> bool:
    with house.databases["identity"].log.connect() as connection:
        store.number(connection)
        head = store.head(connection)
    return head.published_through == head.seq


@pytest.fixture
def wire(line: Line) -> Iterator[Proxy]:
    """Between the workers and RabbitMQ."""
    with Proxy(line.broker_url) as made:
        yield made
        made.flow()
    names = [f"{line.prefix}.{name}" for name in ("identity", "notifications", *service("notifications").follows)]
    delete_from_broker(line.broker_url, names, [f"{line.prefix}.{name}.v1" for name in ("identity", "notifications")])


@pytest.mark.matrix("20", times=CUTS)
def test_connections_to_the_broker_that_are_cut_cost_no_event_and_double_none(house: House, line: Line, wire: Proxy) -> None:
    rnd, pause, companies = random.Random(20), threading.Event(), []
    with relay_and_worker(house, wire.url, line.prefix) as workers:
        for cut in range(CUTS):
            companies.append(house.company_elsewhere())
            pause.wait(rnd.random() / 2)
            if cut % 2:
                wire.cut()
            else:
                wire.drop_after(rnd.randint(1, 4000))
        wire.flow()
        wait_until(lambda: all(knows(house, company) for company in companies), "every company to be known")
        wait_until(lambda: published(house), "all to be published")
        assert all(thread.is_alive() for worker in workers for thread in worker.threads)
    with house.owner("notifications") as owner:
        assert owner.execute("select count(*) from log.parked where company_id = any(%s)", (companies,)).fetchone() == (0,)


@pytest.mark.matrix("21", times=1)
def test_a_broker_that_falls_silent_costs_latency_only(house: House, line: Line, wire: Proxy) -> None:
    with relay_and_worker(house, wire.url, line.prefix):
        first = house.company_elsewhere()
        wait_until(lambda: knows(house, first) and published(house), "the way to be open")

        wire.stall()
        company = house.company_elsewhere()
        wait_until(lambda: knows(house, company), "the log to be read without the broker")
        assert not published(house)

        wire.flow()
        wait_until(lambda: published(house), "all to be published")


@pytest.mark.matrix("20", times=1)
def test_a_broker_that_is_not_there_at_first_is_found_later(house: House, line: Line, wire: Proxy) -> None:
    wire.refuse()
    with relay_and_worker(house, wire.url, line.prefix):
        company = house.company_elsewhere()
        wait_until(lambda: knows(house, company), "the log to be read without the broker")
        wire.accept()
        wait_until(lambda: published(house), "all to be published")
