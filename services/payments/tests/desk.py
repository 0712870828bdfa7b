"""A clerk's desk for the tests of payments: the service with its real database, and the facts of the others as they arrive.

Billing, the ledger and banking are not here; what they state comes in pages as it would from their logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import msgspec

from shared.contracts import Envelope, Fact, Page, encode
from shared.contracts.banking import DepositItem, DepositPosted, DepositVoided, ItemReturned
from shared.contracts.billing import ApplicationOverapplied, CustomerCreated, InvoiceIssued, InvoiceVoided
from shared.contracts.ledger import AccountChanged, AccountCreated, AccountKind, PeriodClosed
from shared.db import company_transaction
from shared.ids import new_id
from shared.log.consumer import Taken
from shared.money import Money
from shared.testing import usd, wire
from tests.product import Company, House, iso

HUNDRED = usd("100.00")
CHART: tuple[tuple[str, str, AccountKind, str | None], ...] = (
    ("1010", "Bank", "asset", "bank"),
    ("1050", "Undeposited funds", "asset", "undeposited"),
    ("1080", "Card and transfer clearing", "asset", "clearing"),
    ("1081", "Stripe clearing", "asset", "clearing"),
    ("1100", "Accounts receivable", "asset", "ar"),
    ("4000", "Sales", "revenue", None),
    ("4200", "Late fee income", "revenue", None),
)


class Producer:
    """Another service's log, as far as payments reads it."""

    def __init__(self, name: str, house: House):
        self.name, self.house, self.epoch = name, house, str(uuid4())
        self.count, self.last_id = 0, ""

    def page(self, company_id: int, *facts: tuple[Fact, str]) -> bytes:
        """The next page of the log."""
        previous, previous_id = self.count, self.last_id
        events = []
        for fact, subject in facts:
            self.count += 1
            self.last_id = new_id("evt")
            events.append(
                Envelope(
                    id=self.last_id,
                    source=self.name,
                    type=fact.type,
                    subject=subject,
                    company_id=company_id,
                    actor="test",
                    correlation_id="test",
                    origin="live",
                    data=msgspec.Raw(encode(fact)),
                    sequence=self.count,
                    time=datetime(2026, 1, 1, tzinfo=UTC),
                )
            )
        return encode(Page(producer=self.name, epoch=self.epoch, previous=previous, previous_id=previous_id, events=events))

    def tell(self, company_id: int, *facts: tuple[Fact, str]) -> bytes:
        """States facts, and payments takes them in. Returns the page, for tests that deliver it again."""
        raw = self.page(company_id, *facts)
        assert self.house.consumers["payments"].take(raw) is Taken.ALL
        return raw


