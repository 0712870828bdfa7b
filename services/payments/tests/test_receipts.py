"""Receipts: what a posted one says, and every reason why one is refused."""

from __future__ import annotations

from services.payments.tests.desk import Desk, to_account, to_invoice, to_prepayment
from shared.ids import new_id
from shared.money import Money
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


def test_an_invoice_may_be_named_by_its_number(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"), number="INV-7")

    made = desk.receive(usd("40.00"), {"kind": "invoice", "invoice_number": "INV-7", "amount": wire(usd("40.00"))})

    assert made["lines"][0]["invoice_id"] == invoice
    assert desk.open_on(invoice) == 6000


def test_what_is_paid_too_much_becomes_a_prepayment_where_that_is_asked_for(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))

    made = desk.receive(usd("120.00"), to_invoice(invoice, usd("100.00")), overpayment="prepayment")

    assert made["lines"][1]["kind"] == "prepayment"
    assert made["lines"][1]["amount"] == wire(usd("20.00"))
    assert made["prepayments"][0]["origin"] == "overpayment"
    assert desk.prepaid() == 2000


def test_a_receipt_without_lines_may_be_a_prepayment_as_a_whole(desk: Desk) -> None:
    made = desk.receive(usd("500.00"), overpayment="prepayment")

    assert [line["kind"] for line in made["lines"]] == ["prepayment"]
    assert desk.prepaid() == 50000


def test_the_payer_is_the_customer_unless_another_is_named(desk: Desk) -> None:
    assert desk.receive(usd("1.00"), to_prepayment(usd("1.00")))["payer_name"] == "Acme Inc."
    assert desk.receive(usd("1.00"), to_prepayment(usd("1.00")), payer_name="Parent Co.")["payer_name"] == "Parent Co."


def test_money_that_needs_no_deposit_waits_on_its_clearing_account(desk: Desk) -> None:
    made = desk.receive(usd("10.00"), to_prepayment(usd("10.00")), payment_type="wire", check_number=None)

    assert (made["payment_type"], made["needs_deposit"], made["cash_account"], made["deposit_group"]) == (
        "Wire",
        False,
        "1080",
        None,
    )
    assert made["deposit_state"] == "not_needed"


def test_the_deposit_group_is_that_of_the_payment_type_unless_another_is_named(desk: Desk) -> None:
    assert desk.receive(usd("1.00"), to_prepayment(usd("1.00")))["deposit_group"] == "Checks"
    assert desk.receive(usd("1.00"), to_prepayment(usd("1.00")), deposit_group="Lockbox")["deposit_group"] == "Lockbox"


def test_a_receipt_is_settled_in_the_currency_of_its_invoice(desk: Desk) -> None:
    invoice = desk.invoice(Money(9000, "EUR"))

    desk.receive(Money(9000, "EUR"), to_invoice(invoice, Money(9000, "EUR")))

    assert desk.open_on(invoice) == 0


def test_a_receipt_shows_the_deposit_that_it_is_in(desk: Desk) -> None:
    made = desk.receive(usd("10.00"), to_prepayment(usd("10.00")))
    path = f"/api/payments/receipts/{made['id']}"
    assert desk.get(path)["deposit_state"] == "undeposited"

    deposit = desk.deposit(made["id"])
    assert (desk.get(path)["deposit_state"], desk.get(path)["deposit_id"]) == ("deposited", deposit)

    desk.void_deposit(deposit, made["id"])
    assert (desk.get(path)["deposit_state"], desk.get(path)["deposit_id"]) == ("undeposited", None)


