"""Money that payments applied: balances, what did not fit, voids, and that nothing counts twice."""

import random
from typing import Any

from services.billing.tests.books import Books, usd
from shared.contracts import Event
from shared.contracts.ledger import PeriodClosed
from shared.ids import new_id
from tests.product import iso

OVERAPPLIED = "billing.application.overapplied"


def void(books: Books, invoice: dict[str, Any], **more: Any) -> dict[str, Any]:
    return books.post(f"/api/billing/invoices/{invoice['id']}/void", {"reason": "wrong customer", **more})


def overapplied(books: Books, receipt: Event) -> list[int]:
    subject = receipt.data.lines[0].application_id
    return [event["amount"] for event in books.stated(subject) if event["type"] == OVERAPPLIED]


def test_applied_money_lowers_the_balance_and_settles_the_invoice(books: Books) -> None:
    invoice = books.issue("100.00")

    books.take(books.receipt((invoice, "60.00"), on="2026-01-20"))
    partly = books.invoice(invoice["id"])
    books.take(books.prepayment((invoice, "40.00"), on="2026-01-22"))
    paid = books.invoice(invoice["id"])

    assert (partly["balance"], partly["payment_state"], partly["settled_on"]) == (usd("40.00"), "partly_paid", None)
    assert (paid["balance"], paid["payment_state"], paid["settled_on"]) == (usd("0.00"), "paid", "2026-01-22")
    assert [(posting["kind"], posting["amount"]["amount"]) for posting in paid["postings"]] == [
        ("invoice", 10000),
        ("application", -6000),
        ("application", -4000),
    ]
    assert books.unreconciled() == []


def test_a_voided_receipt_makes_the_invoice_owed_again_as_it_was_before(books: Books) -> None:
    invoice = books.issue("100.00")
    first, second = books.receipt((invoice, "30.00")), books.receipt((invoice, "70.00"))
    books.take(first, second)

    books.take(books.void_of(second))

    assert (books.balance(invoice["id"]), books.invoice(invoice["id"])["payment_state"]) == (7000, "partly_paid")


def test_a_page_of_many_events_on_one_invoice_counts_them_in_order(books: Books) -> None:
    invoice, other = books.issue("100.00"), books.issue("50.00")
    first = books.receipt((invoice, "100.00"), (other, "10.00"))
    again = books.receipt((invoice, "100.00"))

    books.take(first, books.void_of(first), again)

    assert (books.balance(invoice["id"]), books.balance(other["id"])) == (0, 5000)
    assert overapplied(books, first) + overapplied(books, again) == []


def test_pages_may_hold_several_companies(books: Books) -> None:
    other = books.another()
    mine, theirs = books.issue("10.00"), other.issue("20.00")

    books.take(books.receipt((mine, "4.00")), other.receipt((theirs, "5.00")), books.receipt((mine, "6.00")))

    assert (books.balance(mine["id"]), other.balance(theirs["id"])) == (0, 1500)
    assert books.unreconciled() == other.unreconciled() == []


def test_events_that_come_again_change_nothing(books: Books) -> None:
    invoice = books.issue("100.00")
    paid, more = books.receipt((invoice, "60.00")), books.receipt((invoice, "60.00"))
    books.take(paid, more)
    before = books.invoice(invoice["id"])

    books.take(paid, more)
    books.take(more, books.void_of(paid))

    assert before["balance"] == usd("-20.00")
    assert books.balance(invoice["id"]) == 4000
    assert overapplied(books, more) == [2000]
    assert books.unreconciled() == []


def test_money_that_arrives_after_the_void_does_not_fit_and_comes_back_when_displaced(books: Books) -> None:
    invoice = books.issue("100.00")
    void(books, invoice)
    receipt = books.receipt((invoice, "60.00"))

    books.take(receipt)
    assert (books.balance(invoice["id"]), overapplied(books, receipt)) == (-6000, [6000])
    books.take(books.displaced(receipt, "60.00"))

    assert books.balance(invoice["id"]) == 0
    (stated,) = books.stated(receipt.data.lines[0].application_id)
    assert (stated["invoice_id"], stated["customer_id"], stated["occurred_on"]) == (
        invoice["id"],
        invoice["customer_id"],
        "2026-01-20",
    )
    assert books.unreconciled() == []


def test_only_the_part_that_did_not_fit_is_named_and_each_application_by_itself(books: Books) -> None:
    invoice = books.issue("100.00")
    first, second, third = (books.receipt((invoice, amount)) for amount in ("80.00", "50.00", "10.00"))

    books.take(first, second, third)

    assert (overapplied(books, first), overapplied(books, second), overapplied(books, third)) == ([], [3000], [1000])