class Desk(Company):
    """One company's receipts, asked for in the words of the tests."""

    billing: Producer
    ledger: Producer
    banking: Producer

    def open(self, producers: Mapping[str, Producer]) -> Desk:
        """Sets the desk up: the other services' logs, the chart of accounts, one customer (`acme`)."""
        self.billing, self.ledger, self.banking = producers["billing"], producers["ledger"], producers["banking"]
        self.ledger.tell(
            self.id,
            *(
                (AccountCreated(code=code, name=name, kind=kind, control=control, active=True), f"acc_{code}")
                for code, name, kind, control in CHART
            ),
        )
        self.acme = self.customer("ACME")
        return self

    def customer(self, code: str) -> str:
        customer_id = new_id("cus")
        fact = CustomerCreated(customer_id=customer_id, code=code, name=f"{code.title()} Inc.", active=True)
        self.billing.tell(self.id, (fact, customer_id))
        return customer_id

    def invoice(self, total: Money = HUNDRED, number: str | None = None, customer_id: str | None = None) -> str:
        """An issued invoice; acme's unless it says otherwise."""
        issued = self.issued(total, number, customer_id)
        self.billing.tell(self.id, (issued, issued.invoice_id))
        return issued.invoice_id

    def issued(self, total: Money, number: str | None = None, customer_id: str | None = None) -> InvoiceIssued:
        invoice_id = new_id("inv")
        return InvoiceIssued(
            invoice_id=invoice_id,
            number=number or invoice_id[-8:],
            customer_id=customer_id or self.acme,
            currency=total.currency,
            occurred_on=date(2026, 1, 2),
            posting_on=date(2026, 1, 2),
            total=total.minor,
            lines=[],
            issued_on=date(2026, 1, 2),
            due_on=date(2026, 2, 1),
        )

    def void_invoice(self, invoice_id: str, on: str = "2026-01-15") -> None:
        fact = InvoiceVoided(
            invoice_id=invoice_id,
            number="",
            customer_id=self.acme,
            currency="USD",
            occurred_on=iso(on),
            posting_on=iso(on),
            total=1,
            lines=[],
            reverses=new_id("evt"),
            reason="wrong",
        )
        self.billing.tell(self.id, (fact, invoice_id))

    def overapplied(self, application_id: str, amount: Money, on: str = "2026-01-15") -> tuple[Fact, str]:
        """Billing's word that so much of the application did not fit its invoice."""
        fact = ApplicationOverapplied(
            application_id=application_id,
            invoice_id=new_id("inv"),
            customer_id=self.acme,
            currency=amount.currency,
            amount=amount.minor,
            occurred_on=iso(on),
        )
        return fact, application_id

    def displace(self, application_id: str, amount: Money, on: str = "2026-01-15") -> bytes:
        return self.billing.tell(self.id, self.overapplied(application_id, amount, on))

    def close_period(self, through: str) -> None:
        self.ledger.tell(self.id, (PeriodClosed(close_id="pcl_1", through=iso(through)), "pcl_1"))

    def deactivate(self, code: str) -> None:
        name, kind, control = next((name, kind, control) for known, name, kind, control in CHART if known == code)
        self.ledger.tell(self.id, (AccountChanged(code=code, name=name, kind=kind, control=control, active=False), f"acc_{code}"))

    def deposit(self, *receipt_ids: str) -> str:
        """Banking takes the receipts to the bank."""
        deposit_id = new_id("dep")
        self.banking.tell(self.id, (DepositPosted(**_deposit(deposit_id, receipt_ids)), deposit_id))
        return deposit_id

    def void_deposit(self, deposit_id: str, *receipt_ids: str) -> None:
        fact = DepositVoided(**_deposit(deposit_id, receipt_ids), reverses=new_id("evt"), reason="wrong")
        self.banking.tell(self.id, (fact, deposit_id))

    def return_item(self, deposit_id: str, receipt_id: str) -> None:
        fact = ItemReturned(
            deposit_id=deposit_id,
            receipt_id=receipt_id,
            bank_account_id="ban_1",
            account="1010",
            currency="USD",
            occurred_on=date(2026, 1, 15),
            posting_on=date(2026, 1, 15),
            amount=1,
        )
        self.banking.tell(self.id, (fact, deposit_id))

    def asked(self, amount: Money, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The body of a receipt of acme, by check, received on January 10."""
        body = {
            "customer_id": self.acme,
            "received_on": "2026-01-10",
            "payment_type": "Check",
            "check_number": "1001",
            "amount": wire(amount),
            "lines": list(lines),
            **more,
        }
        return {name: value for name, value in body.items() if value is not None}

    def receive(self, amount: Money, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Posts a receipt; it must succeed."""
        return self.write("receipts", self.asked(amount, *lines, **more))

    def write(self, path: str, body: Any) -> Any:
        return self.post(f"/api/payments/{path}", body, pump=False)

    def refuse(self, path: str, body: Any, problem: str, status: int = 422, **more: Any) -> list[dict[str, Any]]:
        """The faults of a request that must be refused as this problem."""
        document = self.refused(f"/api/payments/{path}", body, status=status, problem=problem, **more)
        errors: list[dict[str, Any]] = document.get("errors", [])
        return errors

    def refused_receipt(self, problem: str, amount: Money, *lines: dict[str, Any], status: int = 422, **more: Any) -> Any:
        return self.refuse("receipts", self.asked(amount, *lines, **more), problem, status)

    def apply(self, *applications: dict[str, Any], on: str = "2026-01-12") -> dict[str, Any]:
        """Applies acme's prepayments."""
        return self.write("prepayment-applications", self.asked_application(*applications, on=on))

    def asked_application(self, *applications: dict[str, Any], on: str = "2026-01-12") -> dict[str, Any]:
        return {"customer_id": self.acme, "applied_on": on, "applications": list(applications)}

    def void(self, receipt_id: str, on: str | None = "2026-01-15", reason: str = "bounced") -> dict[str, Any]:
        return self.write(f"receipts/{receipt_id}/void", {"voided_on": on, "reason": reason})

    def open_on(self, invoice_id: str) -> int:
        """Cents that can still be applied."""
        result: int = self.get(f"/api/payments/invoices/{invoice_id}")["open"]["amount"]
        return result

    def prepaid(self, customer_id: str | None = None) -> int:
        """Cents of acme's prepayments that are left."""
        items = self.get("/api/payments/prepayment-balances", customer_id=customer_id or self.acme)["items"]
        return sum(item["remaining"]["amount"] for item in items)

    def events(self, subject: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get("/api/payments/events", subject=subject)["items"]
        return items

    def parked(self) -> list[str]:
        return [item["error"] for item in self.get("/api/payments/parked-events")["items"]]

    def sql(self, statement: str, *values: Any, role: str = "worker") -> list[Any]:
        """Rows of the company, as the worker's or the api's role sees them."""
        engine = getattr(self.house.databases["payments"], role)
        with company_transaction(engine, self.id, "test") as session:
            rows = session.exec_driver_sql(statement, values or None)
            return list(rows) if rows.returns_rows else []


def _deposit(deposit_id: str, receipt_ids: tuple[str, ...]) -> dict[str, Any]:
    return {
        "deposit_id": deposit_id,
        "bank_account_id": "ban_1",
        "account": "1010",
        "currency": "USD",
        "occurred_on": date(2026, 1, 12),
        "posting_on": date(2026, 1, 12),
        "total": 1,
        "fee": 0,
        "fee_account": None,
        "items": [DepositItem(receipt_id=receipt_id, amount=1) for receipt_id in receipt_ids],
    }


def to_invoice(invoice_id: str, amount: Money, **more: Any) -> dict[str, Any]:
    """A line that sets money against an invoice."""
    return {"kind": "invoice", "invoice_id": invoice_id, "amount": wire(amount), **more}


def to_prepayment(amount: Money) -> dict[str, Any]:
    return {"kind": "prepayment", "amount": wire(amount)}


def to_account(account: str, amount: Money) -> dict[str, Any]:
    return {"kind": "account", "account": account, "amount": wire(amount)}


def from_prepayment(invoice_id: str, amount: Money, prepayment_id: str | None = None) -> dict[str, Any]:
    """An application of prepaid money, of the oldest unless one is named."""
    named = {"prepayment_id": prepayment_id} if prepayment_id else {}
    return {"invoice_id": invoice_id, "amount": wire(amount), **named}
