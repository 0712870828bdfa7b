"""A customer's timeline holds each event that touched the customer, once, newest first."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from services.notifications.tests.conftest import Producers, shown
from shared.contracts.banking import DepositItem, DepositPosted, DepositVoided, ItemReturned
from shared.contracts.billing import (
    ApplicationOverapplied,
    CustomerChanged,
    CustomerCreated,
    InvoiceIssued,
    InvoiceLine,
    InvoiceVoided,
)
from shared.contracts.payments import (
    ApplicationDisplaced,
    PrepaymentApplication,
    PrepaymentApplied,
    ReceiptLine,
    ReceiptPosted,
    ReceiptVoided,
)
from shared.ids import new_id
from shared.log.consumer import Taken
from shared.testing import usd, wire
from tests.product import Company

DAY = date(2026, 1, 9)


def customer(customer_id: str) -> CustomerCreated:
    return CustomerCreated(customer_id=customer_id, code="C-1", name="Greenfield Construction", active=True)


def receipt(customer_id: str, receipt_id: str, amount: int = 40_00) -> ReceiptPosted:
    return ReceiptPosted(
        receipt_id=receipt_id,
        customer_id=customer_id,
        currency="USD",
        occurred_on=DAY,
        posting_on=DAY,
        amount=amount,
        needs_deposit=True,
        cash_account=None,
        lines=[ReceiptLine(kind="prepayment", amount=amount, prepayment_id=new_id("pre"))],
        payment_type="Check",
        check_number="8842",
    )


def deposited(*items: tuple[str, int], **change: Any) -> dict[str, Any]:
    return {
        "deposit_id": new_id("dep"),
        "bank_account_id": new_id("ban"),
        "account": "1010",
        "currency": "USD",
        "occurred_on": DAY,
        "posting_on": DAY,
        "total": sum(amount for _, amount in items),
        "fee": 0,
        "fee_account": None,
        "items": [DepositItem(receipt_id=receipt_id, amount=amount) for receipt_id, amount in items],
        **change,
    }


def every_fact(customer_id: str) -> list[tuple[Any, str, str, int | None]]:
    """One of each fact that touches a customer, with document, number and amount as the timeline shows them."""
    invoice_id, receipt_id, other_id = new_id("inv"), new_id("rct"), new_id("pra")
    invoice: dict[str, Any] = {
        "invoice_id": invoice_id,
        "number": "INV-1",
        "customer_id": customer_id,
        "currency": "USD",
        "occurred_on": DAY,
        "posting_on": DAY,
        "total": 100_00,
        "lines": [InvoiceLine(line=1, description="Beams", amount=100_00)],
    }
    posted = receipt(customer_id, receipt_id)
    void = {
        name: getattr(posted, name)
        for name in (
            "receipt_id",
            "customer_id",
            "currency",
            "occurred_on",
            "posting_on",
            "amount",
            "needs_deposit",
            "cash_account",
            "lines",
        )
    }
    of_customer: dict[str, Any] = {"customer_id": customer_id, "currency": "USD", "occurred_on": DAY, "amount": 30_00}
    application = PrepaymentApplication(
        application_id=new_id("app"), prepayment_id=new_id("pre"), receipt_id=receipt_id, invoice_id=invoice_id, amount=30_00
    )
    banked = deposited((receipt_id, 40_00))
    return [
        (customer(customer_id), customer_id, "C-1", None),
        (CustomerChanged(customer_id=customer_id, code="C-2", name="Greenfield", active=True), customer_id, "C-2", None),
        (InvoiceIssued(**invoice, due_on=DAY, issued_on=DAY), invoice_id, "INV-1", 100_00),
        (posted, receipt_id, "8842", 40_00),
        (
            PrepaymentApplied(prepayment_application_id=other_id, posting_on=DAY, applications=[application], **of_customer),
            other_id,
            "",
            30_00,
        ),
        (DepositPosted(**banked, reference="slip 1"), banked["deposit_id"], "slip 1", 40_00),
        (DepositVoided(**banked, reverses="evt_1", reason="wrong"), banked["deposit_id"], "", 40_00),
        (InvoiceVoided(**invoice, reverses="evt_1", reason="wrong"), invoice_id, "INV-1", 100_00),
        (ApplicationOverapplied(application_id=new_id("app"), invoice_id=invoice_id, **of_customer), invoice_id, "", 30_00),
        (
            ApplicationDisplaced(
                application_id=new_id("app"),
                receipt_id=receipt_id,
                invoice_id=invoice_id,
                prepayment_id=new_id("pre"),
                posting_on=DAY,
                **of_customer,
            ),
            receipt_id,
            "",
            30_00,
        ),
        (ReceiptVoided(**void, reverses="evt_1", reason="bounced"), receipt_id, "", 40_00),
        (
            ItemReturned(
                deposit_id=banked["deposit_id"],
                receipt_id=receipt_id,
                bank_account_id=banked["bank_account_id"],
                account="1010",
                currency="USD",
                occurred_on=DAY,
                posting_on=DAY,
                amount=40_00,
            ),
            banked["deposit_id"],
            "",
            40_00,
        ),
    ]


def test_every_fact_of_a_customer_is_on_the_timeline_newest_first(producers: Producers, company: Company) -> None:
    customer_id = new_id("cus")
    facts = every_fact(customer_id)

    events = [producers.told(company, fact) for fact, _, _, _ in facts]

    items = shown(company, customer_id)
    assert [item["event_id"] for item in items] == events[::-1]
    told = [(item["kind"], item["document_id"], item["number"], item["amount"]) for item in reversed(items)]
    assert told == [
        (fact.type, document_id, number, amount and {"amount": amount, "currency": "USD"})
        for fact, document_id, number, amount in facts
    ]
    assert {item["producer"] for item in items} == {"billing", "payments", "banking"}
    assert {item["actor"] for item in items} == {"usr_test"}
    assert items[0]["occurred_on"] == "2026-01-09"


def test_the_same_page_twice_is_on_the_timeline_once(producers: Producers, company: Company) -> None:
    customer_id, receipt_id = new_id("cus"), new_id("rct")
    producers.told(company, receipt(customer_id, receipt_id))
    producers.told(company, DepositPosted(**deposited((receipt_id, 40_00))))

    for producer in ("payments", "banking"):
        assert producers.deliver(producer, 0) is Taken.NOTHING_NEW

    assert [item["kind"] for item in shown(company, customer_id)] == ["banking.deposit.posted", "payments.receipt.posted"]


def test_a_deposit_shows_each_customer_that_customers_part_in_one_row(producers: Producers, company: Company) -> None:
    mine, yours = new_id("cus"), new_id("cus")
    receipts = [new_id("rct") for _ in range(3)]
    for receipt_id, customer_id in zip(receipts, (mine, mine, yours), strict=True):
        producers.told(company, receipt(customer_id, receipt_id))

    producers.told(company, DepositPosted(**deposited((receipts[0], 10_00), (receipts[1], 20_00), (receipts[2], 5_00))))

    assert [item["amount"] for item in shown(company, mine, kind="banking.deposit.posted")] == [wire(usd("30.00"))]
    assert [item["amount"] for item in shown(company, yours, kind="banking.deposit.posted")] == [wire(usd("5.00"))]


def test_a_deposit_that_arrives_before_its_receipts_is_placed_when_they_do(producers: Producers, company: Company) -> None:
    customer_id, receipts = new_id("cus"), [new_id("rct"), new_id("rct")]
    producers.told(company, receipt(customer_id, receipts[0]))
    producers.states(company, receipt(customer_id, receipts[1]))
    deposit = producers.told(company, DepositPosted(**deposited((receipts[0], 10_00), (receipts[1], 20_00))))
    before = shown(company, customer_id, kind="banking.deposit.posted")

    producers.deliver("payments")

    after = shown(company, customer_id)
    assert [item["amount"] for item in before] == [wire(usd("10.00"))]
    (placed,) = (item for item in after if item["event_id"] == deposit)
    assert placed["amount"] == wire(usd("30.00"))
    assert len(after) == 3


def test_events_that_were_recorded_at_one_instant_keep_their_order(producers: Producers, company: Company) -> None:
    customer_id = new_id("cus")
    events = [producers.states(company, receipt(customer_id, new_id("rct"))) for _ in range(3)]
    log = producers.logs["payments"]
    log[-3:] = [msgspec.structs.replace(envelope, time=log[-1].time) for envelope in log[-3:]]

    producers.deliver("payments")

    assert [item["event_id"] for item in shown(company, customer_id)] == events[::-1]


def test_the_day_of_a_fact_without_one_is_the_companys(producers: Producers, other_company: Company) -> None:
    customer_id = new_id("cus")
    producers.clock.move_to(date(2026, 1, 20))

    producers.told(other_company, customer(customer_id))

    # noon in UTC is past midnight in Auckland
    assert shown(other_company, customer_id)[0]["occurred_on"] == "2026-01-21"


def test_a_timeline_is_filtered_by_kind_and_days(producers: Producers, company: Company) -> None:
    customer_id = new_id("cus")
    producers.told(company, receipt(customer_id, new_id("rct")))
    producers.clock.move_to(date(2026, 2, 1))
    producers.told(company, customer(customer_id))

    def kinds(**query: Any) -> list[str]:
        return [item["kind"] for item in shown(company, customer_id, **query)]

    assert kinds(kind="payments.receipt.posted") == ["payments.receipt.posted"]
    assert kinds(occurred_from="2026-01-10") == ["billing.customer.created"]
    assert kinds(occurred_to="2026-01-10") == ["payments.receipt.posted"]
    assert kinds(sort="at") == ["payments.receipt.posted", "billing.customer.created"]


def test_a_timeline_is_paged_by_cursor(producers: Producers, company: Company) -> None:
    customer_id = new_id("cus")
    events = [producers.told(company, receipt(customer_id, new_id("rct"))) for _ in range(3)]
    path = f"/api/notifications/customers/{customer_id}/timeline"

    first = company.get(path, limit=2)
    second = company.get(path, limit=2, cursor=first["next_cursor"])

    assert [item["event_id"] for item in first["items"] + second["items"]] == events[::-1]
    assert second["next_cursor"] is None


def test_another_company_sees_nothing(producers: Producers, company: Company, other_company: Company) -> None:
    customer_id = new_id("cus")
    producers.told(company, customer(customer_id))

    assert len(shown(company, customer_id)) == 1
    assert shown(other_company, customer_id) == []


def test_a_timeline_needs_its_permission(company: Company) -> None:
    path = f"/api/notifications/customers/{new_id('cus')}/timeline"

    assert company.may_only("notifications.timeline.read").call("GET", path).status_code == 200
    assert company.may_only("billing.customer.read").call("GET", path).status_code == 403


@pytest.mark.parametrize(
    ("query", "pointer"),
    [({"kind": "billing.invoice.paid"}, "/kind"), ({"limit": 201}, "/limit"), ({"occurred_from": "soon"}, "/occurred_from")],
)
def test_a_filter_that_cannot_be_read_is_refused_with_its_place(company: Company, query: dict[str, Any], pointer: str) -> None:
    answer = company.call("GET", f"/api/notifications/customers/{new_id('cus')}/timeline", **query)

    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


def test_a_cursor_of_another_sort_is_refused(producers: Producers, company: Company) -> None:
    customer_id = new_id("cus")
    for _ in range(2):
        producers.told(company, receipt(customer_id, new_id("rct")))
    path = f"/api/notifications/customers/{customer_id}/timeline"
    cursor = company.get(path, limit=1)["next_cursor"]

    assert company.call("GET", path, cursor=cursor, sort="at").json()["type"] == "/problems/cursor-unusable"


def test_an_import_of_many_receipts_is_taken_in_at_once(producers: Producers, company: Company) -> None:
    customer_id = new_id("cus")
    receipts = [new_id("rct") for _ in range(120)]
    for receipt_id in receipts:
        producers.states(company, receipt(customer_id, receipt_id, 1_00))
    producers.deliver("payments")
    producers.told(company, DepositPosted(**deposited(*((receipt_id, 1_00) for receipt_id in receipts))))

    (deposit,) = shown(company, customer_id, kind="banking.deposit.posted")

    assert deposit["amount"] == wire(usd("120.00"))
    assert len(shown(company, customer_id, kind="payments.receipt.posted", limit=200)) == 120
