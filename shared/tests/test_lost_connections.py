"""A connection to the database that breaks: what was not committed is done again, and what nobody knows is found out or told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from shared.http import attempts
from shared.ids import new_id
from shared.tests.edge import Edge, edge_of
from tests.product import Company, House
from tests.torture.proxy import Proxy

THINGS = "/api/identity/things"
UNKEYED = "/api/identity/unkeyed-things"
THING = {"name": "apple"}
PATIENCE_S = 60


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "RECONNECT_S", PATIENCE_S)


@pytest.fixture
def wire(house: House) -> Iterator[Proxy]:
    """What lies between the service's requests and its database."""
    with Proxy(house.assembly.urls["identity"]["api"]) as made:
        yield made


@pytest.fixture
def edge(house: House, wire: Proxy) -> Iterator[Edge]:
    with edge_of(house, api_database_url=wire.url) as made:
        yield made


def problem(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("type")


@pytest.mark.matrix("19", times=20)
@pytest.mark.parametrize("delivered", [True, False], ids=["committed", "not committed"])
def test_an_answer_lost_in_the_middle_of_commit_is_found_out_under_the_key(
    edge: Edge, company: Company, wire: Proxy, delivered: bool
) -> None:
    for number in range(1, 11):
        wire.cut_at_commit(delivered=delivered)
        key = new_id("idk")

        answer = edge.call(company, "POST", THINGS, key=key, json=THING)

        assert (answer.status_code, answer.json()["number"]) == (201, number), answer.text
        assert ("Idempotency-Replayed" in answer.headers) == delivered
        again = edge.call(company, "POST", THINGS, key=key, json=THING)
        assert (again.content, again.headers["Idempotency-Replayed"]) == (answer.content, "true")
    assert wire.commits_cut == 10
    assert (edge.rows(company, "apple"), edge.events(company)) == (10, 10)


def test_a_commit_lost_twice_in_a_row_is_still_one(edge: Edge, company: Company, wire: Proxy) -> None:
    wire.cut_at_commit(times=2, delivered=False)

    answer = edge.call(company, "POST", THINGS, json=THING)

    assert answer.status_code == 201
    assert (edge.rows(company, "apple"), wire.commits_cut) == (1, 2)


@pytest.mark.parametrize("delivered", [True, False], ids=["committed", "not committed"])
def test_without_a_key_it_is_told_that_nobody_knows(edge: Edge, company: Company, wire: Proxy, delivered: bool) -> None:
    wire.cut_at_commit(delivered=delivered)

    answer = edge.call(company, "POST", UNKEYED, key="", json=THING)

    assert problem(answer) == (503, "/problems/outcome-unknown")
    assert answer.headers["Retry-After"]
    assert "Look whether it was done" in answer.json()["detail"]
    assert edge.rows(company, "apple") == int(delivered)


def test_a_database_that_stays_away_after_a_commit_was_sent_is_told_as_unknown(
    edge: Edge, company: Company, wire: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "RECONNECT_S", 0.5)
    assert edge.call(company, "GET", f"{THINGS}/pear").status_code == 200
    wire.cut_at_commit()
    wire.accepting.clear()  # the connection at hand goes on, no other is to be had
    key = new_id("idk")

    answer = edge.call(company, "POST", THINGS, key=key, json=THING)

    assert problem(answer) == (503, "/problems/outcome-unknown")
    assert "same Idempotency-Key" in answer.json()["detail"]
    wire.accept()
    again = edge.call(company, "POST", THINGS, key=key, json=THING)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert edge.rows(company, "apple") == 1


def test_a_commit_that_the_server_is_still_busy_with_is_waited_for(edge: Edge, company: Company, wire: Proxy) -> None:
    """Its sender is gone, and its key is taken until it is through."""
    edge.failures = ["slow"]
    assert company.token()
    answers: list[httpx.Response] = []
    path = "/api/identity/shaky-things"
    asked = threading.Thread(target=lambda: answers.append(edge.call(company, "POST", path, json=THING)))
    asked.start()
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(company.house.admin_url, autocommit=True) as admin:
        while not admin.execute(
            "select 1 from pg_stat_activity where usename = %s and query = 'COMMIT' and state = 'active'", (wire.target.username,)
        ).fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.005)
    wire.cut()
    asked.join()

    assert (answers[0].status_code, answers[0].headers["Idempotency-Replayed"]) == (201, "true")
    assert edge.rows(company, "apple") == 1


