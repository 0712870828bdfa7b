"""Eight clients at once over real processes and RabbitMQ, two replicas of everything, proofs running all the while."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from shared.config import SERVICES
from shared.testing import usd, wire
from tests.integration.cluster import Caller, Cluster, settled
from tests.product import House

CLIENTS, OPERATIONS = 8, 500
REFUSALS = {409, 422}
TODAY = datetime.now(UTC).date().isoformat()


class Shop:
    """What the clients know of each other's documents, so that they get in each other's way."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.customers: list[str] = []
        self.invoices: list[tuple[str, str]] = []
        self.receipts: list[str] = []
        self.deposits: list[str] = []
        self.answers: Counter[tuple[str, int]] = Counter()
        self.strange: list[str] = []

    def some(self, rnd: random.Random, found: list[Any]) -> Any:
        with self.lock:
            # mostly the newest: that is where people meet
            return rnd.choice(found[-12:]) if found else None


class Clerk:
    """One client. Each operation is one write that another client may cross."""

    def __init__(self, shop: Shop, caller: Caller, bank: str):
        self.shop, self.caller, self.bank = shop, caller, bank
        self.random = caller.random

    def work(self) -> None:
        operation: Callable[[], None] = self.random.choices(
            [
                self.bill,
                self.receive,
                self.prepay,
                self.apply,
                self.void_receipt,
                self.void_invoice,
                self.deposit,
                self.void_deposit,
            ],
            weights=[30, 25, 8, 10, 8, 7, 8, 4],
        )[0]
        operation()

    def note(self, what: str, answer: httpx.Response) -> Any:
        self.shop.answers[what, answer.status_code] += 1
        if answer.status_code >= 400 and answer.status_code not in REFUSALS:
            self.shop.strange.append(f"{what}: {answer.status_code} {answer.text[:400]}")
        return answer.json() if answer.status_code < 300 else None

    def bill(self) -> None:
        customer = self.shop.some(self.random, self.shop.customers)
        price = f"{self.random.randint(1, 90000) / 100:.2f}"
        lines = [{"description": "work", "quantity": "1", "unit_price": price, "tax_rate": self.random.choice(["0", "8.25"])}]
        body = {"customer_id": customer, "issue": True, "lines": lines}
        if made := self.note("bill", self.caller.call("POST", "/api/billing/invoices", body)):
            with self.shop.lock:
                self.shop.invoices.append((made["id"], customer))

    def receive(self) -> None:
        picked = self.shop.some(self.random, self.shop.invoices)
        if picked is None:
            return
        invoice, customer = picked
        open_items = self.caller.get("/api/payments/open-invoices", customer_id=customer)["items"]
        owed = next((item["open"]["amount"] for item in open_items if item["invoice_id"] == invoice), 0)
        amount = self.random.choice([owed, max(1, owed // 2), owed + 100]) or 100
        over = "prepayment" if self.random.random() < 0.5 else "refuse"
        lines = [
            {"kind": "invoice", "invoice_id": invoice, "amount": wire(usd("0.00")) | {"amount": min(amount, owed) or amount}}
        ]
        self._receive("receive", customer, amount, lines, over)

    def prepay(self) -> None:
        amount = self.random.randint(1, 20000)
        customer = self.shop.some(self.random, self.shop.customers)
        self._receive(
            "prepay", customer, amount, [{"kind": "prepayment", "amount": {"amount": amount, "currency": "USD"}}], "refuse"
        )

    def _receive(self, what: str, customer: str, amount: int, lines: list[dict[str, Any]], over: str) -> None:
        body = {
            "customer_id": customer,
            "received_on": TODAY,
            "payment_type": "Check",
            "check_number": str(self.random.randint(1, 9999)),
            "amount": {"amount": amount, "currency": "USD"},
            "lines": lines,
            "overpayment": over,
        }
        if made := self.note(what, self.caller.call("POST", "/api/payments/receipts", body)):
            with self.shop.lock:
                self.shop.receipts.append(made["id"])

    def apply(self) -> None:
        picked = self.shop.some(self.random, self.shop.invoices)
        if picked is None:
            return
        invoice, customer = picked
        amount = {"amount": self.random.randint(1, 5000), "currency": "USD"}
        body = {"customer_id": customer, "applied_on": TODAY, "applications": [{"invoice_id": invoice, "amount": amount}]}
        self.note("apply", self.caller.call("POST", "/api/payments/prepayment-applications", body))

    def void_receipt(self) -> None:
        if receipt := self.shop.some(self.random, self.shop.receipts):
            self.note("void receipt", self.caller.call("POST", f"/api/payments/receipts/{receipt}/void", {"reason": "returned"}))

    def void_invoice(self) -> None:
        if picked := self.shop.some(self.random, self.shop.invoices):
            self.note("void invoice", self.caller.call("POST", f"/api/billing/invoices/{picked[0]}/void", {"reason": "wrong"}))

    def deposit(self) -> None:
        body = {"bank_account_id": self.bank, "posting_on": TODAY, "deposit_group": "Checks"}
        body["fee"] = {"amount": self.random.choice([0, 25]), "currency": "USD"}
        if made := self.note("deposit", self.caller.call("POST", "/api/banking/deposits", body)):
            with self.shop.lock:
                self.shop.deposits.append(made["id"])

    def void_deposit(self) -> None:
        if deposit := self.shop.some(self.random, self.shop.deposits):
            self.note("void deposit", self.caller.call("POST", f"/api/banking/deposits/{deposit}/void", {"reason": "recount"}))


def run_clients(cluster: Cluster, token: Callable[[], str], operations: int) -> tuple[Shop, list[dict[str, Any]]]:
    """Runs the operations. Returns what the clients saw, and every proof that was answered meanwhile."""
    shop = Shop()
    first = Caller(cluster, token(), 0)
    bank = first.get("/api/banking/bank-accounts")["items"][0]["id"]
    for number in range(6):
        made = first.call("POST", "/api/billing/customers", {"name": f"Customer {number}"})
        assert made.status_code == 201, made.text
        shop.customers.append(made.json()["id"])
    settled(first)
    left, lock = [operations], threading.Lock()
    proofs: list[dict[str, Any]] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def client(seed: int) -> None:
        clerk = Clerk(shop, Caller(cluster, token(), seed), bank)
        try:
            while True:
                with lock:
                    if left[0] <= 0:
                        return
                    left[0] -= 1
                clerk.work()
        except BaseException as failure:  # noqa: BLE001 - shown below
            failures.append(failure)

    def prove() -> None:
        caller = Caller(cluster, token(), 99)
        while not done.is_set():
            proofs.append(caller.get("/api/ledger/proofs"))
            time.sleep(0.05)

    prover = threading.Thread(target=prove)
    clients = [threading.Thread(target=client, args=(seed,)) for seed in range(1, CLIENTS + 1)]
    prover.start()
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    done.set()
    prover.join()
    assert not failures, failures[0]
    return shop, proofs


@pytest.fixture(scope="module")
def running(cluster: Callable[..., Cluster]) -> Cluster:
    """Two replicas of each API and of each worker."""
    return cluster(replicas=2)


def new_company(house: House, running: Cluster) -> int:
    """A company that every service of the cluster knows."""
    company_id = house.company_elsewhere()
    settled(Caller(running, house.token(company_id), 1))
    return company_id


def test_500_operations_by_eight_clients_leave_every_proof_green_and_no_conflict_unsettled(
    shared_house: House, running: Cluster
) -> None:
    house = shared_house
    company_id = new_company(house, running)

    shop, proofs = run_clients(running, lambda: house.token(company_id), OPERATIONS)

    caller = Caller(running, house.token(company_id), 1)
    statuses = settled(caller)
    print(dict(shop.answers), f"{len(proofs)} proofs")
    assert not shop.strange, shop.strange[0]
    assert proofs
    assert [
        (item["code"], item["state"], item["reason"]) for proof in proofs for item in proof["proofs"] if item["state"] != "green"
    ] == []
    assert {name: status["parked"] for name, status in statuses.items()} == dict.fromkeys(SERVICES, 0)
    final = caller.get("/api/ledger/proofs")
    assert final["state"] == "green", final
    over_applied = [item for item in caller.get("/api/billing/open-items", limit=200)["items"] if item["balance"]["amount"] < 0]
    assert over_applied == []


def test_when_the_active_worker_dies_the_other_takes_over_within_seconds(shared_house: House, running: Cluster) -> None:
    caller = Caller(running, shared_house.token(new_company(shared_house, running)), 1)

    for replica in (0, 1):
        running.kill(f"worker ledger {replica}")
        running.kill(f"worker billing {replica}")
        made = caller.call("POST", "/api/billing/customers", {"name": "Taken over"})
        assert made.status_code == 201
        began = time.monotonic()
        settled(caller, patience_s=20)
        assert time.monotonic() - began < 10
        running.launch("worker", "ledger", replica)
        running.launch("worker", "billing", replica)
