"""A cash receipt: what is asked for, and the receipt that follows from it or every reason why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.payments.invoices.domain import NamedInvoice, OpenInvoices
from services.payments.payment_types.domain import PaymentType, PaymentTypeInactive, PaymentTypeUnknown, check_clearing_account
from services.payments.refusals import CustomerUnknown, InvoiceTwice
from shared.accounts import Account, check_account
from shared.errors import Conflict, Faults, Invalid, NotFound
from shared.ids import new_id
from shared.money import CurrencyMismatch, Money

LineKind = Literal["invoice", "prepayment", "account"]


class NoSuchReceipt(NotFound):
    """There is no receipt with this id."""

    code = "receipt-not-found"


class ReceiptOutOfBalance(Invalid):
    """Out of balance transaction: the lines of a receipt must sum to its amount."""

    code = "receipt-out-of-balance"


class CheckNumberMissing(Invalid):
    """A receipt of this payment type names the number of its check."""

    code = "check-number-missing"


class CashAccountFixed(Invalid):
    """The payment type says where its money waits and allows no other cash account; leave it out."""

    code = "cash-account-fixed"


class DepositGroupNotNeeded(Invalid):
    """Money of this payment type needs no deposit, so it belongs to no deposit group; leave it out."""

    code = "deposit-group-not-needed"


class ReceiptVoidedAlready(Conflict):
    """The receipt is void; it cannot be voided again."""

    code = "receipt-voided-already"
    rule = "BR-AR-C4"


class VoidBeforeDocument(Invalid):
    """A void is never dated before the receipt, nor before what became of its money."""

    code = "void-before-document"
    rule = "BR-AR-C4"


@dataclass(frozen=True, slots=True)
class AskedLine:
    """A line as it is asked for; `place` is its pointer within the receipt."""

    kind: LineKind
    amount: Money
    place: str
    invoice: NamedInvoice | None = None
    account: str | None = None
    notes: str = ""


@dataclass(frozen=True, slots=True)
class AskedReceipt:
    """A receipt as it is asked for. `customer_id` None: that of its invoices (imports). `lines_place`: pointer of its lines."""

    payment_type: str
    received_on: date
    amount: Money
    lines: tuple[AskedLine, ...]
    customer_id: str | None = None
    payer_name: str | None = None
    check_number: str = ""
    deposit_group: str | None = None
    cash_account: str | None = None
    notes: str = ""
    overpayment: Literal["refuse", "prepayment"] = "refuse"
    lines_place: str = "/lines"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a posted receipt; it made the application or the prepayment that it names."""

    kind: LineKind
    amount: int
    application_id: str | None = None
    invoice_id: str | None = None
    invoice_number: str | None = None
    prepayment_id: str | None = None
    account: str | None = None
    notes: str = ""
    origin: Literal["line", "overpayment"] = "line"


@dataclass(frozen=True, slots=True)
class Receipt:
    id: str
    customer_id: str
    payer_name: str
    received_on: date
    posting_on: date
    payment_type: PaymentType
    cash_account: str | None
    deposit_group: str | None
    check_number: str
    currency: str
    amount: int
    notes: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Books:
    """What a receipt is decided against, read (and its invoices locked) before."""

    payment_types: Mapping[str, PaymentType]
    """By name in lower case."""
    customers: Mapping[str, str]
    """Names by id."""
    invoices: OpenInvoices
    accounts: Mapping[str, Account]
    """By code: those of account lines, and those where money without a deposit waits."""


def decide_receipt(
    receipt_id: str, asked: AskedReceipt, posting_on: date, books: Books, pointer: str, faults: Faults
) -> Receipt | None:
    """The receipt that follows; None, with a fault for each rule that is broken, where none may.

    Its lines sum to its amount to the cent (F-CR-06); with `overpayment` "prepayment" what they leave over becomes one more
    line, a prepayment (F-CR-08). No invoice is on two lines (F-CR-07) or gets more than is open on it (BR-AR-C2).
    """
    before = len(faults.found)
    if asked.customer_id is not None and asked.customer_id not in books.customers:
        faults.add(f"{pointer}/customer_id", CustomerUnknown(f"there is no customer {asked.customer_id}"))
    payment_type = _payment_type(asked, books, pointer, faults)
    lines, customer_id = _lines(asked, books, pointer, faults)
    in_one_currency = all(line.amount.currency == asked.amount.currency for line in asked.lines)
    over = asked.amount.minor - sum(line.amount.minor for line in asked.lines) if in_one_currency else 0
    if over > 0 and asked.overpayment == "prepayment":
        lines.append(Line("prepayment", over, prepayment_id=new_id("ppy"), origin="overpayment"))
    elif over:
        faults.add(pointer + asked.lines_place, _out_of_balance(asked.amount, over))
    if len(faults.found) > before or payment_type is None or customer_id is None:
        return None
    return Receipt(
        id=receipt_id,
        customer_id=customer_id,
        payer_name=asked.payer_name or books.customers[customer_id],
        received_on=asked.received_on,
        posting_on=posting_on,
        payment_type=payment_type,
        cash_account=asked.cash_account or payment_type.cash_account,
        deposit_group=asked.deposit_group or payment_type.deposit_group,
        check_number=asked.check_number,
        currency=asked.amount.currency,
        amount=asked.amount.minor,
        notes=asked.notes,
        lines=tuple(lines),
    )


