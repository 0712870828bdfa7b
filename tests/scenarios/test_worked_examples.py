"""The field's worked examples, day by day through HTTP, with the dates, amounts and entries that they must give."""

from __future__ import annotations

from typing import Any

import pytest

from shared.testing import usd, wire
from tests.product import Company, House, iso


class Books:
    """One company's days, in an accountant's words."""

    def __init__(self, house: House, company: Company):
        self.house, self.company = house, company

    def day(self, day: str) -> None:
        self.house.clock.move_to(iso(day))

    def customer(self, name: str) -> str:
        return self.company.post("/api/billing/customers", {"name": name, "terms_id": self.terms("Net 30")})["id"]

    def terms(self, description: str) -> str:
        found = self.company.get("/api/billing/terms", limit=200)["items"]
        return next(item["id"] for item in found if item["description"] == description)

    def issue(self, customer: str, number: str, *lines: dict[str, str]) -> dict[str, Any]:
        body = {"customer_id": customer, "number": number, "issue": True, "lines": list(lines)}
        return self.company.post("/api/billing/invoices", body)

    def receive(self, customer: str, check: str, amount: str, *lines: dict[str, Any]) -> dict[str, Any]:
        body = {
            "customer_id": customer,
            "received_on": self.house.clock.today("UTC").isoformat(),
            "payment_type": "Check",
            "check_number": check,
            "amount": wire(usd(amount)),
            "lines": list(lines),
        }
        return self.company.post("/api/payments/receipts", body)

    def entry(self, entry_id: str) -> tuple[str, list[tuple[str, str, str]]]:
        """The posting date, and account, side and amount of each posting."""
        found = self.company.get(f"/api/ledger/entries/{entry_id}")
        postings = [(line["account"], line["side"], f"{line['amount']['amount'] / 100:,.2f}") for line in found["postings"]]
        return found["posting_on"], postings

    def balance(self, account: str) -> str:
        for row in self.company.get("/api/ledger/trial-balance", as_of=self.house.clock.today("UTC").isoformat())["items"]:
            if row["code"] == account:
                return f"{row['balance']['amount'] / 100:,.2f}"
        return "0.00"

    def owed(self, invoice_id: str) -> dict[str, Any]:
        return self.company.get(f"/api/billing/invoices/{invoice_id}")

    def proof_holds(self) -> None:
        found = self.company.get("/api/ledger/proofs")
        assert found["state"] == "green", found


@pytest.fixture
def books(house: House, company: Company) -> Books:
    return Books(house, company)


def test_example_1_from_its_invoice_to_its_deposit(books: Books) -> None:
    books.day("2026-02-15")
    greenfield = books.customer("Greenfield Construction")

    invoice = books.issue(greenfield, "INV-7721", {"description": "Steel Beam W8x18", "quantity": "200", "unit_price": "85.00"})

    assert invoice["due_on"] == "2026-03-17"
    assert invoice["total"] == wire(usd("17000.00"))
    issued = books.owed(invoice["id"])["postings"][0]["entry_id"]
    assert books.entry(issued) == ("2026-02-15", [("1100", "debit", "17,000.00"), ("4000", "credit", "17,000.00")])

    books.day("2026-03-10")
    receipt = books.receive(
        greenfield, "8842", "17000.00", {"kind": "invoice", "invoice_number": "INV-7721", "amount": wire(usd("17000.00"))}
    )

    assert receipt["deposit_group"] == "Checks"
    assert books.entry(receipt["entry_id"]) == ("2026-03-10", [("1050", "debit", "17,000.00"), ("1100", "credit", "17,000.00")])
    paid = books.owed(invoice["id"])
    assert (paid["payment_state"], paid["balance"]["amount"], paid["settled_on"]) == ("paid", 0, "2026-03-10")

    bank = books.company.get("/api/banking/bank-accounts")["items"][0]["id"]
    deposit = books.company.post(
        "/api/banking/deposits", {"bank_account_id": bank, "posting_on": "2026-03-10", "deposit_group": "Checks"}
    )

    assert deposit["net"] == wire(usd("17000.00"))
    assert [item["receipt_id"] for item in deposit["items"]] == [receipt["id"]]
    assert books.entry(deposit["entry_id"]) == ("2026-03-10", [("1010", "debit", "17,000.00"), ("1050", "credit", "17,000.00")])
    assert books.company.get("/api/banking/undeposited-receipts")["items"] == []
    assert (books.balance("1010"), books.balance("1100"), books.balance("1050")) == ("17,000.00", "0.00", "0.00")
    books.proof_holds()


def test_example_3_a_prepayment_settles_two_invoices(books: Books) -> None:
    books.day("2026-01-15")
    greenfield = books.customer("Greenfield Construction")

    receipt = books.receive(greenfield, "8800", "10000.00", {"kind": "prepayment", "amount": wire(usd("10000.00"))})

    assert books.entry(receipt["entry_id"]) == ("2026-01-15", [("1050", "debit", "10,000.00"), ("2300", "credit", "10,000.00")])

    books.day("2026-02-20")
    materials = books.issue(
        greenfield, "INV-7740", {"description": "Materials delivery", "quantity": "1", "unit_price": "6500.00"}
    )
    labor = books.issue(greenfield, "INV-7741", {"description": "Labor charges", "quantity": "1", "unit_price": "3500.00"})

    books.day("2026-02-28")
    applied = books.company.post(
        "/api/payments/prepayment-applications",
        {
            "customer_id": greenfield,
            "applied_on": "2026-02-28",
            "applications": [
                {"invoice_id": materials["id"], "amount": wire(usd("6500.00"))},
                {"invoice_id": labor["id"], "amount": wire(usd("3500.00"))},
            ],
        },
    )

    posted_on, postings = books.entry(applied["entry_id"])
    assert posted_on == "2026-02-28"
    by_side = {side: sum(float(a.replace(",", "")) for _, s, a in postings if s == side) for side in ("debit", "credit")}
    assert by_side == {"debit": 10000, "credit": 10000}
    assert {(account, side) for account, side, _ in postings} == {("2300", "debit"), ("1100", "credit")}
    for invoice in (materials, labor):
        assert books.owed(invoice["id"])["payment_state"] == "paid"
    assert books.balance("2300") == "0.00"
    assert books.balance("1100") == "0.00"
    books.company.refused(
        "/api/payments/prepayment-applications",
        {
            "customer_id": greenfield,
            "applied_on": "2026-02-28",
            "applications": [{"invoice_id": labor["id"], "amount": wire(usd("0.01"))}],
        },
        status=409,
        problem="prepayment-exceeded",
    )
    books.proof_holds()
