"""Facts that billing publishes."""

from datetime import date

import msgspec

from shared.contracts import Fact, fact


class CustomerState(Fact, frozen=True, kw_only=True):
    customer_id: str
    code: str
    name: str
    active: bool


@fact("billing.customer.created")
class CustomerCreated(CustomerState, frozen=True, kw_only=True):
    """A customer is known. Subject: the customer's id, `cus_…`."""


@fact("billing.customer.changed")
class CustomerChanged(CustomerState, frozen=True, kw_only=True):
    """The customer's code, name or activity is another."""


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an issued invoice. `amount` is net of tax; `account` None stands for the role `sales`."""

    line: int
    description: str
    amount: int
    account: str | None = None


class InvoiceContent(Fact, frozen=True, kw_only=True):
    invoice_id: str
    number: str
    customer_id: str
    currency: str
    occurred_on: date
    posting_on: date
    total: int
    lines: list[InvoiceLine]
    freight: int = 0
    tax: int = 0


@fact("billing.invoice.issued")
class InvoiceIssued(InvoiceContent, frozen=True, kw_only=True):
    """An invoice is owed. `total` = lines + freight + tax. Subject: the invoice's id, `inv_…`."""

    due_on: date
    issued_on: date
    customer_reference: str = ""


@fact("billing.invoice.voided")
class InvoiceVoided(InvoiceContent, frozen=True, kw_only=True):
    """The invoice is owed no longer: content as it was issued, `reverses` is the event that issued it."""

    reverses: str
    reason: str


@fact("billing.application.overapplied")
class ApplicationOverapplied(Fact, frozen=True, kw_only=True):
    """Money was applied to an invoice that no longer owes so much: `amount` of this application did not fit.

    Payments displaces it once. Subject: the application's id, `app_…`.
    """

    application_id: str
    invoice_id: str
    customer_id: str
    currency: str
    amount: int
    occurred_on: date
