"""Twenty clients over all services: the day's work of two companies in three currencies, mostly for the same few customers."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.money import exponent
from tests.rig.history import Attempt
from tests.torture.client import Client, Tokens

CLIENTS = 20
EXPECTED = {200, 201, 202, 409, 422}
NEWEST = 12
ENTERED = (("5000", "debit"), ("3000", "credit"))
REPORTS = (
    ("/api/ledger/trial-balance", {}),
    ("/api/billing/aging", {"basis": "due"}),
    ("/api/billing/open-items", {"limit": 50}),
    ("/api/payments/prepayment-balances", {}),
    ("/api/banking/undeposited-receipts", {}),
    ("/api/ledger/proofs", {}),
)


@dataclass(frozen=True)
class Asked:
    """One request, as its client saw it."""

    began: float
    ended: float
    write: bool
    status: int | None

    @property
    def answered(self) -> bool:
        """A refusal is an answer."""
        return self.status is not None and self.status < 500 and self.status != 429


@dataclass
class Shop:
    """One company, and what its clients know of each other's documents, so that they get in each other's way."""

    company_id: int
    currencies: Sequence[str]
    tokens: Tokens
    bank: str = ""
    customers: list[tuple[str, str]] = field(default_factory=list)
    invoices: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    deposits: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def some(self, chance: random.Random, known: list[Any]) -> Any:
        """Mostly the newest: that is where people meet."""
        with self.lock:
            return chance.choice(known[-NEWEST:] if chance.random() < 0.8 else known) if known else None

    def learn(self, known: list[Any], new: Any) -> None:
        with self.lock:
            known.append(new)


class Clerk:
    """One client of one company. `work` does one thing that another client may cross."""

    def __init__(self, shop: Shop, client: Client, note: Callable[[str, Attempt], None]):
        self.shop, self.client, self.note, self.chance = shop, client, note, client.random
        self.tasks: dict[Callable[[], None], int] = {
            self.bill: 20,
            self.void_invoice: 3,
            self.receive: 15,
            self.prepay: 8,
            self.apply: 15,
            self.void_receipt: 2,
            self.deposit: 5,
            self.void_deposit: 1,
            self.enter: 4,
            self.report: 6,
        }

    def work(self) -> None:
        self.chance.choices(list(self.tasks), list(self.tasks.values()))[0]()

    def bill(self) -> None:
        customer, _ = self._customer()
        lines = [
            {
                "description": "work",
                "quantity": self.chance.choice(("1", "2", "0.5", "3.333")),
                "unit_price": str(self.chance.randint(1, 900)),
                "tax_rate": self.chance.choice(("0", "0", "8.25")),
            }
        ]
        body = {"customer_id": customer, "issue": True, "issued_on": self._day(), "lines": lines}
        if made := self._post("bill", "/api/billing/invoices", body):
            self.shop.learn(self.shop.invoices, made)

    def void_invoice(self) -> None:
        if invoice := self.shop.some(self.chance, self.shop.invoices):
            self._post("void invoice", f"/api/billing/invoices/{invoice['id']}/void", {"reason": "wrong"})

    def receive(self) -> None:
        if invoice := self.shop.some(self.chance, self.shop.invoices):
            total = invoice["total"]
            amount = max(1, self.chance.choice((total["amount"], total["amount"] // 2, total["amount"] + 1)))
            line = {"kind": "invoice", "invoice_id": invoice["id"], "amount": {**total, "amount": amount}}
            self._receive("receive", invoice["customer_id"], line)

    def prepay(self) -> None:
        customer, currency = self._customer()
        self._receive("prepay", customer, {"kind": "prepayment", "amount": self._money(currency, 400)})

    def apply(self) -> None:
        if invoice := self.shop.some(self.chance, self.shop.invoices):
            amount = self._money(invoice["total"]["currency"], 100)
            applied = [{"invoice_id": invoice["id"], "amount": amount}]
            body = {"customer_id": invoice["customer_id"], "applied_on": self._day(), "applications": applied}
            self._post("apply", "/api/payments/prepayment-applications", body)

    def void_receipt(self) -> None:
        if receipt := self.shop.some(self.chance, self.shop.receipts):
            self._post("void receipt", f"/api/payments/receipts/{receipt}/void", {"reason": "returned"})

    def deposit(self) -> None:
        group = self.chance.choice(("Checks", "Cash"))
        body = {"bank_account_id": self.shop.bank, "posting_on": self._day(), "deposit_group": group}
        if made := self._post("deposit", "/api/banking/deposits", body):
            self.shop.learn(self.shop.deposits, made["id"])

    def void_deposit(self) -> None:
        if deposit := self.shop.some(self.chance, self.shop.deposits):
            self._post("void deposit", f"/api/banking/deposits/{deposit}/void", {"reason": "recount"})

    def enter(self) -> None:
        amount = self._money(self.shop.currencies[0], 500)
        lines = [
            {"account": account, "side": side, "amount": amount} for account, side in (("5000", "debit"), ("3000", "credit"))
        ]
        body = {"occurred_on": self._day(), "description": "by hand", "lines": lines}
        self._post("enter", "/api/ledger/manual-entries", body)

    def report(self) -> None:
        path, params = self.chance.choice(REPORTS)
        self.client.read(path, **params)

    def _receive(self, what: str, customer: str, line: dict[str, Any]) -> None:
        body = {
            "customer_id": customer,
            "received_on": self._day(),
            "payment_type": self.chance.choice(("Check", "Cash", "Cash", "Wire")),
            "check_number": str(self.chance.randint(1, 9999)),
            "amount": line["amount"],
            "lines": [line],
            "overpayment": self.chance.choice(("prepayment", "refuse")),
        }
        if body["payment_type"] != "Check":
            del body["check_number"]
        if made := self._post(what, "/api/payments/receipts", body):
            self.shop.learn(self.shop.receipts, made["id"])

    def _post(self, what: str, path: str, body: Any) -> Any:
        attempt = self.client.write(path, body)
        self.note(what, attempt)
        return attempt.answer if attempt.status in (200, 201) else None

    def _customer(self) -> tuple[str, str]:
        return self.chance.choice(self.shop.customers)

    def _money(self, currency: str, most: int) -> dict[str, Any]:
        return {"amount": self.chance.randint(1, most) * 10 ** exponent(currency), "currency": currency}

    def _day(self) -> str:
        """Some days are in periods that close meanwhile; yesterday, since a service's clock may be behind."""
        back = self.chance.choice((1, 1, 1, 2, 5, 20, 40))
        return (datetime.now(UTC).date() - timedelta(days=back)).isoformat()


