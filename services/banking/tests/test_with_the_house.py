"""Receipts to the bank through the whole house: payments' receipts, banking's deposits, the ledger's accounts, the timeline."""

from __future__ import annotations

from typing import Any

import pytest

from shared.testing import usd, wire
from tests.product import Company


def customer(company: Company) -> str:
    found: str = company.post("/api/billing/customers", {"name": "Greenfield Construction"})["id"]
    return found


def receipt(company: Company, customer_id: str, amount: str) -> str:
    body = {
        "customer_id": customer_id,
        "received_on": "2026-01-15",
        "payment_type": "Check",
        "check_number": "8842",
        "amount": wire(usd(amount)),
        "lines": [{"kind": "prepayment", "amount": wire(usd(amount))}],
    }
    found: str = company.post("/api/payments/receipts", body)["id"]
    return found


def balances(company: Company) -> dict[str, int]:
    """Undeposited funds, bank and bank fees in the ledger, in minor units; zero ones left out."""
    rows = company.get("/api/ledger/trial-balance", as_of="2026-01-15")["items"]
    shown = {row["code"]: row["balance"]["amount"] for row in rows if row["code"] in ("1010", "1050", "6100")}
    return {code: amount for code, amount in shown.items() if amount}


@pytest.fixture
def banked(company: Company) -> dict[str, Any]:
    """A deposit of 60.00 and 40.00 with a fee of 1.00."""
    payer = customer(company)
    receipts = [receipt(company, payer, "60.00"), receipt(company, payer, "40.00")]
    bank_account = company.get("/api/banking/bank-accounts")["items"][0]["id"]
    body = {"bank_account_id": bank_account, "posting_on": "2026-01-15", "receipt_ids": receipts, "fee": wire(usd("1.00"))}
    return {"customer_id": payer, "receipts": receipts, **company.post("/api/banking/deposits", body)}


def test_a_deposit_moves_undeposited_funds_to_the_bank_less_the_fee(company: Company, banked: dict[str, Any]) -> None:
    assert balances(company) == {"1010": 99_00, "6100": 1_00}
    entry = company.get(f"/api/ledger/entries/{banked['entry_id']}")
    assert entry["document_id"] == banked["id"]


def test_a_void_of_the_deposit_brings_the_receipts_back_to_undeposited_funds(company: Company, banked: dict[str, Any]) -> None:
    company.post(f"/api/banking/deposits/{banked['id']}/void", {"reason": "wrong slip"})

    assert balances(company) == {"1050": 100_00}


def test_a_receipt_that_is_voided_after_it_was_banked_leaves_the_bank_and_not_undeposited_funds(
    company: Company, banked: dict[str, Any]
) -> None:
    company.post(f"/api/payments/receipts/{banked['receipts'][1]}/void", {"reason": "insufficient funds"})

    shown = company.get(f"/api/banking/deposits/{banked['id']}")
    assert shown["returned"] == wire(usd("40.00"))
    assert balances(company) == {"1010": 59_00, "6100": 1_00}


def test_where_every_item_came_back_the_void_of_the_deposit_gives_back_the_fee(company: Company, banked: dict[str, Any]) -> None:
    for one in banked["receipts"]:
        company.post(f"/api/payments/receipts/{one}/void", {"reason": "insufficient funds"})
    company.post(f"/api/banking/deposits/{banked['id']}/void", {"reason": "nothing left"})

    assert balances(company) == {}


def test_a_fee_that_takes_the_whole_deposit_posts_nothing_to_the_bank(company: Company) -> None:
    bank_account = company.get("/api/banking/bank-accounts")["items"][0]["id"]
    body = {
        "bank_account_id": bank_account,
        "posting_on": "2026-01-15",
        "receipt_ids": [receipt(company, customer(company), "3.00")],
        "fee": wire(usd("3.00")),
    }
    company.post("/api/banking/deposits", body)

    assert balances(company) == {"6100": 3_00}


def test_the_customers_timeline_tells_the_whole_story(company: Company, banked: dict[str, Any]) -> None:
    company.post(f"/api/payments/receipts/{banked['receipts'][1]}/void", {"reason": "insufficient funds"})

    items = company.get(f"/api/notifications/customers/{banked['customer_id']}/timeline", sort="at")["items"]

    told = [(item["kind"], item["amount"] and item["amount"]["amount"]) for item in items]
    assert told == [
        ("billing.customer.created", None),
        ("payments.receipt.posted", 60_00),
        ("payments.receipt.posted", 40_00),
        ("banking.deposit.posted", 100_00),
        ("payments.receipt.voided", 40_00),
        ("banking.item.returned", 40_00),
    ]
