"""A worker's threads over a real broker or without any."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from embedded.assembly import service
from shared.db import company_transaction
from shared.errors import LogForked
from shared.log import store
from shared.log.worker import Worker
from tests.product import House


@contextmanager
def running(house: House, name: str, broker_url: str) -> Iterator[Worker]:
    settings = dataclasses.replace(house.assembly.settings(name), broker_url=broker_url)
    worker = Worker(service(name), settings, house.assembly.peers(name))
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def eventually(holds: Callable[[], bool], within_s: float = 15) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def knows(house: House, name: str, company: int) -> bool:
    with company_transaction(house.databases[name].worker, company, "t") as session:
        return bool(
            session.exec_driver_sql("select 1 from copies.company where company_id = %s", (company,)).scalar_one_or_none()
        )


def test_the_logs_are_taken_in_while_the_broker_is_away(house: House) -> None:
    with running(house, "notifications", "amqp://guest:guest@127.0.0.1:1//"):
        for _ in range(2):
            company = house.company_elsewhere()
            eventually(lambda company=company: knows(house, "notifications", company))  # type: ignore[misc]


def test_what_is_no_page_is_dropped_and_what_should_have_come_is_fetched(house: House) -> None:
    worker = Worker(service("notifications"), house.assembly.settings("notifications"), house.assembly.peers("notifications"))
    company = house.company_elsewhere()

    for page in (b"", b"{}", b'{"producer":"identity"', b'{"producer":"identity","epoch":1}', b"\xff\xfe"):
        worker._on_page(page)
    worker._look_at_silent_producers()
    worker.stop()

    assert knows(house, "notifications", company)


def test_a_forked_log_is_marked_until_a_page_of_it_is_taken_in(house: House) -> None:
    house.pump()
    consumer = house.consumers["notifications"]
    consumer.mark_fork("identity", "log forked: made up")
    with consumer.engine.connect() as connection:
        assert store.forks(connection) == {"identity": "log forked: made up"}

    house.company()

    with consumer.engine.connect() as connection:
        assert store.forks(connection) == {}


def test_a_worker_that_meets_a_fork_says_so_in_its_position(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.pump()
    worker = Worker(service("notifications"), house.assembly.settings("notifications"), house.assembly.peers("notifications"))

    def forked(producer: str, after: int) -> bytes:
        raise LogForked(f"log forked: {producer} has no number {after}")

    monkeypatch.setattr(worker.peers, "fetch", forked)
    worker._look_at_silent_producers()
    with worker.database.worker.connect() as connection:
        marked = store.forks(connection)
    worker.stop()

    assert set(marked) == set(service("notifications").follows)
    house.company()
    for producer in service("notifications").follows:
        with house.consumers["notifications"].engine.begin() as connection:
            connection.exec_driver_sql("update log.position set forked = null where producer = %s", (producer,))


def test_a_stopped_worker_leaves_no_thread(house: House) -> None:
    before = set(threading.enumerate())
    with running(house, "notifications", "memory://") as worker:
        worker.waker.call()
    assert {thread.name for thread in set(threading.enumerate()) - before if not thread.name.startswith("pytest")} == set()
