"""Writes the accounting policy as a page: `python -m services.ledger.rules_page` renews docs/posting-rules.md.

The table comes from the rules' own words; the example under it is what each rule does with an example event, so the page
cannot say what the code does not do.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from services.ledger.posting_rules import RULES
from shared.contracts import Fact
from shared.contracts.banking import DepositItem, DepositPosted, DepositVoided, ItemReturned
from shared.contracts.billing import InvoiceIssued, InvoiceLine, InvoiceVoided
from shared.contracts.ledger import ROLES, EntryLine, ManualEntryPosted, ManualEntryReversed
from shared.contracts.payments import (
    ApplicationDisplaced,
    PrepaymentApplication,
    PrepaymentApplied,
    ReceiptLine,
    ReceiptPosted,
    ReceiptVoided,
)
from shared.money import Money

PAGE = Path(__file__).resolve().parents[2] / "docs" / "posting-rules.md"

_DATED: dict[str, Any] = {"currency": "USD", "occurred_on": date(2026, 1, 31), "posting_on": date(2026, 1, 31)}
_INVOICE: dict[str, Any] = {
    **_DATED,
    "invoice_id": "invoice",
    "number": "INV-7",
    "customer_id": "customer",
    "total": 114_50,
    "lines": [
        InvoiceLine(line=1, description="Steel", amount=80_00),
        InvoiceLine(line=2, description="Rent of a crane", amount=20_00, account="4300"),
    ],
    "freight": 6_00,
    "tax": 8_50,
}
_RECEIPT: dict[str, Any] = {
    **_DATED,
    "receipt_id": "receipt",
    "customer_id": "customer",
    "amount": 150_00,
    "needs_deposit": True,
    "cash_account": None,
    "lines": [
        ReceiptLine(kind="invoice", amount=114_50, application_id="application", invoice_id="invoice"),
        ReceiptLine(kind="prepayment", amount=30_00, prepayment_id="prepayment"),
        ReceiptLine(kind="account", amount=5_50, account="4200"),
    ],
}
_DEPOSIT: dict[str, Any] = {
    **_DATED,
    "deposit_id": "deposit",
    "bank_account_id": "bank account",
    "account": "1010",
    "total": 150_00,
    "fee": 1_50,
    "fee_account": None,
    "items": [DepositItem(receipt_id="receipt", amount=150_00)],
}
_MANUAL: dict[str, Any] = {**_DATED, "manual_entry_id": "manual entry"}

EXAMPLES: tuple[Fact, ...] = (
    InvoiceIssued(**_INVOICE, due_on=date(2026, 2, 28), issued_on=date(2026, 1, 31)),
    InvoiceVoided(**_INVOICE, reverses="event", reason="issued twice"),
    ReceiptPosted(**_RECEIPT, payment_type="check"),
    ReceiptVoided(**_RECEIPT, reverses="event", reason="bounced"),
    PrepaymentApplied(
        **_DATED,
        prepayment_application_id="prepayment application",
        customer_id="customer",
        amount=30_00,
        applications=[
            PrepaymentApplication(
                application_id="application",
                prepayment_id="prepayment",
                receipt_id="receipt",
                invoice_id="next invoice",
                amount=30_00,
            )
        ],
    ),
    ApplicationDisplaced(
        **_DATED,
        application_id="application",
        receipt_id="receipt",
        invoice_id="invoice",
        prepayment_id="new prepayment",
        customer_id="customer",
        amount=114_50,
    ),
    DepositPosted(**_DEPOSIT),
    DepositVoided(**_DEPOSIT, reverses="event", reason="never brought"),
    ItemReturned(
        **_DATED, deposit_id="deposit", receipt_id="receipt", bank_account_id="bank account", account="1010", amount=150_00
    ),
    ManualEntryPosted(
        **_MANUAL,
        description="Owner pays in",
        lines=[
            EntryLine(account="5000", side="debit", amount=10_00),
            EntryLine(account="3000", side="credit", amount=10_00),
        ],
    ),
    ManualEntryReversed(
        **_MANUAL,
        reason="wrong owner",
        reverses="event",
        lines=[
            EntryLine(account="5000", side="credit", amount=10_00),
            EntryLine(account="3000", side="debit", amount=10_00),
        ],
    ),
)
"""One event of each kind that posts."""

_OPENING = """# Posting rules

<!-- made by `python -m services.ledger.rules_page` from services/ledger/posting_rules.py -->

Each event that posts becomes exactly one entry. Rules name the *roles* of accounts, which the company maps to its own
chart (`/api/ledger/roles`); an account that a document names itself comes first. Events that are not here post nothing; so does
a document that comes to zero. An amount below zero changes sides.

| event | debit | credit |
|---|---|---|
"""

_EXAMPLES = """
## What the rules do with an example

Names of roles are in italics; a role's account stands in the company's chart. The document is named where it is not the
entry's own.
"""


def page() -> str:
    """The page as it should be."""
    parts = [_OPENING]
    parts += [f"| {rule.kind}<br>`{event_type}` | {rule.debits} | {rule.credits} |\n" for event_type, rule in RULES.items()]
    parts.append(_EXAMPLES)
    roles = {role: f"*{role}*" for role in ROLES}
    for fact in EXAMPLES:
        rule = RULES[fact.type]
        words = " ".join((rule.lines.__doc__ or "").split())
        parts.append(
            f"\n### {rule.kind}\n\n{words}\n\n| account | debit | credit | document | customer |\n|---|---:|---:|---|---|\n"
        )
        for account, amount, customer, document in rule.lines(fact, roles):
            debit, credit = (_shown(amount), "") if amount > 0 else ("", _shown(-amount))
            parts.append(f"| {account} | {debit} | {credit} | {document or ''} | {'yes' if customer else ''} |\n")
    return "".join(parts)


def _shown(amount: int) -> str:
    return f"{Money(amount, 'USD').decimal:,.2f}"


if __name__ == "__main__":
    PAGE.write_text(page())
