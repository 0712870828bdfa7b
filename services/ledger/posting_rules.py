"""The accounting policy: which event posts what. One rule an event; an accountant can review it from top to bottom.

A rule sees the event and the company's chart and nothing else. It names *roles* (`chart["ar"]`), which the company's
settings map to accounts; an account that the document itself names wins. Events without a rule post nothing.

Amounts here are signed: `debit(…)` is above zero, `credit(…)` below, a line of zero is left out, and an amount that is
itself negative (a credit line on an invoice) changes sides. What is stored is a side and an amount above zero. A line in
receivables, retention or prepayments names the customer. A line names a document where that is not the entry's own: the
invoice that a receipt pays, the prepayment that it makes, the receipt that a deposit takes along.
`docs/posting-rules.md` is made from this file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.contracts import Fact
from shared.contracts.banking import DepositPosted, DepositVoided, ItemReturned
from shared.contracts.billing import InvoiceIssued, InvoiceVoided
from shared.contracts.ledger import ManualEntryPosted, ManualEntryReversed
from shared.contracts.payments import ApplicationDisplaced, PrepaymentApplied, ReceiptPosted, ReceiptVoided

Roles = Mapping[str, str]
"""Role -> code of the account that fills it."""

Line = tuple[str, int, str | None, str | None]
"""Account, signed amount, the customer whose sub-ledger the line moves, the document where it is not the entry's own."""


def debit(account: str, amount: int, customer_id: str | None = None, document_id: str | None = None) -> Line:
    return account, amount, customer_id, document_id


def credit(account: str, amount: int, customer_id: str | None = None, document_id: str | None = None) -> Line:
    return account, -amount, customer_id, document_id


def mirrored(lines: list[Line]) -> list[Line]:
    """The exact reverse."""
    return [(account, -amount, customer_id, document_id) for account, amount, customer_id, document_id in lines]


class Source(NamedTuple):
    """What the entry says of its document: id, number (where it has one), and what a person wrote about it."""

    document_id: str
    document: str
    description: str


@dataclass(frozen=True, slots=True)
class Rule:
    kind: str
    debits: str
    credits: str
    lines: Callable[[Any, Roles], list[Line]]
    source: Callable[[Any], Source]
    reverses: bool
    """Whether the event names the one that it reverses."""


RULES: dict[str, Rule] = {}


def posts(
    fact: type[Fact], kind: str, *, debits: str, credits: str, source: Callable[[Any], Source]
) -> Callable[[Callable[[Any, Roles], list[Line]]], Callable[[Any, Roles], list[Line]]]:
    """Registers the rule of an event."""

    def register(lines: Callable[[Any, Roles], list[Line]]) -> Callable[[Any, Roles], list[Line]]:
        RULES[fact.type] = Rule(kind, debits, credits, lines, source, "reverses" in fact.__struct_fields__)
        return lines

    return register


# Invoices


@posts(
    InvoiceIssued,
    "invoice issued",
    debits="accounts receivable: total",
    credits="each line's account, else sales · freight · sales tax",
    source=lambda invoice: Source(invoice.invoice_id, invoice.number, ""),
)
def invoice_issued(invoice: Any, chart: Roles) -> list[Line]:
    """A customer owes the total; what was sold, carried and taxed is credited."""
    lines = [debit(chart["ar"], invoice.total, invoice.customer_id)]
    lines += [credit(line.account or chart["sales"], line.amount) for line in invoice.lines]
    if invoice.freight:
        lines.append(credit(chart["freight"], invoice.freight))
    if invoice.tax:
        lines.append(credit(chart["sales_tax"], invoice.tax))
    return lines


@posts(
    InvoiceVoided,
    "invoice voided",
    debits="each line's account, else sales · freight · sales tax",
    credits="accounts receivable: total",
    source=lambda invoice: Source(invoice.invoice_id, invoice.number, invoice.reason),
)
def invoice_voided(invoice: Any, chart: Roles) -> list[Line]:
    """The exact reverse of what was issued."""
    return mirrored(invoice_issued(invoice, chart))


# Receipts


@posts(
    ReceiptPosted,
    "receipt posted",
    debits="undeposited funds, or the payment type's clearing account: amount",
    credits="per line: accounts receivable · customer prepayments · the account it names",
    source=lambda receipt: Source(receipt.receipt_id, receipt.check_number, ""),
)
def receipt_posted(receipt: Any, chart: Roles) -> list[Line]:
    """Money came in and settles invoices, is kept as a prepayment, or belongs to an account."""
    customer = receipt.customer_id
    lines = [debit(receipt.cash_account or chart["undeposited"], receipt.amount)]
    for line in receipt.lines:
        if line.kind == "invoice":
            lines.append(credit(chart["ar"], line.amount, customer, line.invoice_id))
        elif line.kind == "prepayment":
            lines.append(credit(chart["prepayments"], line.amount, customer, line.prepayment_id))
        else:
            lines.append(credit(line.account, line.amount))
    return lines


