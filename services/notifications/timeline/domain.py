"""What of an event a customer's timeline keeps: facts, no prose. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shared.contracts import Event, Fact
from shared.contracts.banking import DepositPosted, DepositVoided, ItemReturned
from shared.contracts.billing import ApplicationOverapplied, CustomerChanged, CustomerCreated, InvoiceIssued, InvoiceVoided
from shared.contracts.payments import ApplicationDisplaced, PrepaymentApplied, ReceiptPosted, ReceiptVoided


@dataclass(frozen=True, slots=True)
class Touch:
    """One event that touched a customer. `occurred_on` None: the day in the company's time zone on which it was recorded."""

    company_id: int
    customer_id: str
    at: datetime
    occurred_on: date | None
    kind: str
    producer: str
    event_id: str
    document_id: str
    number: str
    amount: int | None
    currency: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class ItemTouch:
    """One receipt that a deposit's event names; whose it is must be looked up."""

    company_id: int
    receipt_id: str
    event_id: str
    at: datetime
    occurred_on: date
    kind: str
    document_id: str
    number: str
    amount: int
    currency: str
    actor: str


DOCUMENTS: dict[type[Fact], Callable[[Any], tuple[str, str]]] = {
    CustomerCreated: lambda fact: (fact.customer_id, fact.code),
    CustomerChanged: lambda fact: (fact.customer_id, fact.code),
    InvoiceIssued: lambda fact: (fact.invoice_id, fact.number),
    InvoiceVoided: lambda fact: (fact.invoice_id, fact.number),
    ApplicationOverapplied: lambda fact: (fact.invoice_id, ""),
    ReceiptPosted: lambda fact: (fact.receipt_id, fact.check_number),
    ReceiptVoided: lambda fact: (fact.receipt_id, ""),
    PrepaymentApplied: lambda fact: (fact.prepayment_application_id, ""),
    ApplicationDisplaced: lambda fact: (fact.receipt_id, ""),
}
"""The facts that name their customer -> (document, its number)."""

KINDS = sorted([fact.type for fact in DOCUMENTS] + [fact.type for fact in (DepositPosted, DepositVoided, ItemReturned)])
"""Everything that a timeline may hold."""


def touch(event: Event) -> Touch:
    """The row of an event whose fact names its customer."""
    fact = event.data
    document_id, number = DOCUMENTS[type(fact)](fact)
    amount = fact.total if isinstance(fact, (InvoiceIssued, InvoiceVoided)) else getattr(fact, "amount", None)
    return Touch(
        company_id=event.company_id,
        customer_id=fact.customer_id,
        at=event.recorded_at,
        occurred_on=getattr(fact, "occurred_on", None),
        kind=event.type,
        producer=event.source,
        event_id=event.id,
        document_id=document_id,
        number=number,
        amount=amount,
        currency=None if amount is None else fact.currency,
        actor=event.actor,
    )


def item_touches(event: Event) -> list[ItemTouch]:
    """The receipts that a deposit, its void or a returned item touches, each with its own amount."""
    fact = event.data
    items = (
        [(fact.receipt_id, fact.amount)]
        if isinstance(fact, ItemReturned)
        else [(one.receipt_id, one.amount) for one in fact.items]
    )
    return [
        ItemTouch(
            company_id=event.company_id,
            receipt_id=receipt_id,
            event_id=event.id,
            at=event.recorded_at,
            occurred_on=fact.occurred_on,
            kind=event.type,
            document_id=fact.deposit_id,
            number=getattr(fact, "reference", ""),
            amount=amount,
            currency=fact.currency,
            actor=event.actor,
        )
        for receipt_id, amount in items
    ]
