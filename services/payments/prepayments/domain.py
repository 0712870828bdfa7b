"""Which prepayments pay for which invoices. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from services.payments.invoices.domain import NamedInvoice, OpenInvoice, OpenInvoices
from services.payments.refusals import InvoiceTwice, PrepaymentExceeded
from shared.errors import Faults, Invalid, NotFound
from shared.ids import new_id
from shared.money import CurrencyMismatch, Money


class NoSuchPrepaymentApplication(NotFound):
    """There is no prepayment application with this id."""

    code = "prepayment-application-not-found"


class PrepaymentUnknown(Invalid):
    """The customer has no such prepayment; look at the list of the customer's prepayments."""

    code = "prepayment-unknown"


class PrepaymentNotYetThere(Invalid):
    """Money is never applied before it was there; date the application later."""

    code = "prepayment-not-yet-there"


@dataclass(frozen=True, slots=True)
class AskedApplication:
    """`prepayment_id` None: whichever of the customer's prepayments are oldest."""

    invoice: NamedInvoice
    amount: Money
    prepayment_id: str | None = None


@dataclass(slots=True)
class Lot:
    """A prepayment of the customer, locked by the transaction; `remaining` shrinks with what the transaction takes."""

    id: str
    receipt_id: str
    currency: str
    posting_on: date
    remaining: int


@dataclass(frozen=True, slots=True)
class Applied:
    """Money of one prepayment, set against one invoice."""

    application_id: str
    prepayment_id: str
    receipt_id: str
    invoice_id: str
    invoice_number: str
    amount: int


def apply_lots(
    asked: Sequence[AskedApplication],
    lots: Iterable[Lot],
    invoices: OpenInvoices,
    customer_id: str,
    applied_on: date,
    faults: Faults,
) -> list[Applied]:
    """Takes the money for each application from the prepayment that it names, then the others' from the oldest that have some.

    Adds a fault for each application beyond what its prepayments still hold on `applied_on`, beyond what is open on its
    invoice (BR-AR-C2), in another currency, of another customer, or to an invoice that is named twice.
    """
    oldest_first = sorted(lots, key=lambda lot: (lot.posting_on, lot.id))
    by_id = {lot.id: lot for lot in oldest_first}
    taken: list[list[tuple[Lot, int]]] = [[] for _ in asked]
    # those that name a prepayment come first, so that the others do not use it up before them
    for number in sorted(range(len(asked)), key=lambda place: asked[place].prepayment_id is None):
        each, place = asked[number], f"/applications/{number}"
        if each.prepayment_id is not None:
            taken[number] = _from_named(each, by_id.get(each.prepayment_id), applied_on, place, faults)
        else:
            taken[number] = _from_oldest(each, oldest_first, applied_on, place, faults)
    invoice_of = [_invoice(number, each, asked, invoices, customer_id, faults) for number, each in enumerate(asked)]
    return [
        Applied(new_id("app"), lot.id, lot.receipt_id, invoice.id, invoice.number, amount)
        for invoice, parts in zip(invoice_of, taken, strict=True)
        if invoice is not None
        for lot, amount in parts
    ]


def _invoice(
    number: int,
    each: AskedApplication,
    asked: Sequence[AskedApplication],
    invoices: OpenInvoices,
    customer_id: str,
    faults: Faults,
) -> OpenInvoice | None:
    place = f"/applications/{number}"
    invoice = invoices.find(each.invoice, place, faults)
    if invoice is None:
        return None
    if each.amount.currency != asked[0].amount.currency:
        faults.add(f"{place}/amount/currency", CurrencyMismatch("prepayments of one currency are applied at a time"))
    for earlier in range(number):
        same = asked[earlier]
        if same.prepayment_id == each.prepayment_id and invoice.named_by(same.invoice):
            faults.add(f"{place}/{each.invoice.field}", InvoiceTwice(f"{invoice.number} stands at {earlier + 1} already"))
            return invoice
    invoices.apply(invoice, each.invoice, each.amount, customer_id, place, faults)
    return invoice


def _from_named(each: AskedApplication, lot: Lot | None, applied_on: date, place: str, faults: Faults) -> list[tuple[Lot, int]]:
    if lot is None or lot.currency != each.amount.currency:
        faults.add(
            f"{place}/prepayment_id", PrepaymentUnknown(f"the customer has no prepayment {each.prepayment_id} in this currency")
        )
        return []
    if lot.posting_on > applied_on:
        faults.add(
            f"{place}/prepayment_id", PrepaymentNotYetThere(f"it is there from {lot.posting_on}", not_before=lot.posting_on)
        )
        return []
    if each.amount.minor > lot.remaining:
        faults.add(f"{place}/amount", _exceeds(lot.remaining, each.amount, "of this prepayment"))
        return []
    lot.remaining -= each.amount.minor
    return [(lot, each.amount.minor)]


def _from_oldest(
    each: AskedApplication, lots: Sequence[Lot], applied_on: date, place: str, faults: Faults
) -> list[tuple[Lot, int]]:
    usable = [lot for lot in lots if lot.currency == each.amount.currency and lot.posting_on <= applied_on and lot.remaining]
    available = sum(lot.remaining for lot in usable)
    if each.amount.minor > available:
        later = sum(lot.remaining for lot in lots if lot.currency == each.amount.currency and lot.posting_on > applied_on)
        if each.amount.minor <= available + later:
            faults.add(
                f"{place}/amount", PrepaymentNotYetThere(f"{Money(available, each.amount.currency)} is there on {applied_on}")
            )
        else:
            faults.add(f"{place}/amount", _exceeds(available, each.amount, f"of the customer's prepayments on {applied_on}"))
        return []
    parts = []
    wanted = each.amount.minor
    for lot in usable:
        part = min(wanted, lot.remaining)
        lot.remaining -= part
        wanted -= part
        parts.append((lot, part))
        if not wanted:
            break
    return parts


def _exceeds(remaining: int, asked: Money, of_what: str) -> PrepaymentExceeded:
    left = Money(remaining, asked.currency)
    return PrepaymentExceeded(
        f"{left} is left {of_what}, {asked} is too much", remaining={"amount": left.minor, "currency": left.currency}
    )
