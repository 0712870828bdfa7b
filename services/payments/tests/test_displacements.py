"""Money that did not fit its invoice: displaced once, never more than is live, on an open day."""

from __future__ import annotations

from services.payments.tests.desk import Desk, from_prepayment, to_invoice, to_prepayment
from shared.ids import new_id
from shared.log.consumer import Taken
from shared.money import Money
from shared.testing import usd


def paid(desk: Desk, amount: Money = usd("100.00")) -> tuple[str, str, str]:  # noqa: B008 - money never changes
    """A receipt that pays an invoice: ids of invoice, receipt, application."""
    invoice = desk.invoice(amount)
    made = desk.receive(amount, to_invoice(invoice, amount))
    return invoice, made["id"], made["applications"][0]["id"]


def test_displaced_money_is_a_prepayment_of_the_customer_again(desk: Desk) -> None:
    invoice, receipt, application = paid(desk)
    desk.void_invoice(invoice)

    desk.displace(application, usd("100.00"))

    (lot,) = desk.get("/api/payments/prepayments", customer_id=desk.acme)["items"]
    assert (lot["origin"], lot["remaining"]["amount"], lot["receipt_id"]) == ("displacement", 10000, receipt)
    assert desk.get(f"/api/payments/invoices/{invoice}")["applied"]["amount"] == 0
    assert desk.get(f"/api/payments/receipts/{receipt}")["applications"][0]["live"]["amount"] == 0
    event = desk.events(receipt)[-1]
    assert event["type"] == "payments.application.displaced"
    assert event["data"] == {
        "application_id": application,
        "receipt_id": receipt,
        "invoice_id": invoice,
        "prepayment_id": lot["id"],
        "customer_id": desk.acme,
        "currency": "USD",
        "occurred_on": "2026-01-15",
        "posting_on": "2026-01-15",
        "amount": 10000,
    }


def test_only_what_did_not_fit_is_displaced(desk: Desk) -> None:
    invoice, receipt, application = paid(desk)

    desk.displace(application, usd("30.00"))

    assert desk.get(f"/api/payments/receipts/{receipt}")["applications"][0]["live"]["amount"] == 7000
    assert (desk.open_on(invoice), desk.prepaid()) == (3000, 3000)


def test_an_application_is_displaced_once_whatever_billing_says_again(desk: Desk) -> None:
    _, receipt, application = paid(desk)
    page = desk.displace(application, usd("30.00"))

    assert desk.house.consumers["payments"].take(page) is Taken.NOTHING_NEW
    desk.displace(application, usd("30.00"))
    desk.displace(application, usd("50.00"))

    assert desk.prepaid() == 3000
    assert len(desk.events(receipt)) == 2


def test_pages_out_of_order_displace_once_when_they_have_come_in_order(desk: Desk) -> None:
    _, receipt, application = paid(desk)
    first = desk.billing.page(desk.id, desk.overapplied(application, usd("30.00")))
    second = desk.billing.page(desk.id, desk.overapplied(application, usd("30.00")))
    take = desk.house.consumers["payments"].take

    assert [take(second), take(first), take(first), take(second), take(second)] == [
        Taken.GAP,
        Taken.ALL,
        Taken.NOTHING_NEW,
        Taken.ALL,
        Taken.NOTHING_NEW,
    ]

    assert (desk.prepaid(), len(desk.events(receipt))) == (3000, 2)


def test_never_more_is_displaced_than_is_live(desk: Desk) -> None:
    invoice, _, application = paid(desk)

    desk.displace(application, usd("500.00"))

    assert (desk.prepaid(), desk.open_on(invoice)) == (10000, 10000)


def test_nothing_is_displaced_of_a_receipt_that_was_voided(desk: Desk) -> None:
    _, receipt, application = paid(desk)
    desk.void(receipt)

    desk.displace(application, usd("100.00"))

    assert desk.prepaid() == 0
    assert [event["type"] for event in desk.events(receipt)] == ["payments.receipt.posted", "payments.receipt.voided"]


def test_the_void_of_a_displaced_receipt_takes_the_money_from_its_new_place(desk: Desk) -> None:
    _, receipt, application = paid(desk)
    desk.displace(application, usd("60.00"))
    other = desk.invoice(usd("25.00"))
    desk.apply(from_prepayment(other, usd("25.00")), on="2026-01-15")

    desk.void(receipt)

    lines = desk.events(receipt)[-1]["data"]["lines"]
    assert sorted((line["kind"], line["amount"], line["prepayment_id"] is not None) for line in lines) == [
        ("invoice", 2500, True),
        ("invoice", 4000, False),
        ("prepayment", 3500, True),
    ]
    assert (desk.prepaid(), desk.open_on(other)) == (0, 2500)


def test_money_of_a_prepayment_that_did_not_fit_becomes_a_lot_of_its_own(desk: Desk) -> None:
    desk.receive(usd("50.00"), to_prepayment(usd("50.00")))
    invoice = desk.invoice()
    application = desk.apply(from_prepayment(invoice, usd("50.00")))["applications"][0]["id"]

    desk.displace(application, usd("50.00"))

    items = desk.get("/api/payments/prepayments", customer_id=desk.acme)["items"]
    assert sorted((item["origin"], item["remaining"]["amount"]) for item in items) == [("displacement", 5000), ("line", 0)]


def test_a_displacement_is_never_dated_before_the_application(desk: Desk) -> None:
    _, receipt, application = paid(desk)

    desk.displace(application, usd("100.00"), on="2026-01-03")

    data = desk.events(receipt)[-1]["data"]
    assert (data["occurred_on"], data["posting_on"]) == ("2026-01-10", "2026-01-10")


def test_a_displacement_posts_on_the_first_open_day(desk: Desk) -> None:
    _, receipt, application = paid(desk)
    desk.close_period("2026-01-31")

    desk.displace(application, usd("100.00"), on="2026-01-14")

    data = desk.events(receipt)[-1]["data"]
    assert (data["occurred_on"], data["posting_on"]) == ("2026-01-14", "2026-02-01")


def test_an_application_that_payments_never_stated_is_parked_for_a_person(desk: Desk) -> None:
    unknown = new_id("app")

    desk.displace(unknown, usd("1.00"))

    (error,) = desk.parked()
    assert unknown in error
