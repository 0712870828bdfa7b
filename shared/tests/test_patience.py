"""A server that does not answer is given up, soon and by everybody, and is there again once it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from shared import db
from shared.db import engine, is_transient
from shared.tests.edge import edge_of
from tests.product import House
from tests.torture.proxy import Proxy

IMPATIENT_S, ENDLESS_S = 3, 60


@pytest.fixture
def wire(admin_url: str) -> Iterator[Proxy]:
    with Proxy(admin_url) as made:
        yield made


@pytest.fixture
def impatient(wire: Proxy) -> Iterator[Engine]:
    made = engine(wire.url, 4, answers_within_s=IMPATIENT_S)
    yield made
    wire.flow()
    made.dispose()


def test_a_statement_that_nobody_answers_is_given_up_and_its_connection_closed(impatient: Engine, wire: Proxy) -> None:
    with impatient.connect() as connection:
        connection.exec_driver_sql("select 1")
        wire.stall()
        with pytest.raises(DBAPIError) as given_up:
            connection.exec_driver_sql("select 1")

        assert given_up.value.connection_invalidated
        assert is_transient(given_up.value)
    wire.flow()
    with impatient.connect() as connection:
        assert connection.exec_driver_sql("select 2").scalar_one() == 2


def test_a_commit_that_nobody_answers_is_given_up(impatient: Engine, wire: Proxy) -> None:
    with impatient.connect() as connection:
        connection.exec_driver_sql("select 1")
        wire.stall()
        with pytest.raises(OperationalError) as given_up:
            connection.commit()

        assert given_up.value.connection_invalidated


def test_an_answer_that_takes_its_time_but_comes_is_waited_for(wire: Proxy) -> None:
    made = engine(wire.url, 1, answers_within_s=ENDLESS_S)
    with made.connect() as connection:
        assert connection.exec_driver_sql("select 1 from pg_sleep(1.5)").scalar_one() == 1
    made.dispose()


def test_who_asks_while_the_server_is_away_is_told_at_once_but_for_one(impatient: Engine, wire: Proxy) -> None:
    wire.refuse()
    with pytest.raises(OperationalError):
        impatient.connect()
    wire.accept()
    wire.stall()  # from now on a connection is taken and never answered
    one = threading.Thread(target=try_in_vain, args=(impatient,))
    one.start()
    deadline = time.monotonic() + ENDLESS_S
    while not wire.links:
        assert time.monotonic() < deadline
        time.sleep(0.005)

    for _ in range(3):
        with pytest.raises(OperationalError, match="somebody is trying"):
            impatient.connect()
    one.join(ENDLESS_S)

    wire.flow()
    with impatient.connect() as connection:
        assert connection.exec_driver_sql("select 1").scalar_one() == 1


def try_in_vain(impatient: Engine) -> None:
    with pytest.raises(OperationalError):
        impatient.connect()


def test_notices_are_waited_for_as_before(wire: Proxy) -> None:
    made = engine(wire.url, 1, autocommit=True, answers_within_s=IMPATIENT_S)
    with made.connect() as connection, psycopg.connect(wire.url, autocommit=True) as other:
        connection.exec_driver_sql("listen patience")
        driver = connection.connection.driver_connection
        assert list(driver.notifies(timeout=0.2)) == []
        other.execute("notify patience")
        assert len(list(driver.notifies(timeout=ENDLESS_S, stop_after=1))) == 1
    made.dispose()


@pytest.mark.matrix("21")
def test_requests_to_a_database_that_swallows_everything_are_answered_and_do_not_pile_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "API_ANSWERS_S", IMPATIENT_S)
    company = house.company()
    with Proxy(house.assembly.urls["identity"]["api"]) as wire, edge_of(house, api_database_url=wire.url) as edge:

        def read(_: int) -> int:
            return edge.call(company, "GET", "/api/identity/things/pear").status_code

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(read, range(8))) == {200}
            wire.stall()
            assert set(pool.map(read, range(20))) == {503}
            wire.flow()
            assert 200 in pool.map(read, range(8))
            assert set(pool.map(read, range(8))) == {200}