def test_the_same_receipt_sent_again_with_its_id_is_answered_and_not_posted_again(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    body = desk.asked(usd("60.00"), to_invoice(invoice, usd("60.00")), id=new_id("rct"))

    first = desk.write("receipts", body)
    again = desk.write("receipts", body)

    assert again == first
    assert desk.open_on(invoice) == 4000
    assert len(desk.events(body["id"])) == 1
    desk.refuse("receipts", {**body, "notes": "other"}, "id-in-use", status=409)


def test_a_repeated_idempotency_key_replays_the_first_answer(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    body = desk.asked(usd("60.00"), to_invoice(invoice, usd("60.00")))

    first = desk.call("POST", "/api/payments/receipts", body, key="k1")
    again = desk.call("POST", "/api/payments/receipts", body, key="k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert desk.open_on(invoice) == 4000
    desk.refuse("receipts", {**body, "notes": "other"}, "idempotency-key-reused", key="k1")


def test_the_answer_names_the_event_to_wait_for(desk: Desk) -> None:
    answer = desk.call("POST", "/api/payments/receipts", desk.asked(usd("1.00"), to_prepayment(usd("1.00"))))

    (event,) = desk.events(answer.json()["id"])
    assert answer.headers["Duebook-Event"] == f"payments:{event['id']}"


def test_receipts_are_listed_by_what_they_are_searched_for(desk: Desk) -> None:
    other = desk.customer("OTHER")
    invoice = desk.invoice(usd("50.00"))
    a = desk.receive(usd("1.00"), to_prepayment(usd("1.00")), received_on="2026-01-03", check_number="7")["id"]
    b = desk.receive(usd("50.00"), to_invoice(invoice, usd("50.00")), received_on="2026-01-05")["id"]
    c = desk.receive(usd("1.00"), to_prepayment(usd("1.00")), customer_id=other, payment_type="Cash", check_number=None)["id"]
    d = desk.receive(usd("1.00"), to_prepayment(usd("1.00")), payment_type="Wire", check_number=None)["id"]
    desk.deposit(a)
    desk.void(c)

    def found(**query: str) -> list[str]:
        return [item["id"] for item in desk.get("/api/payments/receipts", sort="received_on", **query)["items"]]

    assert found() == [a, b, *sorted((c, d))]
    assert found(customer_id=other) == [c]
    assert found(check_number="7") == [a]
    assert found(invoice_id=invoice) == [b]
    assert found(payment_type="Wire") == [d]
    assert found(undeposited="true") == [b]
    assert found(state="voided") == [c]
    assert found(**{"from": "2026-01-04", "to": "2026-01-09"}) == [b]


def test_a_list_of_receipts_goes_on_where_its_page_ended(desk: Desk) -> None:
    made = {desk.receive(usd("1.00"), to_prepayment(usd("1.00")))["id"] for _ in range(5)}

    seen: list[str] = []
    cursor = None
    while True:
        page = desk.get("/api/payments/receipts", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert (len(seen), set(seen)) == (5, made)


def test_open_invoices_are_those_that_can_still_be_paid(desk: Desk) -> None:
    partly, paid, void = desk.invoice(number="A"), desk.invoice(number="B"), desk.invoice(number="C")
    others = desk.invoice(customer_id=desk.customer("OTHER"), number="D")
    desk.receive(usd("130.00"), to_invoice(partly, usd("30.00")), to_invoice(paid, usd("100.00")))
    desk.void_invoice(void)

    items = desk.get("/api/payments/open-invoices", customer_id=desk.acme)["items"]

    assert [item["invoice_id"] for item in items] == [partly]
    assert {name: items[0][name] for name in ("invoice_number", "due_on", "total", "applied", "open", "customer_code")} == {
        "invoice_number": "A",
        "due_on": "2026-02-01",
        "total": wire(usd("100.00")),
        "applied": wire(usd("30.00")),
        "open": wire(usd("70.00")),
        "customer_code": "ACME",
    }
    assert [item["invoice_id"] for item in desk.get("/api/payments/open-invoices", invoice_number="D")["items"]] == [others]


def test_an_invoice_shows_what_was_applied_to_it(desk: Desk) -> None:
    invoice = desk.invoice()
    first = desk.receive(usd("30.00"), to_invoice(invoice, usd("30.00")))
    second = desk.receive(usd("20.00"), to_invoice(invoice, usd("20.00")))
    desk.void(first["id"])

    shown = desk.get(f"/api/payments/invoices/{invoice}")

    assert (shown["applied"], shown["open"]) == (wire(usd("20.00")), wire(usd("80.00")))
    assert [(each["receipt_id"], each["live"]["amount"]) for each in shown["applications"]] == [
        (first["id"], 0),
        (second["id"], 2000),
    ]
    assert shown["applications"][1]["entry_id"] == second["entry_id"]
