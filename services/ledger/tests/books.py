"""The ledger alone with identity: the other logs are written by a test, and their pages go through the real consumer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgspec

from services.ledger.wire import entry_id
from shared.contracts import Envelope, Fact, Page, encode
from shared.contracts.billing import InvoiceIssued, InvoiceLine, InvoiceVoided
from shared.contracts.payments import ReceiptLine, ReceiptPosted
from shared.ids import new_id
from shared.log.consumer import Taken
from shared.money import Money
from shared.testing import usd
from tests.product import Company, House, iso


@dataclass
class Producer:
    """The log of a service that is not here."""

    house: House
    name: str
    epoch: str = field(default_factory=lambda: str(uuid4()))
    log: list[Envelope] = field(default_factory=list)

    def state(self, company_id: int, subject: str, fact: Fact) -> str:
        """Adds a fact to the log. Returns the event's id."""
        event_id = new_id("evt")
        self.log.append(
            Envelope(
                id=event_id,
                source=self.name,
                type=fact.type,
                subject=subject,
                company_id=company_id,
                actor="usr_test",
                correlation_id="test",
                origin="live",
                data=msgspec.Raw(encode(fact)),
                sequence=len(self.log) + 1,
                time=self.house.clock.now(),
            )
        )
        return event_id

    def page(self, after: int, through: int | None = None) -> bytes:
        """Events after number `after`, as they travel."""
        previous_id = self.log[after - 1].id if after else ""
        return encode(
            Page(producer=self.name, epoch=self.epoch, previous=after, previous_id=previous_id, events=self.log[after:through])
        )

    def deliver(self) -> Taken:
        """The ledger takes in what it has not yet."""
        after = self.position()
        if after == len(self.log):
            return Taken.NOTHING_NEW
        return self.house.consumers["ledger"].take(self.page(after))

    def position(self) -> int:
        with self.house.databases["ledger"].log.connect() as connection:
            found = connection.exec_driver_sql("select seq from log.position where producer = %s", (self.name,))
            return found.scalar_one_or_none() or 0


@dataclass
class Books:
    """One company's ledger, and the services that tell it of documents."""

    house: House
    company: Company
    producers: dict[str, Producer]

    def told(self, producer: str, subject: str, fact: Fact) -> str:
        """The ledger takes in a fact. Returns the event's id."""
        event_id = self.producers[producer].state(self.company.id, subject, fact)
        self.producers[producer].deliver()
        return event_id

    def invoice(self, amount: Money, day: str = "2026-01-10", **more: Any) -> InvoiceIssued:
        """What billing states of an invoice with one line; the ledger has not heard of it yet."""
        given = {"invoice_id": new_id("inv"), "customer_id": new_id("cus"), "number": "INV-1", **more}
        dated: dict[str, Any] = {"occurred_on": iso(day), "posting_on": iso(day), "issued_on": iso(day), "due_on": iso(day)}
        lines = [InvoiceLine(line=1, description="Work", amount=amount.minor)]
        return InvoiceIssued(currency=amount.currency, total=amount.minor, lines=lines, **dated, **given)

    def issued(self, amount: Money = usd("100.00"), day: str = "2026-01-10", **more: Any) -> str:  # noqa: B008 - money is a value
        """The ledger hears of an invoice. Returns the id of its entry."""
        invoice = self.invoice(amount, day, **more)
        return entry_id(self.told("billing", invoice.invoice_id, invoice))

    def voided(self, invoice: InvoiceIssued, event_id: str, day: str = "2026-01-12") -> str:
        content = {name: getattr(invoice, name) for name in ("invoice_id", "number", "customer_id", "currency", "total", "lines")}
        fact = InvoiceVoided(**content, occurred_on=iso(day), posting_on=iso(day), reverses=event_id, reason="issued twice")
        return entry_id(self.told("billing", invoice.invoice_id, fact))

    def received(self, amount: Money, invoice: InvoiceIssued, day: str = "2026-01-11") -> str:
        """The ledger hears of a receipt that pays an invoice. Returns the id of its entry."""
        receipt_id = new_id("rct")
        paid = ReceiptLine(kind="invoice", amount=amount.minor, application_id=new_id("app"), invoice_id=invoice.invoice_id)
        fact = ReceiptPosted(
            receipt_id=receipt_id,
            customer_id=invoice.customer_id,
            currency=amount.currency,
            occurred_on=iso(day),
            posting_on=iso(day),
            amount=amount.minor,
            needs_deposit=True,
            cash_account=None,
            lines=[paid],
            payment_type="check",
        )
        return entry_id(self.told("payments", receipt_id, fact))

    def balance(self, code: str, as_of: str = "2026-12-31") -> int:
        """Minor units, debits above zero."""
        balances = self.company.get(f"/api/ledger/accounts/{code}", as_of=as_of)["balances"]
        return sum(item["balance"]["amount"] * (1 if item["side"] == "debit" else -1) for item in balances)

    def entries(self, **query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.company.get("/api/ledger/entries", sort="number", **query)["items"]
        return items

    def as_worker(self, statement: str, values: Iterable[Any] = ()) -> list[Any]:
        """Rows of a statement that the worker's role runs; rolled back."""
        with self.house.databases["ledger"].worker.connect() as session:
            session.exec_driver_sql("select app.enter_companies(%s::bigint[], 'test', '')", ([self.company.id],))
            return list(session.exec_driver_sql(statement, tuple(values)).all())