class Load:
    """Runs until `operations` are done, at most `rate` of them a second; who stops it waits for what is under way."""

    def __init__(self, shops: Sequence[Shop], ports: Callable[[str], Sequence[int]], seed: int, operations: int, rate: float):
        self.shops, self.ports, self.seed, self.operations, self.rate = shops, ports, seed, operations, rate
        self.history: list[Attempt] = []
        self.asked: list[Asked] = []
        self.outcomes: Counter[tuple[str, int | None]] = Counter()
        self.strange: list[str] = []
        self.failures: list[BaseException] = []
        self.begun, self.done, self.slot = 0, 0, time.monotonic()
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.threads: list[threading.Thread] = []

    def client(self, shop: Shop, seed: int) -> Client:
        made = Client(self.ports, shop.tokens, shop.company_id, seed, self.history)
        made.heard = self._heard
        return made

    def start(self) -> None:
        for number in range(CLIENTS):
            thread = threading.Thread(target=self._run, args=(number,), name=f"client {number}", daemon=True)
            self.threads.append(thread)
            thread.start()

    def stop(self) -> None:
        self.stopped.set()

    def join(self) -> None:
        for thread in self.threads:
            thread.join()

    @property
    def is_over(self) -> bool:
        return not any(thread.is_alive() for thread in self.threads)

    def _heard(self, write: bool, began: float, status: int | None) -> None:
        self.asked.append(Asked(began, time.monotonic(), write, status))

    def _run(self, number: int) -> None:
        shop = self.shops[number % len(self.shops)]
        client = self.client(shop, self.seed * 1000 + number)
        clerk = Clerk(shop, client, self._note)
        try:
            while self._begins():
                clerk.work()
                with self.lock:
                    self.done += 1
        except BaseException as failure:  # noqa: BLE001 - shown by who joins
            self.failures.append(failure)
        finally:
            client.close()

    def _begins(self) -> bool:
        """Waits for this client's turn. False when there is nothing left to do."""
        with self.lock:
            if self.begun >= self.operations:
                return False
            self.begun += 1
            self.slot = max(self.slot + 1 / self.rate, time.monotonic())
            wait = self.slot - time.monotonic()
        return not self.stopped.wait(max(0.0, wait))

    def _note(self, what: str, attempt: Attempt) -> None:
        self.outcomes[what, attempt.status] += 1
        if attempt.status is not None and attempt.status not in EXPECTED and attempt.status < 500:
            self.strange.append(f"{what}: {attempt.status} {str(attempt.answer)[:300]}")
