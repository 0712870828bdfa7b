"""Receipts in bulk: the rules of a single one, all rows or none, once per external id, a fixed number of statements."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from services.payments.tests.desk import Desk
from shared.contracts import Fact
from shared.money import Money
from shared.testing import usd, wire


def row(number: str, amount: Money, external_id: str | None = None, **more: Any) -> dict[str, Any]:
    """A check that pays the invoice with this number."""
    made = {
        "source": "old-books",
        "external_id": external_id or number,
        "invoice": {"number": number},
        "received_on": "2026-01-10",
        "amount": wire(amount),
        "payment_type": "Check",
        "check_number": number,
        **more,
    }
    return {name: value for name, value in made.items() if value is not None}


def bring_in(desk: Desk, *rows: dict[str, Any]) -> dict[str, Any]:
    return desk.write("imports/receipts", {"rows": list(rows)})


def refused(desk: Desk, problem: str, *rows: dict[str, Any], status: int = 422) -> list[tuple[str, str]]:
    errors = desk.refuse("imports/receipts", {"rows": list(rows)}, problem, status)
    assert desk.get("/api/payments/receipts")["items"] == []
    return [(error["pointer"], error["type"].removeprefix("/problems/")) for error in errors]


def test_imported_receipts_are_receipts_like_any_other(desk: Desk) -> None:
    first, second = desk.invoice(usd("100.00"), "A-1"), desk.invoice(usd("80.00"), "A-2")

    answer = bring_in(desk, row("A-1", usd("100.00")), row("A-2", usd("30.00"), customer="ACME"))

    assert (answer["added"], answer["known"]) == (2, 0)
    assert [item["external_id"] for item in answer["items"]] == ["A-1", "A-2"]
    assert (desk.open_on(first), desk.open_on(second)) == (0, 5000)
    shown = desk.get(f"/api/payments/receipts/{answer['items'][1]['id']}")
    assert (shown["customer_id"], shown["payer_name"], shown["check_number"]) == (desk.acme, "Acme Inc.", "A-2")
    (stated,) = desk.events(shown["id"])
    assert (stated["type"], stated["origin"]) == ("payments.receipt.posted", "import")


def test_a_row_may_pay_several_invoices_and_prepay_what_is_over(desk: Desk) -> None:
    first, second = desk.invoice(usd("100.00"), "A-1"), desk.invoice(usd("80.00"), "A-2")
    applications = [
        {"invoice": {"number": "A-1"}, "amount": wire(usd("100.00"))},
        {"invoice": {"id": second}, "amount": wire(usd("80.00"))},
    ]

    bring_in(desk, row("A-1", usd("200.00"), invoice=None, applications=applications, overpayment="prepayment"))

    assert (desk.open_on(first), desk.open_on(second), desk.prepaid()) == (0, 0, 2000)


def test_an_import_sent_again_adds_nothing(desk: Desk) -> None:
    desk.invoice(usd("100.00"), "A-1")
    desk.invoice(usd("100.00"), "A-2")
    first = bring_in(desk, row("A-1", usd("60.00")))

    again = bring_in(desk, row("A-1", usd("60.00")), row("A-2", usd("60.00")))

    assert (again["added"], again["known"]) == (1, 1)
    assert again["items"][0] == first["items"][0]
    assert len(desk.get("/api/payments/receipts")["items"]) == 2


def test_a_known_external_id_with_other_content_is_refused(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"), "A-1")
    bring_in(desk, row("A-1", usd("60.00")))

    (error,) = desk.refuse("imports/receipts", {"rows": [row("A-1", usd("60.01"))]}, "imported-otherwise")

    assert error["pointer"] == "/rows/0/external_id"
    assert desk.open_on(invoice) == 4000


def test_rows_share_what_is_open_on_an_invoice(desk: Desk) -> None:
    desk.invoice(usd("100.00"), "A-1")
    rows = [row("A-1", usd("40.00"), f"r{number}") for number in range(3)]

    assert refused(desk, "application-exceeds-balance", *rows, status=409) == [("/rows/2/amount", "application-exceeds-balance")]

    bring_in(desk, *rows[:2])


def test_every_fault_of_every_row_is_named_and_nothing_is_imported(desk: Desk) -> None:
    desk.invoice(usd("100.00"), "A-1")
    desk.invoice(usd("100.00"), "A-2", desk.customer("OTHER"))
    desk.close_period("2026-01-02")

    faults = refused(
        desk,
        "invalid-input",
        row("A-1", usd("10.00")),
        row("NONE", usd("10.00"), "r1"),
        row("A-2", usd("10.00"), "r2", customer="ACME"),
        row("A-1", usd("10.00"), "r3", customer="NOBODY"),
        row("A-1", usd("10.00"), "r4", received_on="2026-01-16"),
        row("A-1", usd("10.00"), "r5", received_on="2026-01-02"),
        row("A-1", usd("10.00"), "r6", check_number=""),
        row("A-1", usd("10.00"), "r7", payment_type="Barter"),
        row("A-1", Money(1000, "EUR"), "r8"),
        row("A-1", usd("1.00"), "A-1"),
    )

    assert sorted(faults) == [
        ("/rows/1/invoice/number", "invoice-unknown"),
        ("/rows/2/invoice/number", "invoice-of-another-customer"),
        ("/rows/3/customer", "customer-unknown"),
        ("/rows/4/received_on", "dated-in-future"),
        ("/rows/5/received_on", "period-closed"),
        ("/rows/6/check_number", "check-number-missing"),
        ("/rows/7/payment_type", "payment-type-unknown"),
        ("/rows/8/amount/currency", "currency-mismatch"),
        ("/rows/9/external_id", "row-twice"),
    ]


def test_applications_that_do_not_sum_to_their_row_are_out_of_balance(desk: Desk) -> None:
    desk.invoice(usd("100.00"), "A-1")
    part = [{"invoice": {"number": "A-1"}, "amount": wire(usd("9.00"))}]

    assert refused(desk, "receipt-out-of-balance", row("A-1", usd("10.00"), invoice=None, applications=part)) == [
        ("/rows/0/applications", "receipt-out-of-balance")
    ]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"applications": []}, "/rows/0/applications"),
        ({"invoice": {}}, "/rows/0/invoice"),
        ({"amount": {"amount": -5, "currency": "USD"}}, "/rows/0/amount/amount"),
        ({"received_on": "yesterday"}, "/rows/0/received_on"),
        ({"external_id": ""}, "/rows/0/external_id"),
    ],
)
def test_a_row_of_the_wrong_shape_is_refused_at_its_place(desk: Desk, change: dict[str, Any], pointer: str) -> None:
    assert (pointer, "invalid") in refused(desk, "invalid-input", {**row("A-1", usd("1.00")), **change})


def test_more_than_a_thousand_rows_are_refused(desk: Desk) -> None:
    rows = [row("A-1", usd("1.00"), f"r{number}") for number in range(1001)]

    assert ("/rows", "invalid") in refused(desk, "invalid-input", *rows)


def test_an_import_takes_as_many_statements_for_many_rows_as_for_few(desk: Desk) -> None:
    issued: list[tuple[Fact, str]] = []
    for number in range(300):
        fact = desk.issued(usd("10.00"), f"N-{number}")
        issued.append((fact, fact.invoice_id))
    desk.billing.tell(desk.id, *issued)
    engine = desk.house.assembly.app("payments").extensions["duebook"].database.api
    statements: list[str] = []

    def count(*call: Any) -> None:
        statements.append(call[2])

    event.listen(engine, "before_cursor_execute", count)
    try:
        bring_in(desk, *(row(f"N-{number}", usd("10.00")) for number in range(2)))
        few = len(statements)
        statements.clear()
        assert bring_in(desk, *(row(f"N-{number}", usd("10.00")) for number in range(300)))["added"] == 298
        many = len(statements)
    finally:
        event.remove(engine, "before_cursor_execute", count)

    assert few == many <= 14


def test_importing_is_a_right_of_its_own(desk: Desk) -> None:
    desk.may_only("payments.receipt.*").refused("/api/payments/imports/receipts", {}, status=403, problem="permission-missing")
