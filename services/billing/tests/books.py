"""A company's books for billing's tests, with the hand that applies money as payments would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.identity.companies.usecases import create_company
from shared.context import Context
from shared.contracts import Event, Fact
from shared.contracts.payments import (
    ApplicationDisplaced,
    PrepaymentApplication,
    PrepaymentApplied,
    ReceiptLine,
    ReceiptPosted,
    ReceiptVoided,
)
from shared.db import enter_companies
from shared.ids import new_id
from tests.product import Company, House, iso


def usd(text: str) -> dict[str, Any]:
    """12.50 as money on the wire."""
    whole, _, cents = text.partition(".")
    sign = -1 if whole.startswith("-") else 1
    return {"amount": int(whole) * 100 + sign * int(cents.ljust(2, "0") or 0), "currency": "USD"}


def cents(text: str) -> int:
    return int(usd(text)["amount"])


def company_in_billing(house: House) -> Company:
    """A new company that identity and billing know, which is quicker than telling every service of it."""
    with house.databases["identity"].api.begin() as session:
        ctx = Context(session, house.clock, "identity", 0, "test", "test")
        company_id = create_company(ctx, "Greenfield Supply", "UTC", "USD")
        ctx.write_stated()
    house.pump(only=["billing"])
    return Company(house, company_id, "USD")


@dataclass
class Books:
    """One company's billing."""

    company: Company

    def another(self) -> Books:
        """The books of another company."""
        return Books(company_in_billing(self.company.house))

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """Posts and must succeed; the other services do not need to hear of it."""
        return dict(self.company.post(path, body, pump=False))

    def customer(self, name: str = "Greenfield Bakery", **more: Any) -> str:
        return str(self.post("/api/billing/customers", {"name": name, **more})["id"])

    def asked(self, total: str, **more: Any) -> dict[str, Any]:
        """The body of an invoice of one line."""
        return {"lines": [{"description": "Flour", "quantity": "1", "unit_price": total}], **more}

    def issue(self, total: str, *, customer_id: str | None = None, on: str = "2026-01-15", **more: Any) -> dict[str, Any]:
        body = self.asked(total, customer_id=customer_id or self.customer(), issued_on=on, issue=True, **more)
        return self.post("/api/billing/invoices", body)

    def draft(self, total: str, **more: Any) -> dict[str, Any]:
        more.setdefault("customer_id", None)
        body = self.asked(total, **{**more, "customer_id": more["customer_id"] or self.customer()})
        return self.post("/api/billing/invoices", body)

    def invoice(self, invoice_id: str) -> dict[str, Any]:
        return dict(self.company.get(f"/api/billing/invoices/{invoice_id}"))

    def balance(self, invoice_id: str) -> int:
        return int(self.invoice(invoice_id)["balance"]["amount"])

    def event(self, fact: Fact, event_id: str | None = None) -> Event:
        return Event(
            id=event_id or new_id("evt"),
            source="payments",
            type=fact.type,
            subject="rct_1",
            company_id=self.company.id,
            actor="usr_test",
            correlation_id="test",
            origin="live",
            sequence=1,
            recorded_at=self.company.house.clock.now(),
            data=fact,
        )

    def take(self, *events: Event) -> None:
        """Gives events to billing's worker as one page."""
        consumer = self.company.house.consumers["billing"]
        with consumer.engine.begin() as connection:
            enter_companies(connection, sorted({event.company_id for event in events}), "service:billing")
            ctx = consumer.context(connection)
            consumer.handlers.apply(ctx, list(events))
            ctx.write_stated()

    def receipt(self, *parts: tuple[dict[str, Any], str], on: str = "2026-01-20", posting_on: str | None = None) -> Event:
        """A receipt that pays these amounts of these invoices."""
        lines = [
            ReceiptLine(kind="invoice", amount=cents(amount), application_id=new_id("app"), invoice_id=invoice["id"])
            for invoice, amount in parts
        ]
        return self.event(ReceiptPosted(**self._receipt(parts[0][0], lines, on, posting_on), payment_type="check"))

    def void_of(self, receipt: Event, on: str = "2026-01-25") -> Event:
        fact = receipt.data
        return self.event(
            ReceiptVoided(
                receipt_id=fact.receipt_id,
                customer_id=fact.customer_id,
                currency=fact.currency,
                occurred_on=iso(on),
                posting_on=iso(on),
                amount=fact.amount,
                needs_deposit=True,
                cash_account=None,
                lines=fact.lines,
                reverses=receipt.id,
                reason="bounced",
            )
        )

    def prepayment(self, *parts: tuple[dict[str, Any], str], on: str = "2026-01-20") -> Event:
        """A prepayment of the customer set against these invoices."""
        applications = [
            PrepaymentApplication(
                application_id=new_id("app"),
                prepayment_id=new_id("pre"),
                receipt_id=new_id("rct"),
                invoice_id=invoice["id"],
                amount=cents(amount),
            )
            for invoice, amount in parts
        ]
        return self.event(
            PrepaymentApplied(
                prepayment_application_id=new_id("pra"),
                customer_id=parts[0][0]["customer_id"],
                currency="USD",
                occurred_on=iso(on),
                posting_on=iso(on),
                amount=sum(item.amount for item in applications),
                applications=applications,
            )
        )

    def displaced(self, receipt: Event, amount: str, on: str = "2026-01-21") -> Event:
        """Payments' answer to an over-application of the receipt's first line."""
        line = receipt.data.lines[0]
        return self.event(
            ApplicationDisplaced(
                application_id=line.application_id,
                receipt_id=receipt.data.receipt_id,
                invoice_id=line.invoice_id,
                prepayment_id=new_id("pre"),
                customer_id=receipt.data.customer_id,
                currency="USD",
                occurred_on=iso(on),
                posting_on=iso(on),
                amount=cents(amount),
            )
        )

    def stated(self, subject: str) -> list[dict[str, Any]]:
        """What billing stated of a subject: type and data."""
        return [
            {"type": item["type"], **item["data"]} for item in self.company.get("/api/billing/events", subject=subject)["items"]
        ]

    def unreconciled(self) -> list[Any]:
        faults: list[Any] = self.company.get("/api/billing/verification")["faults"]
        return faults

    def _receipt(self, invoice: dict[str, Any], lines: Sequence[ReceiptLine], on: str, posting_on: str | None) -> dict[str, Any]:
        day: date = iso(on)
        return {
            "receipt_id": new_id("rct"),
            "customer_id": invoice["customer_id"],
            "currency": invoice["currency"],
            "occurred_on": day,
            "posting_on": iso(posting_on) if posting_on else day,
            "amount": sum(line.amount for line in lines),
            "needs_deposit": True,
            "cash_account": None,
            "lines": list(lines),
        }
