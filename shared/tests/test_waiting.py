"""Wait-For-Event: a person reads what they just wrote, across services."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest

from shared.http import waiting
from shared.ids import new_id
from tests.product import Company, House

READ = "/api/ledger/parked-events"


@pytest.fixture
def company(house: House) -> Company:
    """A company that every service knows."""
    return house.company()


@pytest.fixture
def written(company: Company) -> str:
    """`identity:evt_…` of a change that no other service has heard of yet."""
    answer = company.call("PATCH", f"/api/identity/companies/{company.id}", {"name": new_id("name")})
    return answer.headers["Duebook-Event"]


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "DEADLINE_S", 0.1)


def read(company: Company, event: str, path: str = READ) -> httpx.Response:
    return company.call("GET", path, headers={"Wait-For-Event": event})


def problem(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def test_a_write_names_its_event(company: Company, written: str) -> None:
    assert written.startswith("identity:evt_")
    facts = company.get("/api/identity/events", subject=f"cmp_{company.id}")["items"]
    assert facts[-1]["id"] == written.removeprefix("identity:")


def test_a_request_that_states_nothing_names_no_event(company: Company) -> None:
    assert "Duebook-Event" not in company.call("GET", f"/api/identity/companies/{company.id}").headers


def test_what_is_taken_in_is_answered_at_once(company: Company, written: str) -> None:
    company.house.pump()

    assert read(company, written).status_code == 200


def test_an_answer_waits_for_the_event(company: Company, written: str) -> None:
    began = time.monotonic()
    later = threading.Timer(0.25, lambda: company.house.pump(["ledger"]))
    later.start()

    answer = read(company, written)
    later.join()

    assert answer.status_code == 200
    assert time.monotonic() - began >= 0.25


@pytest.mark.usefixtures("short_patience")
def test_an_event_that_does_not_come_in_time_is_told(company: Company, written: str) -> None:
    answer = read(company, written)

    assert problem(answer) == (503, "event-not-here-yet")
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["event"] == written


def test_own_events_and_those_of_producers_not_followed_are_answered_at_once(company: Company) -> None:
    company.token()
    began = time.monotonic()

    for producer in ("billing", "notifications", "nobody"):
        assert read(company, f"{producer}:{new_id('evt')}", "/api/billing/terms").status_code == 200
    assert time.monotonic() - began < 1


@pytest.mark.usefixtures("short_patience")
def test_a_service_that_follows_its_own_log_waits_for_what_it_has_still_to_take_in(company: Company) -> None:
    lines = [{"account": "3000", "side": side, "amount": {"amount": 5, "currency": "USD"}} for side in ("debit", "credit")]
    made = company.call("POST", "/api/ledger/manual-entries", {"occurred_on": "2026-01-15", "description": "x", "lines": lines})
    assert made.status_code == 201, made.text

    assert problem(read(company, made.headers["Duebook-Event"], "/api/ledger/entries")) == (503, "event-not-here-yet")
    company.house.pump()
    assert read(company, made.headers["Duebook-Event"], "/api/ledger/entries").status_code == 200


def test_all_events_named_are_waited_for(company: Company, written: str) -> None:
    company.house.pump()

    answer = read(company, f"{written}, identity:{new_id('evt')}")

    assert problem(answer) == (400, "event-unknown")


def test_an_event_that_its_producer_does_not_know(company: Company) -> None:
    assert problem(read(company, f"identity:{new_id('evt')}")) == (400, "event-unknown")


@pytest.mark.parametrize(
    "header",
    [
        "identity",
        "identity:",
        "evt_01",
        "identity:evt_short",
        "identity:inv_00000000000000000000000000",
        "../identity:evt_00000000000000000000000000",
        ",",
        "*",
    ],
)
def test_a_header_of_another_shape_is_refused(company: Company, header: str) -> None:
    assert problem(read(company, header)) == (400, "event-unreadable")


def test_a_parked_event_is_told_and_not_waited_for(company: Company, written: str) -> None:
    company.house.pump()
    with company.house.owner("ledger") as owner:
        owner.execute(
            "insert into log.parked (company_id, producer, seq, subject, event_id, type, body, error) "
            "values (%s, 'identity', %s, 'x', %s, 'x', '{}', 'broken')",
            (company.id, company.id, written.removeprefix("identity:")),
        )
    try:
        answer = read(company, written)
    finally:
        with company.house.owner("ledger") as owner:
            owner.execute("update log.parked set resolved_at = now() where company_id = %s", (company.id,))

    assert problem(answer) == (409, "event-parked")


def test_only_so_many_wait_at_once(company: Company, written: str) -> None:
    places = company.house.assembly.app("ledger").extensions["duebook"].waiting.places
    for _ in range(waiting.WAITERS):
        assert places.acquire(blocking=False)
    try:
        answer = read(company, written)
        others = company.call("GET", READ)
    finally:
        for _ in range(waiting.WAITERS):
            places.release()

    assert problem(answer) == (503, "too-many-wait")
    assert others.status_code == 200, "those who do not wait are answered"


@pytest.mark.usefixtures("short_patience")
def test_a_waiter_gives_its_place_back(company: Company, written: str) -> None:
    for _ in range(waiting.WAITERS + 1):
        assert problem(read(company, written)) == (503, "event-not-here-yet")


def test_a_producer_that_does_not_answer_is_told(company: Company, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peers = company.house.assembly.app("ledger").extensions["duebook"].peers

    def gone(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    client = httpx.Client(transport=httpx.MockTransport(gone), base_url="http://identity")
    monkeypatch.setitem(peers._clients, "identity", client)

    assert problem(read(company, written)) == (503, "event-not-here-yet")


def test_waiting_needs_a_token_first(house: House) -> None:
    client = house.peers["identity"].client("ledger")

    answer = client.get(READ, headers={"Wait-For-Event": f"identity:{new_id('evt')}"})

    assert answer.status_code == 401


@pytest.mark.parametrize(("producer", "path"), [("identity", READ), ("ledger", "/api/ledger/entries")])
def test_an_event_of_another_company_is_as_unknown_as_none(company: Company, written: str, producer: str, path: str) -> None:
    """Of another service's log and of the own one; whether it was taken in already makes no difference."""
    other = company.house.company()
    if producer == "ledger":
        lines = [{"account": "3000", "side": side, "amount": {"amount": 5, "currency": "USD"}} for side in ("debit", "credit")]
        made = company.call(
            "POST", "/api/ledger/manual-entries", {"occurred_on": "2026-01-15", "description": "x", "lines": lines}
        )
        written = made.headers["Duebook-Event"]
    foreign, none = read(other, written, path), read(other, f"{producer}:{new_id('evt')}", path)
    company.house.pump()
    taken_in = read(other, written, path)

    assert {problem(answer) for answer in (foreign, none, taken_in)} == {(400, "event-unknown")}
    assert foreign.json()["detail"] == none.json()["detail"]
    assert read(company, written, path).status_code == 200