@pytest.mark.parametrize(
    ("method", "path", "key"), [("POST", THINGS, None), ("POST", UNKEYED, ""), ("GET", f"{THINGS}/pear", "")]
)
@pytest.mark.matrix("15")
def test_after_the_server_has_ended_all_sessions_the_next_requests_are_answered(
    edge: Edge, company: Company, method: str, path: str, key: str | None
) -> None:
    sessions = sessions_of_a_full_pool(edge)
    with psycopg.connect(edge.house.admin_url) as admin:
        admin.execute("select pg_terminate_backend(pid) from unnest(%s::int[]) pid", (sessions,))

    for _ in range(8):
        answer = edge.call(company, method, path, key=key, json=THING if method == "POST" else None)
        assert answer.status_code in (200, 201), answer.text


def test_who_waits_for_an_event_waits_on_over_a_connection_that_is_lost(edge: Edge, company: Company) -> None:
    made = edge.call(company, "POST", THINGS, json=THING).headers["Duebook-Event"]
    company.house.pump(["identity"])
    sessions = sessions_of_a_full_pool(edge)
    with psycopg.connect(edge.house.admin_url) as admin:
        admin.execute("select pg_terminate_backend(pid) from unnest(%s::int[]) pid", (sessions,))

    answer = edge.call(company, "GET", f"{THINGS}/pear", headers={"Wait-For-Event": made})

    assert answer.status_code == 200, answer.text


def test_a_service_that_was_never_told_the_time_says_so_and_serves_once_it_is(house: House, company: Company) -> None:
    token = company.token()
    assert token
    with Proxy(house.assembly.urls["identity"]["log"]) as wire, edge_of(house, log_database_url=wire.url) as edge:
        wire.refuse()
        answer = edge.call(company, "GET", f"{THINGS}/pear")
        assert problem(answer) == (503, "/problems/too-busy")
        assert answer.headers["Retry-After"]
        wire.accept()
        assert edge.call(company, "GET", f"{THINGS}/pear").status_code == 200


def sessions_of_a_full_pool(edge: Edge) -> list[int]:
    held = [edge.app.extensions["duebook"].database.api.connect() for _ in range(4)]
    sessions = [connection.exec_driver_sql("select pg_backend_pid()").scalar_one() for connection in held]
    for connection in held:
        connection.close()
    return sessions


@pytest.mark.parametrize("path", [THINGS, UNKEYED])
def test_a_session_that_ends_before_the_commit_is_done_again_with_a_key_or_without(
    edge: Edge, company: Company, path: str
) -> None:
    edge.sessions_to_end = 2

    answer = edge.call(company, "POST", path, key=None if path == THINGS else "", json=THING)

    assert (answer.status_code, answer.json()["number"]) == (201, 1)
    assert (edge.sessions_to_end, edge.rows(company, "apple")) == (0, 1)


def test_a_database_that_cannot_be_reached_is_told_at_once_and_nothing_was_done(
    edge: Edge, company: Company, wire: Proxy
) -> None:
    assert company.token()
    wire.refuse()

    for method, path in (("POST", THINGS), ("POST", UNKEYED), ("GET", f"{THINGS}/pear")):
        answer = edge.call(company, method, path, json=THING if method == "POST" else None)
        assert problem(answer) == (503, "/problems/too-busy")
        assert answer.headers["Retry-After"]
    wire.accept()
    assert edge.call(company, "POST", THINGS, json=THING).json()["number"] == 1


def test_a_refusal_by_the_server_at_commit_is_no_doubt(edge: Edge, company: Company) -> None:
    edge.failures = ["refused"]

    answer = edge.call(company, "POST", "/api/identity/shaky-things", json=THING)

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/already-exists")
    assert edge.rows(company, "apple") == 0


def test_the_driver_asks_for_a_commit_as_the_wire_expects(admin_url: str) -> None:
    with Proxy(admin_url) as wire:
        wire.cut_at_commit()
        with pytest.raises(psycopg.OperationalError), psycopg.connect(wire.url) as connection:
            connection.execute("select 1")
        assert wire.commits_cut == 1