def _out_of_balance(amount: Money, over: int) -> ReceiptOutOfBalance:
    lines = Money(amount.minor - over, amount.currency)
    hint = '; add lines for the rest, or send overpayment "prepayment"' if over > 0 else "; lower a line or raise the amount"
    return ReceiptOutOfBalance(
        f"Out of balance transaction: the lines sum to {lines}, the amount is {amount}{hint}",
        amount={"amount": amount.minor, "currency": amount.currency},
        lines={"amount": lines.minor, "currency": lines.currency},
    )


def _payment_type(asked: AskedReceipt, books: Books, pointer: str, faults: Faults) -> PaymentType | None:
    made = books.payment_types.get(asked.payment_type.lower())
    if made is None:
        faults.add(f"{pointer}/payment_type", PaymentTypeUnknown(f"there is no payment type {asked.payment_type}"))
        return None
    if not made.active:
        faults.add(f"{pointer}/payment_type", PaymentTypeInactive(f"{made.name} is not active"))
    if made.needs_check_number and not asked.check_number:
        faults.add(f"{pointer}/check_number", CheckNumberMissing(f"{made.name} needs a check number"))
    if asked.deposit_group is not None and not made.needs_deposit:
        faults.add(f"{pointer}/deposit_group", DepositGroupNotNeeded())
    if asked.cash_account is not None and not made.allows_cash_account_override:
        faults.add(f"{pointer}/cash_account", CashAccountFixed(f"{made.name} allows no other cash account"))
    elif not made.needs_deposit:
        code = asked.cash_account or made.cash_account
        place = "cash_account" if asked.cash_account else "payment_type"
        check_clearing_account(code, books.accounts.get(code or ""), f"{pointer}/{place}", faults)
    return made


def _lines(asked: AskedReceipt, books: Books, pointer: str, faults: Faults) -> tuple[list[Line], str | None]:
    """The lines, and the customer: the one that is named, else that of the first invoice."""
    customer_id = asked.customer_id
    lines: list[Line] = []
    on_line: dict[str, int] = {}
    for number, line in enumerate(asked.lines):
        place = pointer + line.place
        if line.amount.currency != asked.amount.currency:
            faults.add(
                f"{place}/amount/currency",
                CurrencyMismatch(f"the receipt is in {asked.amount.currency}, so are its lines"),
            )
        if line.kind == "prepayment":
            lines.append(Line("prepayment", line.amount.minor, prepayment_id=new_id("ppy"), notes=line.notes))
        elif line.kind == "account":
            assert line.account is not None
            check_account(books.accounts.get(line.account), line.account, f"{place}/account", faults)
            lines.append(Line("account", line.amount.minor, account=line.account, notes=line.notes))
        else:
            assert line.invoice is not None
            invoice = books.invoices.find(line.invoice, place, faults)
            if invoice is None:
                continue
            if invoice.id in on_line:
                faults.add(
                    f"{place}/{line.invoice.field}",
                    InvoiceTwice(f"{invoice.number} is on line {on_line[invoice.id] + 1} already"),
                )
                continue
            on_line[invoice.id] = number
            customer_id = customer_id or invoice.customer_id
            books.invoices.apply(invoice, line.invoice, line.amount, customer_id, place, faults)
            lines.append(
                Line(
                    "invoice",
                    line.amount.minor,
                    application_id=new_id("app"),
                    invoice_id=invoice.id,
                    invoice_number=invoice.number,
                    notes=line.notes,
                )
            )
    return lines, customer_id


@dataclass(frozen=True, slots=True)
class Live:
    """Money of a receipt as it lies at this moment, for its void."""

    kind: LineKind
    amount: int
    application_id: str | None = None
    invoice_id: str | None = None
    prepayment_id: str | None = None
    account: str | None = None


def taken_back(amount: int, live: list[Live]) -> list[Live]:
    """What a void takes back, from where it is: without what is zero. It is all of the receipt, or the books are wrong."""
    lines = [part for part in live if part.amount]
    assert sum(part.amount for part in lines) == amount, "the money of a receipt is in one place or another, all of it"
    return lines
