"""Many at once: who comes second is refused with what is left, and no balance is ever below zero (T12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import httpx

from services.payments.tests.desk import Desk, from_prepayment, to_invoice, to_prepayment
from shared.contracts import Fact
from shared.errors import Conflict
from shared.testing import usd, wire


def at_once(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Makes all calls at the same moment, each in its thread."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def test_a_hundred_parallel_applications_of_one_prepayment_never_overdraw_it(desk: Desk) -> None:
    desk.receive(usd("1000.00"), to_prepayment(usd("1000.00")))
    issued: list[tuple[Fact, str]] = []
    for _ in range(100):
        fact = desk.issued(usd("30.00"), None)
        issued.append((fact, fact.invoice_id))
    desk.billing.tell(desk.id, *issued)
    desk.token()

    def apply(invoice_id: str) -> httpx.Response:
        body = desk.asked_application(from_prepayment(invoice_id, usd("30.00")))
        return desk.call("POST", "/api/payments/prepayment-applications", body)

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(apply, (invoice_id for _, invoice_id in issued)))

    assert Counter(answer.status_code for answer in answers) == {201: 33, Conflict.status: 67}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {document["type"] for document in refused} == {"/problems/prepayment-exceeded"}
    assert desk.prepaid() == 1000
    lowest = desk.sql("select min(remaining), sum(remaining) from app.prepayment_balance where company_id = %s", desk.id)
    assert [tuple(row) for row in lowest] == [(1000, 1000)]


def test_two_receipts_for_the_last_open_amount_are_not_both_applied(desk: Desk) -> None:
    desk.token()
    for _ in range(5):
        invoice = desk.invoice(usd("100.00"))
        body = desk.asked(usd("60.00"), to_invoice(invoice, usd("60.00")))

        answers = at_once(*(partial(desk.call, "POST", "/api/payments/receipts", body) for _ in range(2)))

        assert sorted(answer.status_code for answer in answers) == [201, 409]
        (refused,) = [answer.json() for answer in answers if answer.status_code == 409]
        assert refused["type"] == "/problems/application-exceeds-balance"
        assert refused["errors"][0]["open"] == wire(usd("40.00"))
        assert desk.open_on(invoice) == 4000


def test_receipts_over_the_same_invoices_in_any_order_all_get_through(desk: Desk) -> None:
    a, b = desk.invoice(usd("100.00")), desk.invoice(usd("100.00"))
    desk.token()

    def pay(first: str, second: str) -> Callable[[], httpx.Response]:
        body = desk.asked(usd("20.00"), to_invoice(first, usd("10.00")), to_invoice(second, usd("10.00")))
        return lambda: desk.call("POST", "/api/payments/receipts", body)

    answers = at_once(pay(a, b), pay(b, a), pay(a, b), pay(b, a))

    assert [answer.status_code for answer in answers] == [201] * 4
    assert (desk.open_on(a), desk.open_on(b)) == (6000, 6000)


def test_one_receipt_is_voided_by_one_of_two(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    made = desk.receive(usd("100.00"), to_invoice(invoice, usd("100.00")))

    def void() -> httpx.Response:
        return desk.call("POST", f"/api/payments/receipts/{made['id']}/void", {"reason": "x"})

    answers = at_once(void, void)

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert (desk.open_on(invoice), len(desk.events(made["id"]))) == (10000, 2)


def test_a_void_and_an_application_of_its_prepayment_leave_no_money_in_two_places(desk: Desk) -> None:
    for _ in range(5):
        invoice = desk.invoice(usd("100.00"))
        made = desk.receive(usd("100.00"), to_prepayment(usd("100.00")))

        def void(receipt_id: str = made["id"]) -> httpx.Response:
            return desk.call("POST", f"/api/payments/receipts/{receipt_id}/void", {"reason": "x"})

        def apply(invoice_id: str = invoice) -> httpx.Response:
            body = desk.asked_application(from_prepayment(invoice_id, usd("100.00")), on="2026-01-15")
            return desk.call("POST", "/api/payments/prepayment-applications", body)

        voided, _ = at_once(void, apply)

        assert voided.status_code == 200
        assert (desk.prepaid(), desk.open_on(invoice)) == (0, 10000)
        assert sum(line["amount"] for line in desk.events(made["id"])[-1]["data"]["lines"]) == 10000


def test_a_void_and_a_displacement_take_the_money_once(desk: Desk) -> None:
    for _ in range(5):
        invoice = desk.invoice(usd("100.00"))
        made = desk.receive(usd("100.00"), to_invoice(invoice, usd("100.00")))
        page = desk.billing.page(desk.id, desk.overapplied(made["applications"][0]["id"], usd("100.00")))

        def void(receipt_id: str = made["id"]) -> httpx.Response:
            return desk.call("POST", f"/api/payments/receipts/{receipt_id}/void", {"reason": "x"})

        def displace(raw: bytes = page) -> Any:
            return desk.house.consumers["payments"].take(raw)

        voided, _ = at_once(void, displace)

        assert voided.status_code == 200
        assert (desk.prepaid(), desk.open_on(invoice), desk.parked()) == (0, 10000, [])
        assert sum(line["amount"] for line in desk.events(made["id"])[-1]["data"]["lines"]) == 10000


def test_one_import_sent_twice_at_once_adds_its_rows_once(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"), "A-1")
    rows = {
        "rows": [
            {
                "source": "old-books",
                "external_id": "1",
                "invoice": {"number": "A-1"},
                "received_on": "2026-01-10",
                "amount": wire(usd("30.00")),
                "payment_type": "Cash",
            }
        ]
    }

    answers = at_once(*(lambda: desk.call("POST", "/api/payments/imports/receipts", rows) for _ in range(2)))

    assert sorted(answer.json()["added"] for answer in answers) == [0, 1]
    assert len({answer.json()["items"][0]["id"] for answer in answers}) == 1
    assert desk.open_on(invoice) == 7000
