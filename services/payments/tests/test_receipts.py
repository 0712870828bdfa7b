"""Receipts: what a posted one says, and every reason why one is refused."""

from __future__ import annotations

from services.payments.tests.desk import Desk, to_account, to_invoice, to_prepayment
from shared.testing import usd, wire


def test_a_receipt_is_applied_to_invoices_and_the_rest_is_where_its_lines_say(desk: Desk) -> None:
    first, second = desk.invoice(usd("100.00")), desk.invoice(usd("80.00"))

    made = desk.receive(
        usd("170.00"),
        to_invoice(first, usd("100.00")),
        to_invoice(second, usd("30.00")),
        to_prepayment(usd("25.00")),
        to_account("4200", usd("15.00")),
    )

    assert (desk.open_on(first), desk.open_on(second), desk.prepaid()) == (0, 5000, 2500)
    assert made == desk.get(f"/api/payments/receipts/{made['id']}")
    assert made["state"] == "posted"
    assert [line["kind"] for line in made["lines"]] == ["invoice", "invoice", "prepayment", "account"]
    assert [each["live"] for each in made["applications"]] == [wire(usd("100.00")), wire(usd("30.00"))]


def test_a_posted_receipt_is_stated_once_with_all_that_others_need(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))

    made = desk.receive(usd("100.00"), to_invoice(invoice, usd("100.00")))

    (event,) = desk.events(made["id"])
    assert event["type"] == "payments.receipt.posted"
    assert made["entry_id"] == "je_" + event["id"].removeprefix("evt_")
    assert event["data"] == {
        "receipt_id": made["id"],
        "customer_id": desk.acme,
        "currency": "USD",
        "occurred_on": "2026-01-10",
        "posting_on": "2026-01-10",
        "amount": 10000,
        "needs_deposit": True,
        "cash_account": None,
        "lines": [
            {
                "kind": "invoice",
                "amount": 10000,
                "application_id": made["applications"][0]["id"],
                "invoice_id": invoice,
                "prepayment_id": None,
                "account": None,
            }
        ],
        "payment_type": "Check",
        "deposit_group": "Checks",
        "check_number": "1001",
    }
