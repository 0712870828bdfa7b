"""Payments among the real services: what billing, banking and the ledger make of what it states, and it of theirs."""

from __future__ import annotations

from typing import Any

import pytest

from services.payments.tests.desk import from_prepayment, to_invoice, to_prepayment
from shared.testing import usd, wire
from tests.product import Company, House


class Office:
    """One company in the whole house, on January 15, 2026."""

    def __init__(self, house: House, company: Company):
        self.house, self.company = house, company
        self.acme = company.post("/api/billing/customers", {"name": "Acme Inc."})["id"]

    def invoice(self, amount: str) -> str:
        line = {"description": "Work", "quantity": "1", "unit_price": amount}
        body = {"customer_id": self.acme, "issued_on": "2026-01-10", "issue": True, "lines": [line]}
        invoice_id: str = self.company.post("/api/billing/invoices", body)["id"]
        return invoice_id

    def receive(self, amount: str, *lines: dict[str, Any], pump: bool = True) -> dict[str, Any]:
        body = {
            "customer_id": self.acme,
            "received_on": "2026-01-12",
            "payment_type": "Cash",
            "amount": wire(usd(amount)),
            "lines": list(lines),
        }
        made: dict[str, Any] = self.company.post("/api/payments/receipts", body, pump=pump)
        return made

    def void(self, receipt_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.company.post(f"/api/payments/receipts/{receipt_id}/void", {"reason": "bounced"})
        return answer

    def owed(self, invoice_id: str) -> int:
        cents: int = self.company.get(f"/api/billing/invoices/{invoice_id}")["balance"]["amount"]
        return cents

    def prepaid(self) -> int:
        return sum(item["remaining"]["amount"] for item in self.company.get("/api/payments/prepayment-balances")["items"])

    def entry(self, entry_id: str) -> list[tuple[str, str, int]]:
        found = self.company.get(f"/api/ledger/entries/{entry_id}")
        return sorted((line["account"], line["side"], line["amount"]["amount"]) for line in found["postings"])

    def proof_holds(self) -> None:
        found = self.company.get("/api/ledger/proofs")
        assert found["state"] == "green", found
        for service in ("payments", "billing", "banking", "ledger"):
            assert self.company.get(f"/api/{service}/parked-events")["items"] == []


@pytest.fixture
def office(house: House, company: Company) -> Office:
    return Office(house, company)


def test_a_paid_invoice_is_paid_in_billing_and_posted_in_the_ledger(office: Office) -> None:
    invoice = office.invoice("100.00")

    made = office.receive("120.00", to_invoice(invoice, usd("100.00")), to_prepayment(usd("20.00")))

    assert office.owed(invoice) == 0
    assert office.entry(made["entry_id"]) == [("1050", "debit", 12000), ("1100", "credit", 10000), ("2300", "credit", 2000)]
    office.proof_holds()


def test_the_void_of_an_applied_prepayment_opens_the_invoice_again_everywhere(office: Office) -> None:
    invoice = office.invoice("100.00")
    made = office.receive("150.00", to_prepayment(usd("150.00")))
    office.company.post(
        "/api/payments/prepayment-applications",
        {"customer_id": office.acme, "applied_on": "2026-01-13", "applications": [from_prepayment(invoice, usd("100.00"))]},
    )
    assert (office.owed(invoice), office.prepaid()) == (0, 5000)

    shown = office.void(made["id"])

    assert (office.owed(invoice), office.prepaid()) == (10000, 0)
    assert office.entry(shown["void_entry_id"]) == [("1050", "credit", 15000), ("1100", "debit", 10000), ("2300", "debit", 5000)]
    office.proof_holds()


def test_a_receipt_posted_while_its_invoice_was_voided_becomes_a_prepayment(office: Office) -> None:
    invoice = office.invoice("100.00")
    made = office.receive("100.00", to_invoice(invoice, usd("100.00")), pump=False)
    office.company.post(f"/api/billing/invoices/{invoice}/void", {"reason": "entered twice"}, pump=False)

    office.house.pump()

    assert (office.owed(invoice), office.prepaid()) == (0, 10000)
    assert office.company.get(f"/api/payments/receipts/{made['id']}")["applications"][0]["live"]["amount"] == 0
    office.proof_holds()
    office.void(made["id"])
    assert (office.owed(invoice), office.prepaid()) == (0, 0)
    office.proof_holds()


def test_a_receipt_voided_while_billing_displaces_it_is_taken_back_once(office: Office) -> None:
    invoice = office.invoice("100.00")
    made = office.receive("100.00", to_invoice(invoice, usd("100.00")), pump=False)
    office.company.post(f"/api/billing/invoices/{invoice}/void", {"reason": "entered twice"}, pump=False)
    office.house.pump(only=("billing",))

    office.void(made["id"])

    assert (office.owed(invoice), office.prepaid()) == (0, 0)
    office.proof_holds()


def test_a_deposited_receipt_that_is_voided_is_returned_from_its_deposit(office: Office) -> None:
    made = office.receive("30.00", to_prepayment(usd("30.00")))
    bank = office.company.get("/api/banking/bank-accounts")["items"][0]["id"]
    office.company.post(
        "/api/banking/deposits", {"bank_account_id": bank, "posting_on": "2026-01-13", "receipt_ids": [made["id"]]}
    )
    path = f"/api/payments/receipts/{made['id']}"
    assert office.company.get(path)["deposit_state"] == "deposited"

    assert office.void(made["id"])["deposit_state"] == "deposited"

    assert office.company.get(path)["deposit_state"] == "returned"
    office.proof_holds()
