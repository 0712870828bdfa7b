"""Prepayments: which money pays what, and that no lot gives more than it has."""

from __future__ import annotations

from typing import Any

from services.payments.tests.desk import Desk, from_prepayment, to_invoice, to_prepayment
from shared.ids import new_id
from shared.money import Money
from shared.testing import usd, wire


def prepay(desk: Desk, amount: Money, on: str = "2026-01-10", **more: Any) -> str:
    """A prepayment of acme's; its id."""
    made = desk.receive(amount, to_prepayment(amount), received_on=on, **more)
    prepayment_id: str = made["prepayments"][0]["id"]
    return prepayment_id


def test_prepayments_are_applied_oldest_first(desk: Desk) -> None:
    late, early = prepay(desk, usd("50.00"), on="2026-01-08"), prepay(desk, usd("30.00"), on="2026-01-05")
    a, b = desk.invoice(usd("20.00")), desk.invoice(usd("40.00"))

    made = desk.apply(from_prepayment(a, usd("20.00")), from_prepayment(b, usd("40.00")))

    assert [(each["invoice_id"], each["prepayment_id"], each["amount"]["amount"]) for each in made["applications"]] == [
        (a, early, 2000),
        (b, early, 1000),
        (b, late, 3000),
    ]
    assert made["amount"] == wire(usd("60.00"))
    assert made["remaining"] == wire(usd("20.00"))
    assert (desk.open_on(a), desk.open_on(b), desk.prepaid()) == (0, 0, 2000)


def test_a_named_prepayment_is_applied_before_the_others_use_it_up(desk: Desk) -> None:
    early, late = prepay(desk, usd("30.00"), on="2026-01-05"), prepay(desk, usd("50.00"), on="2026-01-08")
    a, b = desk.invoice(usd("100.00")), desk.invoice(usd("100.00"))

    made = desk.apply(from_prepayment(a, usd("40.00")), from_prepayment(b, usd("25.00"), early))

    assert [(each["invoice_id"], each["prepayment_id"], each["amount"]["amount"]) for each in made["applications"]] == [
        (a, early, 500),
        (a, late, 3500),
        (b, early, 2500),
    ]


def test_an_application_of_prepayments_is_one_event(desk: Desk) -> None:
    lot = prepay(desk, usd("30.00"))
    invoice = desk.invoice()

    made = desk.apply(from_prepayment(invoice, usd("30.00")))

    (event,) = desk.events(made["id"])
    assert event["type"] == "payments.prepayment.applied"
    assert made["entry_id"] == "je_" + event["id"].removeprefix("evt_")
    assert event["data"] == {
        "prepayment_application_id": made["id"],
        "customer_id": desk.acme,
        "currency": "USD",
        "occurred_on": "2026-01-12",
        "posting_on": "2026-01-12",
        "amount": 3000,
        "applications": [
            {
                "application_id": made["applications"][0]["id"],
                "prepayment_id": lot,
                "receipt_id": made["applications"][0]["receipt_id"],
                "invoice_id": invoice,
                "amount": 3000,
            }
        ],
    }
    shown = desk.get(f"/api/payments/prepayment-applications/{made['id']}")
    assert shown == {name: value for name, value in made.items() if name != "remaining"}


def test_no_more_is_applied_than_is_left_of_the_prepayments(desk: Desk) -> None:
    prepay(desk, usd("50.00"))
    a, b = desk.invoice(), desk.invoice()
    body = desk.asked_application(from_prepayment(a, usd("30.00")), from_prepayment(b, usd("20.01")))

    (error,) = desk.refuse("prepayment-applications", body, "prepayment-exceeded", status=409)

    assert (error["pointer"], error["rule"], error["remaining"]) == ("/applications/1/amount", "BR-AR-C2", wire(usd("20.00")))
    assert (desk.open_on(a), desk.open_on(b), desk.prepaid()) == (10000, 10000, 5000)


