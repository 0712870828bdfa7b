"""Invoices that money is applied to, as payments knows them: what is open, and why money does not fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from services.payments.refusals import (
    ApplicationExceedsBalance,
    InvoiceNumberAmbiguous,
    InvoiceOfAnotherCustomer,
    InvoiceUnknown,
    InvoiceVoid,
)
from shared.errors import Faults
from shared.money import CurrencyMismatch, Money


@dataclass(frozen=True, slots=True)
class NamedInvoice:
    """An invoice as a request names it: by its id, or by its number. `field`: where in its line it does."""

    invoice_id: str | None = None
    invoice_number: str | None = None
    field: str = "invoice_id"

    @property
    def text(self) -> str:
        return self.invoice_id or self.invoice_number or ""


@dataclass(slots=True)
class OpenInvoice:
    """One invoice, locked by the transaction; `applied` grows with what the transaction applies."""

    id: str
    number: str
    customer_id: str
    currency: str
    issued_on: date
    due_on: date
    total: int
    applied: int
    voided: bool

    @property
    def open(self) -> int:
        """What can still be applied."""
        return 0 if self.voided else self.total - self.applied

    def named_by(self, named: NamedInvoice) -> bool:
        """Whether this is the invoice that is meant."""
        return named.invoice_id == self.id if named.invoice_id is not None else named.invoice_number == self.number


class OpenInvoices:
    """The invoices that a use case has locked. Counts what it applies, so that receipts of one request share what is open."""

    def __init__(self, invoices: Iterable[OpenInvoice] = ()):
        self._by_id: dict[str, OpenInvoice] = {}
        self._by_number: dict[str, list[OpenInvoice]] = {}
        for invoice in invoices:
            self._by_id[invoice.id] = invoice
            self._by_number.setdefault(invoice.number, []).append(invoice)

    def customers(self) -> set[str]:
        """Whose invoices these are."""
        return {invoice.customer_id for invoice in self._by_id.values()}

    def find(self, named: NamedInvoice, pointer: str, faults: Faults) -> OpenInvoice | None:
        """The invoice that is meant. Adds a fault where there is none, or more than one."""
        if named.invoice_id is not None:
            found = self._by_id.get(named.invoice_id)
        else:
            several = self._by_number.get(named.invoice_number or "", [])
            if len(several) > 1:
                faults.add(
                    f"{pointer}/{named.field}",
                    InvoiceNumberAmbiguous(
                        f"{len(several)} invoices have the number {named.text}", invoice_ids=sorted(each.id for each in several)
                    ),
                )
                return None
            found = several[0] if several else None
        if found is None:
            faults.add(f"{pointer}/{named.field}", InvoiceUnknown(f"there is no issued invoice {named.text}"))
        return found

    def apply(
        self, invoice: OpenInvoice, named: NamedInvoice, amount: Money, customer_id: str | None, pointer: str, faults: Faults
    ) -> None:
        """Sets `amount` of the customer's money against the invoice. Adds a fault for each rule that this breaks (BR-AR-C2).

        `customer_id` None: the customer is unknown, which is a fault of its own.
        """
        before = len(faults.found)
        if customer_id is not None and invoice.customer_id != customer_id:
            faults.add(f"{pointer}/{named.field}", InvoiceOfAnotherCustomer(f"{invoice.number} belongs to another customer"))
        if invoice.voided:
            faults.add(f"{pointer}/{named.field}", InvoiceVoid(f"{invoice.number} is void"))
        if amount.currency != invoice.currency:
            faults.add(
                f"{pointer}/amount/currency",
                CurrencyMismatch(f"{invoice.number} is in {invoice.currency} and is settled in {invoice.currency}"),
            )
        if len(faults.found) > before:
            return
        if amount.minor > invoice.open:
            left = Money(invoice.open, invoice.currency)
            faults.add(
                f"{pointer}/amount",
                ApplicationExceedsBalance(
                    f"{left} is open on {invoice.number}, {amount} is too much",
                    invoice_id=invoice.id,
                    invoice_number=invoice.number,
                    open={"amount": left.minor, "currency": left.currency},
                ),
            )
            return
        invoice.applied += amount.minor