@posts(
    ReceiptVoided,
    "receipt voided",
    debits="where the money is now, per line: accounts receivable · customer prepayments · the account it names",
    credits="undeposited funds, or the payment type's clearing account: amount",
    source=lambda receipt: Source(receipt.receipt_id, "", receipt.reason),
)
def receipt_voided(receipt: Any, chart: Roles) -> list[Line]:
    """The reverse of the sum of all entries that this receipt has caused: its lines say where its money is at this moment."""
    return mirrored(receipt_posted(receipt, chart))


# Prepayments


@posts(
    PrepaymentApplied,
    "prepayment applied",
    debits="customer prepayments, per application",
    credits="accounts receivable, per application",
    source=lambda applied: Source(applied.prepayment_application_id, "", ""),
)
def prepayment_applied(applied: Any, chart: Roles) -> list[Line]:
    """A customer's prepaid money settles invoices."""
    lines = []
    for application in applied.applications:
        lines.append(debit(chart["prepayments"], application.amount, applied.customer_id, application.prepayment_id))
        lines.append(credit(chart["ar"], application.amount, applied.customer_id, application.invoice_id))
    return lines


@posts(
    ApplicationDisplaced,
    "application displaced",
    debits="accounts receivable",
    credits="customer prepayments",
    source=lambda displaced: Source(displaced.receipt_id, "", ""),
)
def application_displaced(displaced: Any, chart: Roles) -> list[Line]:
    """Money that did not fit its invoice any more is the customer's prepayment again."""
    return [
        debit(chart["ar"], displaced.amount, displaced.customer_id, displaced.invoice_id),
        credit(chart["prepayments"], displaced.amount, displaced.customer_id, displaced.prepayment_id),
    ]


# Deposits


@posts(
    DepositPosted,
    "deposit posted",
    debits="the bank's account: total less fee · the fee's account, else bank fees: fee",
    credits="undeposited funds, per receipt",
    source=lambda deposit: Source(deposit.deposit_id, deposit.reference, ""),
)
def deposit_posted(deposit: Any, chart: Roles) -> list[Line]:
    """Receipts that waited were taken to the bank, which may have kept a fee."""
    lines = [debit(deposit.account, deposit.total - deposit.fee)]
    if deposit.fee:
        lines.append(debit(deposit.fee_account or chart["bank_fees"], deposit.fee))
    lines += [credit(chart["undeposited"], item.amount, None, item.receipt_id) for item in deposit.items]
    return lines


@posts(
    DepositVoided,
    "deposit voided",
    debits="undeposited funds, per receipt that is still in it",
    credits="the bank's account: their total less fee · the fee's account, else bank fees: fee",
    source=lambda deposit: Source(deposit.deposit_id, "", deposit.reason),
)
def deposit_voided(deposit: Any, chart: Roles) -> list[Line]:
    """The reverse of what the deposit still is: items that were returned before have entries of their own."""
    return mirrored(deposit_posted(deposit, chart))


@posts(
    ItemReturned,
    "deposit item returned",
    debits="undeposited funds",
    credits="the bank's account",
    source=lambda item: Source(item.deposit_id, "", ""),
)
def item_returned(item: Any, chart: Roles) -> list[Line]:
    """A receipt that was voided leaves its deposit."""
    return [
        debit(chart["undeposited"], item.amount, None, item.receipt_id),
        credit(item.account, item.amount),
    ]


# Manual entries


@posts(
    ManualEntryPosted,
    "manual entry posted",
    debits="its debit lines",
    credits="its credit lines",
    source=lambda entry: Source(entry.manual_entry_id, "", entry.description),
)
def manual_entry(entry: Any, chart: Roles) -> list[Line]:
    """As it was written; control accounts were refused before it became a fact."""
    side = {"debit": debit, "credit": credit}
    return [side[line.side](line.account, line.amount) for line in entry.lines]


posts(
    ManualEntryReversed,
    "manual entry reversed",
    debits="its credit lines",
    credits="its debit lines",
    source=lambda entry: Source(entry.manual_entry_id, "", entry.reason),
)(manual_entry)
"""The event carries the mirrored lines."""