def test_no_more_is_applied_than_is_left_of_a_named_prepayment(desk: Desk) -> None:
    lot = prepay(desk, usd("50.00"))
    prepay(desk, usd("50.00"))
    body = desk.asked_application(from_prepayment(desk.invoice(), usd("50.01"), lot))

    (error,) = desk.refuse("prepayment-applications", body, "prepayment-exceeded", status=409)

    assert (error["pointer"], error["remaining"]) == ("/applications/0/amount", wire(usd("50.00")))


def test_no_more_is_applied_than_is_open_on_the_invoice(desk: Desk) -> None:
    prepay(desk, usd("500.00"))
    body = desk.asked_application(from_prepayment(desk.invoice(usd("100.00")), usd("100.01")))

    (error,) = desk.refuse("prepayment-applications", body, "application-exceeds-balance", status=409)

    assert (error["pointer"], error["open"]) == ("/applications/0/amount", wire(usd("100.00")))


def test_prepayments_pay_only_invoices_of_their_customer_and_currency(desk: Desk) -> None:
    prepay(desk, usd("50.00"))
    others, euros = desk.invoice(customer_id=desk.customer("OTHER")), desk.invoice(Money(1000, "EUR"))

    (of_other,) = desk.refuse(
        "prepayment-applications",
        desk.asked_application(from_prepayment(others, usd("5.00"))),
        "invoice-of-another-customer",
    )
    (in_euros,) = desk.refuse(
        "prepayment-applications", desk.asked_application(from_prepayment(euros, usd("5.00"))), "currency-mismatch"
    )
    no_euros = desk.asked_application(from_prepayment(euros, Money(500, "EUR")))
    desk.refuse("prepayment-applications", no_euros, "prepayment-exceeded", status=409)

    assert of_other["pointer"] == "/applications/0/invoice_id"
    assert in_euros["pointer"] == "/applications/0/amount/currency"


def test_a_prepayment_of_another_customer_is_unknown(desk: Desk) -> None:
    lot = prepay(desk, usd("50.00"), customer_id=desk.customer("OTHER"))

    (error,) = desk.refuse(
        "prepayment-applications",
        desk.asked_application(from_prepayment(desk.invoice(), usd("5.00"), lot)),
        "prepayment-unknown",
    )

    assert error["pointer"] == "/applications/0/prepayment_id"


def test_money_is_not_applied_before_it_was_there(desk: Desk) -> None:
    lot = prepay(desk, usd("50.00"), on="2026-01-10")
    invoice = desk.invoice()

    (named,) = desk.refuse(
        "prepayment-applications",
        desk.asked_application(from_prepayment(invoice, usd("5.00"), lot), on="2026-01-09"),
        "prepayment-not-yet-there",
    )
    (pool,) = desk.refuse(
        "prepayment-applications",
        desk.asked_application(from_prepayment(invoice, usd("5.00")), on="2026-01-09"),
        "prepayment-not-yet-there",
    )

    assert (named["pointer"], named["not_before"]) == ("/applications/0/prepayment_id", "2026-01-10")
    assert pool["pointer"] == "/applications/0/amount"
    desk.apply(from_prepayment(invoice, usd("5.00")), on="2026-01-10")


def test_an_invoice_stands_once_unless_other_prepayments_are_named_for_it(desk: Desk) -> None:
    first, second = prepay(desk, usd("10.00")), prepay(desk, usd("10.00"))
    invoice = desk.invoice()
    twice = desk.asked_application(from_prepayment(invoice, usd("5.00")), from_prepayment(invoice, usd("5.00")))

    (error,) = desk.refuse("prepayment-applications", twice, "invoice-twice")

    assert error["pointer"] == "/applications/1/invoice_id"
    desk.apply(from_prepayment(invoice, usd("5.00"), first), from_prepayment(invoice, usd("5.00"), second))
    assert desk.open_on(invoice) == 9000


