"""A company with one of everything, under names that nobody else has; and ways to add what a request needs first."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

from shared.ids import new_id
from shared.peers import internal_token
from tests.product import SECRET, Company, House

DAY = "2026-01-10"
PASSWORD = "correct horse battery"
HUNDRED = {"amount": 10_000, "currency": "USD"}


def service_token() -> str:
    """By which the services of the tests' installation know each other."""
    return internal_token("ledger", SECRET, datetime.now(UTC))


class Anew(Company):
    """Takes a new token every minute, since they live five, and when the keys were replaced."""

    replaced: ClassVar[int] = 0
    held: tuple[str, float, int] | None = None

    def token(self) -> str:
        if self.held is None or self.held[2] != Anew.replaced or time.monotonic() - self.held[1] > 60:
            self.held = (self.house.token(self.id, self.permissions), time.monotonic(), Anew.replaced)
        return self.held[0]


class Books:
    """One company's books. Whatever is named here begins with its mark, so a leak can be recognised."""

    def __init__(self, house: House):
        self.house = house
        self.mark = f"q{secrets.token_hex(4)}"
        self.numbers, self.days = count(1), count(1)
        self.company = Anew(house, house.company(name=self.name("company")).id, "USD")
        self.customer_id = self.customer(heard_by="payments")
        self.terms_id = self.terms()["id"]
        self.bank_account_id = self.company.get("/api/banking/bank-accounts")["items"][0]["id"]

    def name(self, noun: str) -> str:
        """A name that nothing has yet."""
        return f"{self.mark} {noun} {next(self.numbers)}"

    def code(self) -> str:
        """A code that nothing has yet, in letters that every kind of code allows."""
        return f"{self.mark}-{next(self.numbers)}"

    def post(self, path: str, body: Any = None, *, heard_by: str = "") -> Any:
        """Posts, must succeed, and lets the service that goes on with it hear of it."""
        made = self.company.post(path, body, pump=False)
        if heard_by:
            self.house.pump([heard_by])
        return made

    # identity

    def person(self, role: str = "viewer") -> dict[str, Any]:
        email = f"{self.code()}@example.com"
        return self.post(
            "/api/identity/people", {"email": email, "name": self.name("person"), "role": role, "password": PASSWORD}
        )

    def role(self) -> str:
        name = self.code()
        self.post("/api/identity/roles", {"name": name, "permissions": ["billing.customer.read"]})
        return name

    def api_key(self) -> str:
        made = self.post("/api/identity/api-keys", {"name": self.name("program"), "role": "viewer"})
        return str(made["key"]["id"])

    # ledger

    def account(self, kind: str = "revenue", control: str | None = None, *, heard_by: str = "") -> str:
        body = {"code": self.code(), "name": self.name("account"), "kind": kind, "control": control}
        return str(self.post("/api/ledger/accounts", body, heard_by=heard_by)["code"])

    def manual_entry(self) -> dict[str, Any]:
        lines = [{"account": "4000", "side": side, "amount": HUNDRED, "memo": self.name("memo")} for side in ("debit", "credit")]
        body = {"occurred_on": DAY, "description": self.name("entry"), "lines": lines}
        return self.post("/api/ledger/manual-entries", body)

    def closing(self) -> str:
        """A closing that is under way. Only one can be; the one before is cancelled."""
        return str(self.post("/api/ledger/period-closes", {"through": self.no_closing()})["id"])

    def no_closing(self) -> str:
        """Cancels the closing that is under way. Returns a day through which nothing is closed yet, long before all others."""
        for item in self.company.get("/api/ledger/period-closes", state="closing")["items"]:
            self.post(f"/api/ledger/period-closes/{item['id']}/cancel", {"reason": self.name("reason")})
        return (date(1990, 1, 1) + timedelta(days=next(self.days))).isoformat()

    # billing

    def customer(self, *, heard_by: str = "") -> str:
        body = {"name": self.name("customer"), "code": self.code()}
        return str(self.post("/api/billing/customers", body, heard_by=heard_by)["id"])

    def terms(self) -> dict[str, Any]:
        return self.post("/api/billing/terms", {"description": self.name("terms"), "kind": "net_days", "days": 30})

    def invoice(self, *, issue: bool = True, heard_by: str = "") -> dict[str, Any]:
        """An invoice of 100.00 to the one customer; without `issue` a draft."""
        line = {"description": self.name("work"), "quantity": "1", "unit_price": "100.00"}
        body = {"customer_id": self.customer_id, "issued_on": DAY, "issue": issue, "lines": [line]}
        if issue:
            body["number"] = self.code()
        return self.post("/api/billing/invoices", body, heard_by=heard_by)

    def posted(self) -> dict[str, Any]:
        """The posting of a new invoice in the sub-ledger, which names its event and its journal entry."""
        found = self.company.get(f"/api/billing/invoices/{self.invoice(heard_by='ledger')['id']}")
        (posting,) = found["postings"]
        return posting

    # payments

    def payment_type(self) -> dict[str, Any]:
        body = {"name": self.name("type"), "needs_deposit": True, "deposit_group": self.name("group")}
        return self.post("/api/payments/payment-types", body)

    def receipt(self, *lines: dict[str, Any], heard_by: str = "") -> dict[str, Any]:
        """A check of 100.00, all of it a prepayment unless lines say more."""
        body = {
            "customer_id": self.customer_id,
            "received_on": DAY,
            "payment_type": "Check",
            "check_number": self.code(),
            "amount": HUNDRED,
            "lines": list(lines) or [{"kind": "prepayment", "amount": HUNDRED}],
            "notes": self.name("notes"),
        }
        return self.post("/api/payments/receipts", body, heard_by=heard_by)

    def applied(self) -> dict[str, Any]:
        """A prepayment applied to an invoice."""
        invoice, receipt = self.invoice(heard_by="payments"), self.receipt()
        parts = [{"invoice_id": invoice["id"], "prepayment_id": receipt["prepayments"][0]["id"], "amount": HUNDRED}]
        body = {"customer_id": self.customer_id, "applied_on": DAY, "applications": parts}
        return self.post("/api/payments/prepayment-applications", body)

    # banking

    def bank_account(self) -> str:
        body = {
            "name": self.name("bank"),
            "account": self.account("asset", "bank", heard_by="banking"),
            "masked_number": "****1234",
        }
        return str(self.post("/api/banking/bank-accounts", body)["id"])

    def deposit_group(self) -> str:
        description = self.name("group")
        self.post("/api/banking/deposit-groups", {"description": description})
        return description

    def deposit(self) -> dict[str, Any]:
        receipt = self.receipt(heard_by="banking")
        body = {
            "bank_account_id": self.bank_account_id,
            "posting_on": DAY,
            "receipt_ids": [receipt["id"]],
            "reference": self.name("reference"),
        }
        return self.post("/api/banking/deposits", body)

    def park(self, service: str) -> str:
        """An event that could not be taken in and waits for a person. Returns its subject."""
        subject = new_id("inv")
        with self.house.owner(service) as owner:
            owner.execute(
                "insert into log.parked (company_id, producer, seq, subject, event_id, type, body, error) "
                "values (%s, 'billing', %s, %s, %s, 'billing.invoice.issued', '{}', %s)",
                (self.company.id, 10**12 + next(self.numbers), subject, new_id("evt"), self.name("error")),
            )
        return subject

    def things(self) -> dict[str, str]:
        """One of everything that has a name of its own, made for this: what it is -> the name."""
        invoice, applied, deposit, manual = self.invoice(), self.applied(), self.deposit(), self.manual_entry()
        self.house.pump()
        (part,) = applied["applications"]
        person, payment_type = self.person(), self.payment_type()
        return {
            "company": str(self.company.id),
            "person": person["id"],
            "email": person["email"],
            "role": self.role(),
            "API key": self.api_key(),
            "account": self.account(),
            "manual entry": manual["id"],
            "journal entry": manual["entry_id"],
            "event": self.posted()["event_id"],
            "closing": self.closing(),
            "customer": self.customer_id,
            "customer code": self.company.get(f"/api/billing/customers/{self.customer_id}")["code"],
            "terms": self.terms_id,
            "draft": self.invoice(issue=False)["id"],
            "invoice": invoice["id"],
            "invoice number": invoice["number"],
            "paid invoice": part["invoice_id"],
            "payment type": payment_type["id"],
            "payment type name": payment_type["name"],
            "receipt": part["receipt_id"],
            "prepayment": part["prepayment_id"],
            "prepayment application": applied["id"],
            "application": part["id"],
            "waiting receipt": self.receipt()["id"],
            "bank account": self.bank_account(),
            "deposit group": self.deposit_group(),
            "deposit": deposit["id"],
            "parked subject": self.park("payments"),
        }
