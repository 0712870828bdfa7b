"""Voids: the money is taken back from where it is now; once, and never before it was there."""

from __future__ import annotations

from typing import Any

from services.payments.tests.desk import Desk, from_prepayment, to_account, to_invoice, to_prepayment
from shared.ids import new_id
from shared.testing import usd


def test_a_void_opens_the_invoices_again_by_what_this_receipt_paid(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    desk.receive(usd("30.00"), to_invoice(invoice, usd("30.00")))
    second = desk.receive(usd("50.00"), to_invoice(invoice, usd("50.00")))

    shown = desk.void(second["id"], on="2026-01-14", reason="bounced")

    assert desk.open_on(invoice) == 7000
    assert (shown["state"], shown["voided_on"], shown["void_reason"], shown["voided_by"]) == (
        "voided",
        "2026-01-14",
        "bounced",
        "usr_test",
    )
    assert shown["applications"][0]["live"]["amount"] == 0
    assert desk.get(f"/api/payments/receipts/{second['id']}") == shown


def _place(line: dict[str, Any]) -> tuple[str, int]:
    return line["kind"], line["amount"]


def test_a_void_states_where_the_money_was_and_what_it_reverses(desk: Desk) -> None:
    invoice, later = desk.invoice(usd("100.00")), desk.invoice(usd("30.00"))
    made = desk.receive(
        usd("170.00"), to_invoice(invoice, usd("100.00")), to_prepayment(usd("50.00")), to_account("4200", usd("20.00"))
    )
    lot = made["prepayments"][0]["id"]
    applied = desk.apply(from_prepayment(later, usd("30.00")))["applications"][0]["id"]

    desk.void(made["id"])

    posted, voided = desk.events(made["id"])
    assert voided["type"] == "payments.receipt.voided"
    assert voided["data"]["reverses"] == posted["id"]
    assert (voided["data"]["occurred_on"], voided["data"]["amount"]) == ("2026-01-15", 17000)
    empty = {"application_id": None, "invoice_id": None, "prepayment_id": None, "account": None}
    original = made["applications"][0]["id"]
    parts = [
        {**empty, "kind": "account", "amount": 2000, "account": "4200"},
        {**empty, "kind": "invoice", "amount": 10000, "application_id": original, "invoice_id": invoice},
        {**empty, "kind": "invoice", "amount": 3000, "application_id": applied, "invoice_id": later, "prepayment_id": lot},
        {**empty, "kind": "prepayment", "amount": 2000, "prepayment_id": lot},
    ]
    assert sorted(voided["data"]["lines"], key=_place) == sorted(parts, key=_place)


def test_a_void_un_applies_what_was_paid_from_the_receipts_prepayment(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    made = desk.receive(usd("150.00"), to_prepayment(usd("150.00")))
    desk.apply(from_prepayment(invoice, usd("100.00")))
    assert (desk.open_on(invoice), desk.prepaid()) == (0, 5000)

    desk.void(made["id"])

    assert (desk.open_on(invoice), desk.prepaid()) == (10000, 0)


def test_a_void_leaves_what_other_receipts_prepaid(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    first = desk.receive(usd("60.00"), to_prepayment(usd("60.00")), received_on="2026-01-05")
    desk.receive(usd("60.00"), to_prepayment(usd("60.00")), received_on="2026-01-06")
    desk.apply(from_prepayment(invoice, usd("100.00")))

    desk.void(first["id"])

    assert (desk.open_on(invoice), desk.prepaid()) == (6000, 2000)


def test_a_receipt_is_voided_once(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    made = desk.receive(usd("100.00"), to_invoice(invoice, usd("100.00")))
    desk.void(made["id"])

    desk.refuse(f"receipts/{made['id']}/void", {"reason": "again"}, "receipt-voided-already", status=409)

    assert desk.open_on(invoice) == 10000
    assert len(desk.events(made["id"])) == 2


def test_a_void_is_dated_today_unless_it_says_otherwise(desk: Desk) -> None:
    made = desk.receive(usd("5.00"), to_prepayment(usd("5.00")))

    assert desk.void(made["id"], on=None)["voided_on"] == "2026-01-15"


def test_a_void_is_not_dated_before_its_receipt(desk: Desk) -> None:
    made = desk.receive(usd("5.00"), to_prepayment(usd("5.00")), received_on="2026-01-10")
    path = f"receipts/{made['id']}/void"

    (error,) = desk.refuse(path, {"voided_on": "2026-01-09", "reason": "x"}, "void-before-document")

    assert (error["pointer"], error["not_before"], error["rule"]) == ("/voided_on", "2026-01-10", "BR-AR-C4")
    assert desk.void(made["id"], on="2026-01-10")["voided_on"] == "2026-01-10"


def test_a_void_is_not_dated_before_its_prepayment_was_applied(desk: Desk) -> None:
    made = desk.receive(usd("5.00"), to_prepayment(usd("5.00")), received_on="2026-01-10")
    desk.apply(from_prepayment(desk.invoice(), usd("5.00")), on="2026-01-13")

    (error,) = desk.refuse(f"receipts/{made['id']}/void", {"voided_on": "2026-01-12", "reason": "x"}, "void-before-document")

    assert error["not_before"] == "2026-01-13"


def test_a_void_is_not_dated_into_a_closed_period_nor_into_the_future(desk: Desk) -> None:
    made = desk.receive(usd("5.00"), to_prepayment(usd("5.00")), received_on="2026-01-10")
    desk.close_period("2026-01-12")
    path = f"receipts/{made['id']}/void"

    (closed,) = desk.refuse(path, {"voided_on": "2026-01-12", "reason": "x"}, "period-closed")
    (future,) = desk.refuse(path, {"voided_on": "2026-01-16", "reason": "x"}, "dated-in-future")

    assert closed["pointer"] == future["pointer"] == "/voided_on"
    desk.void(made["id"], on="2026-01-13")


def test_a_void_says_why(desk: Desk) -> None:
    made = desk.receive(usd("5.00"), to_prepayment(usd("5.00")))

    (missing,) = desk.refuse(f"receipts/{made['id']}/void", {}, "invalid-input")
    (empty,) = desk.refuse(f"receipts/{made['id']}/void", {"reason": "  "}, "invalid-input")

    assert missing["pointer"] == empty["pointer"] == "/reason"


def test_an_unknown_receipt_is_not_found(desk: Desk) -> None:
    desk.refuse(f"receipts/{new_id('rct')}/void", {"reason": "x"}, "receipt-not-found", status=404)
    desk.refuse(f"receipts/{new_id('rct')}", None, "receipt-not-found", status=404, method="GET")


def test_a_deposited_receipt_may_be_voided_and_the_answer_names_its_deposit(desk: Desk) -> None:
    made = desk.receive(usd("5.00"), to_prepayment(usd("5.00")))
    deposit = desk.deposit(made["id"])

    shown = desk.void(made["id"])
    assert (shown["state"], shown["deposit_state"], shown["deposit_id"]) == ("voided", "deposited", deposit)

    desk.return_item(deposit, made["id"])
    assert desk.get(f"/api/payments/receipts/{made['id']}")["deposit_state"] == "returned"


def test_a_voided_invoice_does_not_hinder_the_void_of_its_receipt(desk: Desk) -> None:
    invoice = desk.invoice()
    made = desk.receive(usd("60.00"), to_invoice(invoice, usd("60.00")))
    desk.void_invoice(invoice)

    desk.void(made["id"])

    assert desk.get(f"/api/payments/invoices/{invoice}")["applied"]["amount"] == 0


def test_a_void_sent_again_with_its_key_is_answered_as_before(desk: Desk) -> None:
    made = desk.receive(usd("5.00"), to_prepayment(usd("5.00")))
    path = f"/api/payments/receipts/{made['id']}/void"

    first = desk.call("POST", path, {"reason": "x"}, key="v1")
    again = desk.call("POST", path, {"reason": "x"}, key="v1")

    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
