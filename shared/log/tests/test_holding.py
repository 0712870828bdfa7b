"""A process that is stopped with a lock in its hand must not stop the others."""

from __future__ import annotations

import os
import socket
import threading
import time

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.db import is_transient
from shared.http.problems import TooBusy, refusal_of
from shared.log import relay as relay_module
from shared.log import store
from shared.log.consumer import Consumer, Taken
from shared.log.handlers import Handlers
from shared.log.relay import Relay
from shared.log.tests.made import Known, Log
from tests.product import House


def stand_still(house: House, connection: Connection) -> None:
    """Until the server has ended the session for it, which does not take ten seconds here."""
    connection.exec_driver_sql("set local idle_in_transaction_session_timeout = '50ms'")
    pid = connection.connection.driver_connection.info.backend_pid
    deadline = time.monotonic() + 60
    with psycopg.connect(house.admin_url, autocommit=True) as admin:
        while admin.execute("select 1 from pg_stat_activity where pid = %s", (pid,)).fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_who_is_stopped_after_numbering_holds_the_head_of_the_log_for_nobody(house: House) -> None:
    house.company_elsewhere()
    with house.databases["identity"].log.connect() as stopped:
        stopped.exec_driver_sql("select log.number_events(5000)")
        house.company_elsewhere()

        with house.databases["identity"].log.connect() as other:
            last = store.number(other)

        assert last == store.head(stopped).seq


@pytest.mark.parametrize("role", ["api", "worker", "log"])
def test_a_transaction_that_stands_still_is_ended_after_ten_seconds(house: House, role: str) -> None:
    with getattr(house.databases["billing"], role).connect() as connection:
        assert connection.exec_driver_sql("show idle_in_transaction_session_timeout").scalar_one() == "10s"


def test_a_session_that_was_ended_for_standing_still_is_tried_again_and_answered_with_503(house: House) -> None:
    with house.databases["identity"].api.connect() as connection:
        stand_still(house, connection)
        with pytest.raises(DBAPIError) as ended:
            connection.exec_driver_sql("select 1")

    assert is_transient(ended.value)
    assert isinstance(refusal_of(ended.value), TooBusy)


def test_a_page_whose_worker_stood_still_is_taken_in_again_and_nothing_is_parked(house: House) -> None:
    handlers, log = Handlers(), Log()
    log.add("one")
    stood: list[bool] = []

    @handlers.fold(Known)
    def slow(ctx, event) -> None:  # type: ignore[no-untyped-def]
        if not stood:
            stood.append(True)
            stand_still(house, ctx.session)
        ctx.session.exec_driver_sql("select 1")

    consumer = Consumer("identity", house.databases["identity"].worker, handlers, house.clock)
    with pytest.raises(DBAPIError) as ended:
        consumer.take(log.page(1, 1))

    assert is_transient(ended.value)
    assert consumer.take(log.page(1, 1)) is Taken.ALL


def test_a_relay_that_hangs_with_the_lead_loses_it_to_one_that_waits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "TAKE_OVER_AFTER_S", 1.0)
    database = house.databases["identity"]
    stop = threading.Event()
    relay = Relay("identity", database.log, "memory://", "hanging")
    waiting = threading.Thread(target=relay.run, args=(stop,))
    hangs = database.log.connect()
    try:
        assert store.try_to_lead(hangs)
        house.company_elsewhere()
        waiting.start()
        deadline = time.monotonic() + 60
        while True:
            with database.api.connect() as connection:
                head = store.head(connection)
            if head.seq and head.published_through == head.seq:
                break
            assert time.monotonic() < deadline, "nobody took over"
            time.sleep(0.05)
        with pytest.raises(DBAPIError):
            hangs.exec_driver_sql("select 1")
    finally:
        stop.set()
        waiting.join()
        hangs.close()


def test_marking_what_is_published_waits_for_no_disk_and_numbering_does(house: House) -> None:
    with house.databases["identity"].log.connect() as connection:
        driver = connection.connection.driver_connection
        with driver.transaction():
            store.mark_published(connection, 0)
            assert connection.exec_driver_sql("show synchronous_commit").scalar_one() == "off"
        assert connection.exec_driver_sql("show synchronous_commit").scalar_one() == "on"
        with driver.transaction():
            connection.exec_driver_sql("select log.number_events(1)")
            assert connection.exec_driver_sql("show synchronous_commit").scalar_one() == "on"


def test_every_connection_notices_a_server_that_vanished(house: House) -> None:
    with house.databases["identity"].worker.connect() as connection:
        raw = socket.socket(fileno=os.dup(connection.connection.driver_connection.fileno()))
        with raw:
            silence_s = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) + raw.getsockopt(
                socket.IPPROTO_TCP, socket.TCP_KEEPINTVL
            ) * raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
            unanswered_ms = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert silence_s <= 15
    assert 0 < unanswered_ms <= 15_000


def test_an_event_that_nobody_sends_is_told_by_the_api_too(house: House) -> None:
    house.company_elsewhere()
    app = house.assembly.app("identity")
    told = dict(line.rsplit(" ", 1) for line in app.test_client().get("/metrics").text.splitlines() if line[:1] != "#")

    assert float(told["duebook_log_head"]) > float(told["duebook_log_published_through"])
    assert float(told["duebook_log_unsent_age_seconds"]) > 0
