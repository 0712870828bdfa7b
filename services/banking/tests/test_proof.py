"""What banking answers to a proof: what waits for a deposit, what each bank holds, and the documents that make it up."""

from __future__ import annotations

import pytest

from services.banking.tests.conftest import Bank
from shared.money import Money
from shared.testing import usd


def test_a_proof_sums_what_waits_per_currency_and_the_banks_per_ledger_account(bank: Bank) -> None:
    bank.account("1020", "bank")
    euro_bank = bank.company.post(
        "/api/banking/bank-accounts", {"name": "Euro", "account": "1020", "currency": "EUR"}, pump=False
    )
    bank.deposit(bank.receipt(usd("100.00")), fee=usd("1.00"))
    wanted = {**bank.wanted(bank.receipt(Money(8_00, "EUR"))), "bank_account_id": euro_bank["id"]}
    bank.company.post("/api/banking/deposits", wanted, pump=False)
    bank.receipt(usd("5.00"))
    bank.receipt(usd("6.00"), group="Cash")
    bank.receipt(Money(7_00, "EUR"))
    bank.receipt(usd("50.00"), needs_deposit=False)

    proof = bank.proof()

    assert proof["undeposited"] == [["EUR", 7_00], ["USD", 11_00]]
    assert proof["banks"] == [["1010", "USD", 99_00], ["1020", "EUR", 8_00]]
    assert "documents" not in proof


def test_a_proof_leaves_out_what_comes_to_nothing(bank: Bank, other_bank: Bank) -> None:
    other_bank.receipt()
    made = bank.deposit(bank.receipt())
    bank.void(made["id"])
    for receipt_id in bank.waiting():
        bank.void_receipt(receipt_id)

    proof = bank.proof()

    assert (proof["undeposited"], proof["banks"]) == ([], [])


def test_a_proof_names_the_documents_that_it_is_asked_for(bank: Bank) -> None:
    kept, bounced, waits = bank.receipt(usd("60.00")), bank.receipt(usd("40.00")), bank.receipt(usd("5.00"), "2026-01-09")
    made = bank.deposit(kept, bounced, fee=usd("1.00"), reference="slip 1")
    bank.void_receipt(bounced)
    bank.void(bank.deposit(waits)["id"])

    both = bank.proof("undeposited,1010")["documents"]

    assert both == [["undeposited", waits, "2026-01-09", "USD", 5_00], ["1010", made["id"], "slip 1", "USD", 59_00]]
    assert bank.proof("1010")["documents"] == both[1:]
    assert bank.proof("undeposited")["documents"] == both[:1]


@pytest.mark.parametrize("documents", ["9999", "cus_1"])
def test_a_proof_of_documents_that_are_not_here_names_none(bank: Bank, documents: str) -> None:
    bank.deposit(bank.receipt())

    assert bank.proof(documents)["documents"] == []
