"""Banking alone with identity: the facts of ledger, billing and payments come from producers that a test speaks for.

What such a producer states goes through the real consumer, as pages of its log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from shared.clock import MovedClock
from shared.contracts import Envelope, Fact, Page, encode
from shared.contracts.billing import CustomerCreated
from shared.contracts.ledger import AccountChanged, AccountCreated, PeriodClosed
from shared.contracts.payments import ReceiptLine, ReceiptPosted, ReceiptVoided
from shared.ids import new_id
from shared.log.consumer import Taken
from shared.money import Money
from shared.testing import usd, wire
from tests.product import Company, House, build_databases, drop_databases, iso, random_prefix


@dataclass
class Producer:
    """The log of a service that is not here."""

    house: House
    name: str
    epoch: str = field(default_factory=lambda: str(uuid4()))
    log: list[Envelope] = field(default_factory=list)

    def states(self, company_id: int, subject: str, fact: Fact) -> str:
        """Adds a fact to the log; `deliver` takes it to banking. Returns the event's id."""
        envelope = Envelope(
            id=new_id("evt"),
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
        self.log.append(envelope)
        return envelope.id

    def page(self, after: int = 0) -> bytes:
        """Everything after number `after`, as it travels."""
        previous_id = self.log[after - 1].id if after else ""
        return encode(
            Page(producer=self.name, epoch=self.epoch, previous=after, previous_id=previous_id, events=self.log[after:])
        )

    def deliver(self, after: int | None = None) -> Taken:
        """Banking takes in what it has not yet; or once more the page after number `after`."""
        if after is None:
            after = self.position()
        if after == len(self.log):
            return Taken.NOTHING_NEW
        return self.house.consumers["banking"].take(self.page(after))

    def position(self) -> int:
        with self.house.databases["banking"].log.connect() as connection:
            found = connection.exec_driver_sql(
                "select seq from log.position where producer = %s", (self.name,)
            ).scalar_one_or_none()
        return found or 0


@dataclass
class Bank:
    """One company as banking sees it."""

    house: House
    clock: MovedClock
    company: Company
    producers: dict[str, Producer]
    account_id: str = ""
    customer_id: str = ""
    posted: dict[str, ReceiptPosted] = field(default_factory=dict)

    def told(self, producer: str, subject: str, fact: Fact) -> str:
        """A fact of another service reaches banking."""
        event_id = self.producers[producer].states(self.company.id, subject, fact)
        self.producers[producer].deliver()
        return event_id

    def account(self, code: str, control: str | None = None, *, active: bool = True, name: str = "") -> None:
        fact = AccountCreated(
            code=code, name=name or f"Account {code}", kind="asset" if control else "expense", control=control, active=active
        )
        self.told("ledger", f"acc_{code}", fact)

    def deactivate(self, code: str, control: str | None = None) -> None:
        fact = AccountChanged(
            code=code, name=f"Account {code}", kind="asset" if control else "expense", control=control, active=False
        )
        self.told("ledger", f"acc_{code}", fact)

    def close_through(self, day: str) -> None:
        self.told("ledger", "pcl_1", PeriodClosed(close_id="pcl_1", through=iso(day)))

    def receipt(
        self,
        amount: Money = usd("100.00"),  # noqa: B008 - money is a value
        day: str = "2026-01-10",
        group: str | None = "Checks",
        *,
        customer_id: str | None = None,
        needs_deposit: bool = True,
        deliver: bool = True,
    ) -> str:
        """A receipt that payments has posted. Returns its id."""
        receipt_id = new_id("rct")
        self.posted[receipt_id] = fact = ReceiptPosted(
            receipt_id=receipt_id,
            customer_id=customer_id or self.customer_id,
            currency=amount.currency,
            occurred_on=iso(day),
            posting_on=iso(day),
            amount=amount.minor,
            needs_deposit=needs_deposit,
            cash_account=None if needs_deposit else "1080",
            lines=[ReceiptLine(kind="prepayment", amount=amount.minor, prepayment_id=new_id("pre"))],
            payment_type="Check",
            deposit_group=group,
            check_number="8842",
        )
        self.producers["payments"].states(self.company.id, receipt_id, fact)
        if deliver:
            self.producers["payments"].deliver()
        return receipt_id

    def void_receipt(self, receipt_id: str, day: str = "2026-01-15", *, deliver: bool = True) -> str:
        """Payments has voided the receipt. Returns the event's id."""
        posted = self.posted[receipt_id]
        fact = ReceiptVoided(
            receipt_id=receipt_id,
            customer_id=posted.customer_id,
            currency=posted.currency,
            occurred_on=iso(day),
            posting_on=iso(day),
            amount=posted.amount,
            needs_deposit=posted.needs_deposit,
            cash_account=posted.cash_account,
            lines=posted.lines,
            reverses=new_id("evt"),
            reason="insufficient funds",
        )
        event_id = self.producers["payments"].states(self.company.id, receipt_id, fact)
        if deliver:
            self.producers["payments"].deliver()
        return event_id

    def wanted(self, *receipt_ids: str, day: str = "2026-01-15", fee: Money | None = None, **more: Any) -> dict[str, Any]:
        """The body of a deposit."""
        body: dict[str, Any] = {"bank_account_id": self.account_id, "posting_on": day, **more}
        if receipt_ids:
            body["receipt_ids"] = list(receipt_ids)
        if fee is not None:
            body["fee"] = wire(fee)
        return body

    def deposit(self, *receipt_ids: str, **more: Any) -> dict[str, Any]:
        """A posted deposit."""
        made: dict[str, Any] = self.company.post("/api/banking/deposits", self.wanted(*receipt_ids, **more), pump=False)
        return made

    def void(self, deposit_id: str, day: str | None = "2026-01-15") -> dict[str, Any]:
        body = {"reason": "wrong slip", **({"voided_on": day} if day else {})}
        made: dict[str, Any] = self.company.post(f"/api/banking/deposits/{deposit_id}/void", body, pump=False)
        return made

    def try_void(self, deposit_id: str, day: str = "2026-01-15") -> httpx.Response:
        return self.company.call("POST", f"/api/banking/deposits/{deposit_id}/void", {"voided_on": day, "reason": "wrong slip"})

    def shown(self, deposit_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.company.get(f"/api/banking/deposits/{deposit_id}")
        return found

    def waiting(self, **query: Any) -> list[str]:
        page = self.company.get("/api/banking/undeposited-receipts", limit=200, **query)
        return [item["receipt_id"] for item in page["items"]]

    def balance(self, as_of: str | None = None, account_id: str | None = None) -> Money:
        found = self.company.get(
            f"/api/banking/bank-accounts/{account_id or self.account_id}", **({"as_of": as_of} if as_of else {})
        )
        return Money(found["book_balance"]["amount"], found["book_balance"]["currency"])

    def proof(self, documents: str | None = None) -> dict[str, Any]:
        params: dict[str, Any] = {"company": self.company.id, **({"documents": documents} if documents else {})}
        answer: dict[str, Any] = self.house.peers["identity"].get("banking", "/internal/proof", **params).json()
        return answer

    def stated(self, subject: str) -> list[dict[str, Any]]:
        """What banking stated about a subject, oldest first."""
        items: list[dict[str, Any]] = self.company.get("/api/banking/events", subject=subject)["items"]
        return items


def problem_pointers(problem: dict[str, Any]) -> list[tuple[str, str]]:
    """(pointer, code) of each fault that a problem document names."""
    return [(fault["pointer"], fault["type"].removeprefix("/problems/")) for fault in problem["errors"]]


@pytest.fixture(scope="session")
def banking_clock() -> MovedClock:
    return MovedClock(datetime(2026, 1, 15, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def banking_house(admin_url: str, banking_clock: MovedClock) -> Iterator[House]:
    prefix = random_prefix()
    urls = build_databases(admin_url, prefix, ("identity", "banking"))
    made = House(urls, banking_clock)
    yield made
    made.close()
    drop_databases(admin_url, prefix)


@pytest.fixture(scope="session")
def producers(banking_house: House) -> dict[str, Producer]:
    return {name: Producer(banking_house, name) for name in ("ledger", "billing", "payments")}


def open_bank(house: House, clock: MovedClock, producers: dict[str, Producer], **company: Any) -> Bank:
    """A company whose chart has a bank, a fee account and a control account, and which has one customer."""
    bank = Bank(house, clock, house.company(**company), producers)
    bank.account("1010", "bank", name="Bank")
    bank.account("1050", "undeposited")
    bank.account("6100", name="Bank fees")
    bank.account_id = bank.company.get("/api/banking/bank-accounts")["items"][0]["id"]
    bank.customer_id = new_id("cus")
    fact = CustomerCreated(customer_id=bank.customer_id, code="C-1", name="Greenfield Construction", active=True)
    bank.told("billing", bank.customer_id, fact)
    return bank


@pytest.fixture
def bank(banking_house: House, banking_clock: MovedClock, producers: dict[str, Producer]) -> Bank:
    """A company of its own for this test; today is January 15, 2026."""
    banking_clock.move_to(date(2026, 1, 15))
    return open_bank(banking_house, banking_clock, producers)


@pytest.fixture
def other_bank(banking_house: House, banking_clock: MovedClock, producers: dict[str, Producer]) -> Bank:
    """Another company, in the same databases."""
    return open_bank(banking_house, banking_clock, producers, name="Hollow Oak")