def test_an_invoice_with_money_applied_is_not_voided_and_the_money_is_named(books: Books) -> None:
    invoice = books.issue("100.00")
    receipt, gone, prepaid = (
        books.receipt((invoice, "60.00")),
        books.receipt((invoice, "5.00")),
        books.prepayment((invoice, "10.00")),
    )
    books.take(receipt, gone, prepaid)
    books.take(books.void_of(gone))

    refused = books.company.refused(
        f"/api/billing/invoices/{invoice['id']}/void", {"reason": "x"}, status=409, problem="invoice-has-money-applied"
    )

    assert {(item["document_id"], item["amount"]) for item in refused["applications"]} == {
        (receipt.data.receipt_id, 6000),
        (prepaid.data.prepayment_application_id, 1000),
    }
    assert books.invoice(invoice["id"])["state"] == "issued"


def test_after_its_receipt_is_voided_the_invoice_can_be_voided_but_not_before_that_day(books: Books) -> None:
    invoice = books.issue("100.00", on="2026-01-10")
    receipt = books.receipt((invoice, "60.00"), on="2026-01-12")
    books.take(receipt, books.void_of(receipt, on="2026-01-14"))

    refused = books.company.refused(
        f"/api/billing/invoices/{invoice['id']}/void",
        {"reason": "x", "voided_on": "2026-01-13"},
        status=422,
        problem="void-too-early",
    )

    assert refused["errors"][0]["earliest"] == "2026-01-14"
    assert void(books, invoice, voided_on="2026-01-14")["state"] == "void"


def test_a_void_takes_the_invoice_off_as_it_was_issued_and_keeps_its_number(books: Books) -> None:
    invoice = books.issue("100.00", on="2026-01-10")

    voided = void(books, invoice)

    assert (voided["state"], voided["payment_state"], voided["balance"], voided["number"]) == (
        "void",
        None,
        usd("0.00"),
        "INV-000001",
    )
    assert (voided["void"]["voided_on"], voided["void"]["reason"]) == ("2026-01-15", "wrong customer")
    assert [posting["amount"]["amount"] for posting in voided["postings"]] == [10000, -10000]
    issued, gone = books.stated(invoice["id"])
    assert gone["reverses"] == voided["postings"][0]["event_id"]
    assert {key: gone[key] for key in ("lines", "total", "number")} == {key: issued[key] for key in ("lines", "total", "number")}
    assert (gone["occurred_on"], gone["posting_on"]) == ("2026-01-15", "2026-01-15")
    assert books.issue("1.00")["number"] == "INV-000002"


def test_a_void_invoice_and_a_draft_are_not_voided(books: Books) -> None:
    invoice, draft = books.issue("10.00"), books.draft("10.00")
    void(books, invoice)

    books.company.refused(
        f"/api/billing/invoices/{invoice['id']}/void", {"reason": "x"}, status=409, problem="invoice-already-void"
    )
    books.company.refused(f"/api/billing/invoices/{draft['id']}/void", {"reason": "x"}, status=409, problem="invoice-draft")


def test_a_void_is_dated_neither_before_its_invoice_nor_into_a_closed_period(books: Books) -> None:
    invoice = books.issue("10.00", on="2026-01-10")
    books.take(books.event(PeriodClosed(close_id=new_id("pcl"), through=iso("2026-01-12"))))
    path = f"/api/billing/invoices/{invoice['id']}/void"

    early = books.company.refused(path, {"reason": "x", "voided_on": "2026-01-09"}, status=422, problem="invalid-input")
    books.company.refused(path, {"reason": "x", "voided_on": "2026-01-12"}, status=422, problem="period-closed")
    books.company.refused(path, {"reason": ""}, status=422, problem="invalid-input")

    assert {error["type"] for error in early["errors"]} == {"/problems/void-too-early", "/problems/period-closed"}
    assert void(books, invoice, voided_on="2026-01-13")["state"] == "void"


def test_every_open_item_is_the_sum_of_its_postings_whatever_happened(books: Books) -> None:
    chance = random.Random(7)
    customer = books.customer()
    invoices = [books.issue(f"{chance.randint(10, 99)}.00", customer_id=customer) for _ in range(6)]
    receipts: list[Event] = []

    for _ in range(12):
        page: list[Event] = []
        for _ in range(chance.randint(1, 5)):
            if receipts and chance.random() < 0.3:
                page.append(books.void_of(receipts.pop(chance.randrange(len(receipts)))))
            else:
                parts = [(invoice, f"{chance.randint(1, 60)}.00") for invoice in chance.sample(invoices, chance.randint(1, 3))]
                receipts.append(books.receipt(*parts))
                page.append(receipts[-1])
        books.take(*page)
        if chance.random() < 0.3:
            books.company.call("POST", f"/api/billing/invoices/{chance.choice(invoices)['id']}/void", {"reason": "x"})

    assert books.unreconciled() == []
    live = {
        invoice["id"]: invoice["total"]["amount"] for invoice in invoices if books.invoice(invoice["id"])["state"] == "issued"
    }
    for receipt in receipts:
        for line in receipt.data.lines:
            live[line.invoice_id] = live.get(line.invoice_id, 0) - line.amount
    assert {invoice["id"]: books.balance(invoice["id"]) for invoice in invoices} == {
        i["id"]: live.get(i["id"], 0) for i in invoices
    }
