"""Closing a period: in two phases, with nothing slipping in between."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from services.ledger.periods.usecases import look_at_closing
from services.ledger.tests.test_proofs import park
from shared.context import Context
from shared.db import enter_companies
from shared.ids import new_id
from shared.testing import usd, wire
from tests.product import Company, House

PATH = "/api/ledger/period-closes"
THROUGH = {"through": "2026-01-10"}


def manual(day: str) -> dict[str, Any]:
    lines = [
        {"account": "5000", "side": "debit", "amount": wire(usd("5.00"))},
        {"account": "3000", "side": "credit", "amount": wire(usd("5.00"))},
    ]
    return {"description": "x", "occurred_on": day, "lines": lines}


def look(house: House, company: Company, close_id: str) -> None:
    """The job, as the worker runs it."""
    with house.databases["ledger"].worker.begin() as session:
        enter_companies(session, [company.id], "service:ledger")
        ctx = Context(session, house.clock, "ledger", company.id, "service:ledger", "", peers=house.peers["ledger"])
        look_at_closing(ctx, {"close_id": close_id})
        ctx.write_stated()


def test_a_period_closes_once_every_service_has_stopped(company: Company) -> None:
    asked = company.post(PATH, THROUGH)

    closed = company.get(f"{PATH}/{asked['id']}")

    assert (asked["state"], closed["state"], closed["through"]) == ("closing", "closed", "2026-01-10")
    assert [answer["service"] for answer in closed["answers"]] == ["banking", "billing", "payments"]
    company.refused("/api/ledger/manual-entries", manual("2026-01-10"), status=422, problem="period-closed")
    company.post("/api/ledger/manual-entries", manual("2026-01-11"))


def test_no_service_posts_into_a_closed_period(company: Company) -> None:
    customer = company.post("/api/billing/customers", {"name": "Greenfield"})["id"]
    company.post(PATH, THROUGH)
    line = {"description": "Work", "quantity": "1", "unit_price": "5.00"}
    invoice = {"customer_id": customer, "issue": True, "issued_on": "2026-01-10", "lines": [line]}

    company.refused("/api/billing/invoices", invoice, status=422, problem="period-closed")


def test_a_period_waits_for_the_service_that_has_not_stopped(house: House, company: Company) -> None:
    asked = company.post(PATH, THROUGH, pump=False)
    house.pump(only=["ledger", "billing", "payments"])
    look(house, company, asked["id"])

    waiting = company.get(f"{PATH}/{asked['id']}")
    assert (waiting["state"], waiting["waits_for"]) == ("closing", "banking to stop")

    house.pump()
    assert company.get(f"{PATH}/{asked['id']}")["state"] == "closed"


def test_a_period_waits_for_what_the_ledgers_own_log_still_holds(house: House, company: Company) -> None:
    asked = company.post(PATH, THROUGH, pump=False)
    house.pump(only=["ledger", "billing", "payments", "banking"])
    assert company.get(f"{PATH}/{asked['id']}")["state"] == "closed"

    second = company.post(PATH, {"through": "2026-01-12"}, pump=False)
    look(house, company, second["id"])

    assert "the ledger's own log" in company.get(f"{PATH}/{second['id']}")["waits_for"]
    house.pump()


def test_a_period_does_not_close_while_the_books_differ(house: House, company: Company) -> None:
    customer = company.post("/api/billing/customers", {"name": "Greenfield"})["id"]
    line = {"description": "Work", "quantity": "1", "unit_price": "5.00"}
    company.post("/api/billing/invoices", {"customer_id": customer, "issue": True, "lines": [line]})
    database = house.assembly.urls["ledger"]["owner"].rpartition("/")[2]
    with psycopg.connect(house.admin_url.rpartition("/")[0] + "/" + database) as admin:
        admin.execute("update app.customer_balance set debit = debit + 1 where company_id = %s", (company.id,))

    asked = company.post(PATH, THROUGH)

    waiting = company.get(f"{PATH}/{asked['id']}")
    assert waiting["state"] == "closing"
    assert "P2 is red" in waiting["waits_for"]
    company.post(f"{PATH}/{asked['id']}/cancel", {"reason": "the books differ"})


def test_an_event_that_waits_for_a_person_holds_up_its_own_company_alone(house: House, company: Company) -> None:
    customer = company.post("/api/billing/customers", {"name": "Greenfield"})["id"]
    event_id = park(house, company, customer)
    other = house.company()

    mine, theirs = company.post(PATH, THROUGH)["id"], other.post(PATH, THROUGH)["id"]

    assert event_id in company.get(f"{PATH}/{mine}")["waits_for"]
    assert other.get(f"{PATH}/{theirs}")["state"] == "closed"
    company.post(f"{PATH}/{mine}/cancel", {"reason": "first the event"})


def test_a_closing_expires_and_posting_goes_on(house: House, company: Company) -> None:
    asked = company.post(PATH, THROUGH, pump=False)
    house.pump(only=["ledger"])
    company.refused("/api/ledger/manual-entries", manual("2026-01-10"), status=422, problem="period-closed")

    house.clock.advance(timedelta(minutes=10))  # type: ignore[attr-defined]
    look(house, company, asked["id"])
    house.pump()

    expired = company.get(f"{PATH}/{asked['id']}")
    assert expired["state"] == "cancelled"
    assert expired["reason"].startswith("expired after 10 minutes")
    company.post("/api/ledger/manual-entries", manual("2026-01-10"))


def test_a_closing_is_cancelled_by_a_person(house: House, company: Company) -> None:
    asked = company.post(PATH, THROUGH, pump=False)

    cancelled = company.post(f"{PATH}/{asked['id']}/cancel", {"reason": "too early"})

    assert (cancelled["state"], cancelled["reason"]) == ("cancelled", "too early")
    assert company.get(f"{PATH}/{asked['id']}")["state"] == "cancelled"
    company.post("/api/ledger/manual-entries", manual("2026-01-10"))
    company.refused(f"{PATH}/{asked['id']}/cancel", {"reason": "x"}, status=409, problem="closing-ended")


def test_one_closing_at_a_time(company: Company) -> None:
    asked = company.post(PATH, THROUGH, pump=False)

    company.refused(PATH, {"through": "2026-01-11"}, status=409, problem="closing-under-way")
    assert company.call("POST", PATH, {**THROUGH, "id": asked["id"]}).json()["id"] == asked["id"]
    company.refused(PATH, {"through": "2026-01-11", "id": asked["id"]}, status=409, problem="closing-exists")
    company.post(f"{PATH}/{asked['id']}/cancel", {"reason": "x"})


def test_of_many_who_ask_at_once_one_closes(company: Company) -> None:
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(company.call("POST", PATH, THROUGH).status_code)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    company.house.pump()

    assert sorted(answers) == [202, 409, 409]


@pytest.mark.parametrize(
    ("through", "problem"),
    [("2026-01-16", "period-not-over"), ("2026-01-10", "period-closed-before"), ("2026-01-09", "period-closed-before")],
)
def test_a_day_that_cannot_be_closed_is_refused(company: Company, through: str, problem: str) -> None:
    company.post(PATH, THROUGH)

    refused = company.refused(PATH, {"through": through}, status=422, problem=problem)

    assert refused["errors"][0]["pointer"] == "/through"


def test_nothing_dated_before_slips_in_after_the_gate_is_shut(house: House, company: Company) -> None:
    begun, stop = threading.Event(), threading.Event()
    posted: list[str] = []

    def post() -> None:
        while not stop.is_set():
            answer = company.call("POST", "/api/ledger/manual-entries", manual("2026-01-10"))
            if answer.status_code == 201:
                posted.append(answer.json()["entry_id"])
                begun.set()

    threads = [threading.Thread(target=post) for _ in range(3)]
    for thread in threads:
        thread.start()
    begun.wait(5)
    asked = company.post(PATH, THROUGH)
    in_journal = {entry["id"] for entry in _entries(company)}
    state = company.get(f"{PATH}/{asked['id']}")["state"]
    stop.set()
    for thread in threads:
        thread.join()
    house.pump()

    assert state == "closed"
    assert posted
    assert set(posted) == in_journal == {entry["id"] for entry in _entries(company)}


def _entries(company: Company) -> list[Any]:
    found, cursor = [], None
    while True:
        page = company.get("/api/ledger/entries", limit=200, **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        if not (cursor := page["next_cursor"]):
            return found


def test_closings_are_listed_newest_first(house: House, company: Company) -> None:
    first = company.post(PATH, THROUGH)["id"]
    house.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    second = company.post(PATH, {"through": "2026-01-12"})["id"]

    assert [item["id"] for item in company.get(PATH)["items"]] == [second, first]
    assert company.get(PATH, state="closing")["items"] == []


def test_a_closing_that_is_not_there_is_not_found(company: Company) -> None:
    missing = f"{PATH}/{new_id('pcl')}"

    company.refused(missing, method="GET", status=404, problem="closing-not-found")
    company.refused(f"{missing}/cancel", {"reason": "x"}, status=404, problem="closing-not-found")


def test_closing_is_a_right_of_its_own(company: Company) -> None:
    company.may_only("ledger.period.read").refused(PATH, THROUGH, status=403, problem="permission-missing")
    assert company.may_only("ledger.period.read").get(PATH)["items"] == []
