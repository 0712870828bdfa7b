"""The list from which deposits are made: every receipt that waits, with the sums of them."""

from __future__ import annotations

from typing import Any

from services.banking.tests.conftest import Bank
from shared.contracts.billing import CustomerChanged, CustomerCreated
from shared.ids import derived_id, new_id
from shared.money import Money
from shared.testing import usd, wire

PATH = "/api/banking/undeposited-receipts"


def test_a_receipt_that_waits_is_shown_as_payments_posted_it(bank: Bank) -> None:
    receipt = bank.receipt(usd("12.34"), "2026-01-09")

    (item,) = bank.company.get(PATH)["items"]

    event = bank.producers["payments"].log[-1]
    assert item == {
        "receipt_id": receipt,
        "customer_id": bank.customer_id,
        "customer_code": "C-1",
        "customer_name": "Greenfield Construction",
        "occurred_on": "2026-01-09",
        "posting_on": "2026-01-09",
        "amount": wire(usd("12.34")),
        "payment_type": "Check",
        "deposit_group": "Checks",
        "check_number": "8842",
        "recorded_at": "2026-01-15T12:00:00+00:00",
        "entry_id": derived_id("je", event.id),
    }


def test_the_list_sums_all_that_the_filters_let_through_per_group_and_currency(bank: Bank) -> None:
    bank.receipt(usd("10.00"))
    bank.receipt(usd("20.00"))
    bank.receipt(usd("5.00"), group="Cash")
    bank.receipt(Money(7_00, "EUR"), group=None)

    page = bank.company.get(PATH, limit=1)

    assert len(page["items"]) == 1
    assert page["groups"] == [
        {"deposit_group": None, "receipts": 1, "total": wire(Money(7_00, "EUR"))},
        {"deposit_group": "Cash", "receipts": 1, "total": wire(usd("5.00"))},
        {"deposit_group": "Checks", "receipts": 2, "total": wire(usd("30.00"))},
    ]
    assert page["totals"] == [
        {"receipts": 1, "total": wire(Money(7_00, "EUR"))},
        {"receipts": 3, "total": wire(usd("35.00"))},
    ]
    assert bank.company.get(PATH, deposit_group="Cash")["totals"] == [{"receipts": 1, "total": wire(usd("5.00"))}]


def test_nothing_that_waits_is_an_empty_list(bank: Bank) -> None:
    assert bank.company.get(PATH) == {"items": [], "next_cursor": None, "groups": [], "totals": []}


def test_the_list_is_filtered_sorted_and_paged(bank: Bank) -> None:
    other_customer = new_id("cus")
    old = bank.receipt(usd("10.00"), "2026-01-08")
    new = bank.receipt(usd("30.00"), "2026-01-12", customer_id=other_customer)
    cash = bank.receipt(usd("20.00"), "2026-01-10", group="Cash")

    assert bank.waiting() == [old, cash, new]
    assert bank.waiting(sort="-amount") == [new, cash, old]
    assert bank.waiting(deposit_group="Cash") == [cash]
    assert bank.waiting(customer_id=other_customer) == [new]
    assert bank.waiting(occurred_from="2026-01-10") == [cash, new]
    assert bank.waiting(occurred_to="2026-01-10") == [old, cash]
    assert bank.waiting(currency="EUR") == []
    first = bank.company.get(PATH, limit=2)
    second = bank.company.get(PATH, limit=2, cursor=first["next_cursor"])
    assert [item["receipt_id"] for item in first["items"] + second["items"]] == [old, cash, new]


def test_a_customer_that_has_not_arrived_leaves_the_receipt_in_the_list(bank: Bank) -> None:
    bank.receipt(customer_id=new_id("cus"))

    (item,) = bank.company.get(PATH)["items"]

    assert (item["customer_code"], item["customer_name"]) == (None, None)


def test_a_customer_that_is_named_twice_in_a_page_has_the_newest_name(bank: Bank) -> None:
    customer_id = new_id("cus")
    billing = bank.producers["billing"]
    named: dict[str, Any] = {"customer_id": customer_id, "active": True}
    billing.states(bank.company.id, customer_id, CustomerCreated(code="C-2", name="Hollow Oak", **named))
    billing.states(bank.company.id, customer_id, CustomerChanged(code="C-2", name="Hollow Oak & Sons", **named))
    billing.deliver()
    bank.receipt(customer_id=customer_id)

    assert bank.company.get(PATH)["items"][0]["customer_name"] == "Hollow Oak & Sons"


def test_the_same_page_of_receipts_twice_lets_each_wait_once(bank: Bank) -> None:
    payments = bank.producers["payments"]
    before = payments.position()
    receipt = bank.receipt()

    payments.deliver(before)

    assert bank.waiting() == [receipt]


def test_a_page_with_receipts_of_several_companies_gives_each_its_own(bank: Bank, other_bank: Bank) -> None:
    mine, yours = bank.receipt(deliver=False), other_bank.receipt(deliver=False)
    bank.producers["payments"].deliver()

    assert (bank.waiting(), other_bank.waiting()) == ([mine], [yours])


def test_the_list_needs_its_permission(bank: Bank) -> None:
    assert bank.company.may_only("banking.deposit.read").call("GET", PATH).status_code == 200
    assert bank.company.may_only("banking.bank_account.read").call("GET", PATH).status_code == 403