def test_all_faults_of_an_application_are_named_at_once(desk: Desk) -> None:
    desk.close_period("2026-01-31")
    prepay_free = desk.asked_application(
        from_prepayment(new_id("inv"), usd("5.00")), from_prepayment(desk.invoice(), usd("5.00"), new_id("ppy")), on="2026-01-16"
    )

    errors = desk.refuse("prepayment-applications", {**prepay_free, "customer_id": new_id("cus")}, "invalid-input")

    assert sorted(error["pointer"] for error in errors) == [
        "/applications/0/amount",
        "/applications/0/invoice_id",
        "/applications/1/invoice_id",
        "/applications/1/prepayment_id",
        "/applied_on",
        "/applied_on",
        "/customer_id",
    ]


def test_the_same_application_sent_again_with_its_id_is_answered_and_not_made_again(desk: Desk) -> None:
    prepay(desk, usd("50.00"))
    body = {**desk.asked_application(from_prepayment(desk.invoice(), usd("20.00"))), "id": new_id("pra")}

    first = desk.write("prepayment-applications", body)
    again = desk.write("prepayment-applications", body)

    assert again["applications"] == first["applications"]
    assert desk.prepaid() == 3000
    desk.refuse("prepayment-applications", {**body, "applied_on": "2026-01-13"}, "id-in-use", status=409)


def test_prepayments_are_listed_one_by_one_and_as_balances(desk: Desk) -> None:
    other = desk.customer("OTHER")
    first, used = prepay(desk, usd("50.00"), on="2026-01-06"), prepay(desk, usd("10.00"), on="2026-01-05")
    euros = prepay(desk, Money(700, "EUR"), on="2026-01-07")
    of_other = prepay(desk, usd("3.00"), customer_id=other)
    applied = desk.apply(from_prepayment(desk.invoice(), usd("10.00")))["id"]

    items = desk.get("/api/payments/prepayments", customer_id=desk.acme)["items"]
    balances = desk.get("/api/payments/prepayment-balances")["items"]

    assert [(item["id"], item["remaining"]["amount"]) for item in items] == [(used, 0), (first, 5000), (euros, 700)]
    assert [item["id"] for item in desk.get("/api/payments/prepayments", available="true")["items"]] == [first, euros, of_other]
    assert sorted((item["customer_code"], item["remaining"]["currency"], item["remaining"]["amount"]) for item in balances) == [
        ("ACME", "EUR", 700),
        ("ACME", "USD", 5000),
        ("OTHER", "USD", 300),
    ]
    assert [item["id"] for item in desk.get("/api/payments/prepayment-applications", customer_id=desk.acme)["items"]] == [applied]


def test_balances_go_on_where_their_page_ended(desk: Desk) -> None:
    prepay(desk, usd("1.00"))
    prepay(desk, Money(100, "EUR"))

    first = desk.get("/api/payments/prepayment-balances", limit=1)
    second = desk.get("/api/payments/prepayment-balances", limit=1, cursor=first["next_cursor"])

    assert [page["items"][0]["remaining"]["currency"] for page in (first, second)] == ["EUR", "USD"]
    assert second["next_cursor"] is None


def test_applying_prepayments_is_a_right_of_its_own(desk: Desk) -> None:
    desk.may_only("payments.prepayment.read", "payments.receipt.post").refused(
        "/api/payments/prepayment-applications", {}, status=403, problem="permission-missing"
    )


def test_the_proof_states_what_remains_per_customer_and_names_the_documents(desk: Desk) -> None:
    first, second = prepay(desk, usd("50.00")), prepay(desk, usd("20.00"))
    invoice = desk.invoice(usd("50.00"))
    paid = desk.receive(usd("50.00"), to_invoice(invoice, usd("50.00")))
    desk.void(paid["id"])
    desk.apply(from_prepayment(invoice, usd("50.00"), first))

    answer = desk.house.peers["identity"].get("payments", "/internal/proof", company=desk.id, documents=desk.acme).json()

    receipt = desk.get("/api/payments/prepayments", customer_id=desk.acme)["items"][-1]["receipt_id"]
    assert answer["prepayments"] == [[desk.acme, "USD", 2000]]
    assert answer["documents"] == [[desk.acme, second, receipt, "USD", 2000]]
