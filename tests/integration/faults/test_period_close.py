"""A period is closed while people go on posting: each document is in before, or refused, or dated on the first open day."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from embedded.assembly import service as description_of
from services.ledger.periods import usecases as closings
from shared.jobs import run_due
from tests.integration.faults.business import (
    TIMES,
    Answer,
    Office,
    application_of,
    deposit_of,
    invoice_of,
    prepaid,
    receipt_of,
    seeded,
    to_invoice,
    wait_for,
)

THROUGH, FIRST_OPEN = "2025-12-31", "2026-01-01"
CLERKS, AFTERWARDS = 6, 4
POSTING = ("billing", "payments", "banking")

pytestmark = pytest.mark.timeout(400 + 60 * TIMES)


class Clerk:
    """Posts documents of December and of January, on what the company has."""

    def __init__(self, office: Office, bank: str, customers: list[str], seed: int):
        self.office, self.bank, self.customers = office, bank, customers
        self.random = random.Random(seed)
        self.outcomes: Counter[tuple[str, bool]] = Counter()
        """How documents of (closed or open days) were answered."""

    def work(self) -> None:
        act = self.random.choice((self.bill, self.bill, self.receive, self.apply, self.bank_it, self.void))
        act(self.random.choice(("2025-12-28", "2025-12-31", "2026-01-01", "2026-01-10")))

    def post(self, path: str, body: Any, day: str) -> Answer:
        answer = self.office.until_answered(path, body)
        done = answer.status in (200, 201)
        assert done or answer.status in (409, 422), answer
        self.outcomes["done" if done else answer.problem, day <= THROUGH] += 1
        return answer

    def one(self, service: str, query: str) -> str | None:
        with self.office.house.owner(service) as owner:
            rows = owner.execute(query, (self.office.company.id,)).fetchall()
        return str(self.random.choice(rows)[0]) if rows else None

    def bill(self, day: str) -> None:
        self.post("billing/invoices", invoice_of(self.random.choice(self.customers), "20.00", day), day)

    def receive(self, day: str) -> None:
        customer = self.random.choice(self.customers)
        with self.office.house.owner("payments") as owner:
            query = (
                "select invoice_id from app.open_invoice where company_id = %s and customer_id = %s and applied + 500 <= total "
                "limit 1"
            )
            found = owner.execute(query, (self.office.company.id, customer)).fetchall()
        lines = [prepaid("3.00"), *(to_invoice(row[0], "5.00") for row in found)]
        self.post("payments/receipts", receipt_of(customer, "8.00" if found else "3.00", *lines, day=day), day)

    def apply(self, day: str) -> None:
        query = "select invoice_id from app.open_invoice where company_id = %s and applied < total order by applied limit 5"
        if invoice := self.one("payments", query):
            with self.office.house.owner("payments") as owner:
                owned = "select customer_id from app.open_invoice where invoice_id = %s"
                customer = owner.execute(owned, (invoice,)).fetchall()[0][0]
            self.post("payments/prepayment-applications", application_of(customer, (invoice, "0.50"), day=day), day)

    def bank_it(self, day: str) -> None:
        query = "select receipt_id from app.receipt_place where company_id = %s and deposit_id is null and not voided limit 5"
        if receipt := self.one("banking", query):
            self.post("banking/deposits", deposit_of(self.bank, receipt, day=day), day)

    def void(self, day: str) -> None:
        query = (
            "select id from app.receipt r where company_id = %s and not exists (select from app.receipt_void v "
            "where v.company_id = r.company_id and v.receipt_id = r.id) limit 5"
        )
        if receipt := self.one("payments", query):
            self.post(f"payments/receipts/{receipt}/void", {"reason": "wrong", "voided_on": day}, day)


def ask_to_close(office: Office) -> str:
    return str(office.post("ledger/period-closes", {"through": THROUGH})["id"])


def state_of(office: Office, close_id: str) -> str:
    with office.house.owner("ledger") as owner:
        query = "select state from app.period_close where company_id = %s and id = %s"
        return str(owner.execute(query, (office.company.id, close_id)).fetchall()[0][0])


def dated_after_the_stop(office: Office) -> list[tuple[Any, ...]]:
    """What a service stated on a closed day after it had said that it stopped."""
    found = []
    for service in POSTING:
        with office.house.owner(service) as owner:
            query = """
                select e.type, e.event_id, e.body::json -> 'data' ->> 'posting_on'
                from log.event e join log.event stopped on stopped.company_id = e.company_id and stopped.type = %s
                where e.company_id = %s and e.seq > stopped.seq and e.body::json -> 'data' ->> 'posting_on' <= %s
            """
            found += owner.execute(query, (f"{service}.period.stopped", office.company.id, THROUGH)).fetchall()
    return found


def gates(office: Office) -> set[tuple[Any, ...]]:
    found = set()
    for service in (*POSTING, "ledger"):
        with office.house.owner(service) as owner:
            query = "select closed_through::text, closing_through::text from copies.period where company_id = %s"
            found |= {tuple(row) for row in owner.execute(query, (office.company.id,)).fetchall()}
    return found


@pytest.mark.matrix("37")
@pytest.mark.parametrize("_", range(TIMES))
def test_a_period_closes_while_clerks_post_and_nothing_is_dated_into_it_afterwards(
    office: Office, monkeypatch: pytest.MonkeyPatch, _: int
) -> None:
    chance, house = seeded(), office.house
    bank = office.company.get("/api/banking/bank-accounts")["items"][0]["id"]
    customers = [office.customer(f"Customer {number}") for number in range(3)]
    office.settle()
    clerks = [Clerk(office, bank, customers, chance.randrange(2**32)) for _ in range(CLERKS)]
    for clerk in clerks:
        clerk.bill("2025-12-20")
        office.settle()
        clerk.receive("2025-12-21")
    office.settle()
    closed, stop = threading.Event(), threading.Event()
    monkeypatch.setattr(closings, "WAIT_S", 5.0)

    def take_in() -> None:
        while not stop.wait(0.02):
            for name in house.services:
                for producer in description_of(name).follows:
                    house.consumers[name].catch_up(producer, house.peers[name].fetch)

    def do_jobs() -> None:
        while not stop.wait(0.05):
            run_due(house.databases["ledger"].worker, "ledger", house.clock, description_of("ledger").jobs, house.peers["ledger"])

    def work(clerk: Clerk) -> None:
        while not closed.wait(0.02):
            clerk.work()
        for _ in range(AFTERWARDS):
            clerk.work()
        clerk.bill(THROUGH)

    with ThreadPoolExecutor(CLERKS + 2) as threads:
        workers = [threads.submit(take_in), threads.submit(do_jobs)]
        working = [threads.submit(work, clerk) for clerk in clerks]
        try:
            wait_for(lambda: sum(sum(clerk.outcomes.values()) for clerk in clerks) > 5 * CLERKS, "clerks to be at work")
            close_id = ask_to_close(office)
            wait_for(
                lambda: any(worker.done() for worker in workers) or state_of(office, close_id) != "closing",
                "the closing to end",
                patience_s=300,
            )
        finally:
            closed.set()
            for each in working:
                each.result()
            stop.set()
            for worker in workers:
                worker.result()

    outcomes = sum((clerk.outcomes for clerk in clerks), Counter[tuple[str, bool]]())
    print(dict(outcomes))
    assert state_of(office, close_id) == "closed"
    office.settle()
    assert gates(office) == {(THROUGH, None)}
    assert dated_after_the_stop(office) == []
    assert outcomes["period-closed", True] >= CLERKS
    assert outcomes["period-closed", False] == 0
    office.sound()


@pytest.mark.matrix("37")
def test_what_cannot_be_refused_any_more_counts_on_the_first_open_day(office: Office) -> None:
    """A displacement and a returned item of December, which their services hear of after they have stopped."""
    house, customer = office.house, office.customer()
    bank = office.company.get("/api/banking/bank-accounts")["items"][0]["id"]
    office.settle()
    invoice = office.invoice(customer, "50.00", "2025-12-10")
    banked = office.post("payments/receipts", receipt_of(customer, "9.00", prepaid("9.00"), day="2025-12-11"))["id"]
    office.settle()
    deposit = office.post("banking/deposits", deposit_of(bank, banked, day="2025-12-12"))["id"]
    office.settle()
    gone = office.post(f"billing/invoices/{invoice}/void", {"reason": "wrong", "voided_on": "2025-12-15"})
    paid = receipt_of(customer, "50.00", to_invoice(invoice, "50.00"), day="2025-12-16")
    paying = office.post("payments/receipts", paid)["id"]
    office.post(f"payments/receipts/{banked}/void", {"reason": "returned", "voided_on": "2025-12-17"})

    close_id = ask_to_close(office)
    for service in ("payments", "banking"):  # these hear of the closing first
        house.consumers[service].catch_up("ledger", house.peers[service].fetch)
    wait_for(lambda: house.pump() is None and state_of(office, close_id) != "closing", "the closing to end")

    assert state_of(office, close_id) == "closed"
    office.settle()
    assert gone["balance"]["amount"] == 0
    lots = office.company.get(f"/api/payments/receipts/{paying}")["prepayments"]
    assert [(lot["origin"], lot["posting_on"]) for lot in lots] == [("displacement", FIRST_OPEN)]
    items = office.company.get(f"/api/banking/deposits/{deposit}")["items"]
    assert [(item["returned"]["occurred_on"], item["returned"]["posting_on"]) for item in items] == [("2025-12-17", FIRST_OPEN)]
    assert dated_after_the_stop(office) == []
    office.sound()


@pytest.mark.matrix("37")
def test_a_closing_that_is_cancelled_leaves_no_gate_shut(office: Office) -> None:
    customer = office.customer()
    office.settle()
    close_id = ask_to_close(office)
    for service in POSTING:
        office.house.consumers[service].catch_up("ledger", office.house.peers[service].fetch)
    refused = office.send("billing/invoices", invoice_of(customer, "20.00", THROUGH))
    office.post(f"ledger/period-closes/{close_id}/cancel", {"reason": "not yet"})
    office.settle()

    assert (refused.status, refused.problem) == (422, "period-closed")
    assert refused.json["errors"][0]["first_open_day"] == FIRST_OPEN
    assert gates(office) == {(None, None)}
    assert office.send("billing/invoices", invoice_of(customer, "20.00", THROUGH)).status == 201
    office.sound()
