"""T3: one Idempotency-Key is one document, whichever replica is asked and however many ask at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from shared.ids import new_id
from shared.testing import usd, wire
from tests.integration.cluster import Caller, Cluster, settled
from tests.product import House

SERVICES = ("identity", "ledger", "billing", "payments", "banking")
REPLICATED = ("billing", "payments", "banking")
AT_ONCE = 50
PATIENCE_S = 60
TODAY = datetime.now(UTC).date().isoformat()

pytestmark = [pytest.mark.timeout(300), pytest.mark.matrix("T3", times=AT_ONCE)]


@pytest.fixture(scope="module")
def running(cluster: Callable[..., Cluster]) -> Cluster:
    """Two replicas of each API where documents are made."""
    made = cluster(services=(), replicas=2)
    made.services = SERVICES
    for name in SERVICES:
        made.ports[name] = made.ports[name][: 2 if name in REPLICATED else 1]
        made.launch("worker", name, 0)
        for replica in range(len(made.ports[name])):
            made.launch("api", name, replica)
    made.await_ready(SERVICES)
    return made


@dataclass
class Shop:
    """A company that every service knows, with a customer and an invoice that is open."""

    running: Cluster
    house: House
    company_id: int
    caller: Caller
    customer: str
    http: httpx.Client

    def document(self, kind: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Where a document is made, its body, and another body."""
        if kind == "invoice":
            line = {"description": "Work", "quantity": "1", "unit_price": "30.00"}
            body = {"customer_id": self.customer, "issue": True, "lines": [line]}
            return "/api/billing/invoices", body, {**body, "lines": [{**line, "unit_price": "30.01"}]}
        if kind == "receipt":
            return "/api/payments/receipts", self.receipt("20.00"), self.receipt("20.01")
        bank = self.caller.get("/api/banking/bank-accounts")["items"][0]["id"]
        answer = self.caller.call("POST", "/api/payments/receipts", self.receipt("7.00"))
        assert answer.status_code == 201, answer.text
        settled(self.caller, SERVICES)
        body = {"bank_account_id": bank, "posting_on": TODAY, "deposit_group": "Checks"}
        return "/api/banking/deposits", body, {**body, "fee": wire(usd("0.25"))}

    def receipt(self, amount: str) -> dict[str, Any]:
        return {
            "customer_id": self.customer,
            "received_on": TODAY,
            "payment_type": "Check",
            "check_number": "77",
            "amount": wire(usd(amount)),
            "lines": [{"kind": "prepayment", "amount": wire(usd(amount))}],
        }

    def made(self, service: str, kind: str) -> tuple[int, int]:
        """How many documents of this kind there are, and how many events that tell of them."""
        with self.house.owner(service) as owner:
            ((rows, events),) = owner.execute(
                f"select (select count(*) from app.{kind} where company_id = %(company)s), "
                "(select count(*) from log.event where company_id = %(company)s and split_part(type, '.', 2) = %(kind)s)",
                {"company": self.company_id, "kind": kind},
            ).fetchall()
        return rows, events

    def ask(self, replica: int, path: str, body: dict[str, Any], key: str) -> httpx.Response:
        service = path.split("/")[2]
        url = f"http://127.0.0.1:{self.running.ports[service][replica]}{path}"
        headers = {"Authorization": f"Bearer {self.caller.token}", "Idempotency-Key": key}
        return self.http.post(url, json=body, headers=headers)

    def until_answered(self, replica: int, path: str, body: dict[str, Any], key: str) -> tuple[httpx.Response, set[str]]:
        """The answer, and what was answered before it."""
        deadline, before = time.monotonic() + PATIENCE_S, set()
        while True:
            answer = self.ask(replica, path, body, key)
            if answer.status_code not in (409, 503):
                return answer, before
            before.add(answer.json()["type"])
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)


@pytest.fixture(scope="module")
def shop(running: Cluster, shared_house: House) -> Iterator[Shop]:
    company_id = shared_house.company_elsewhere()
    caller = Caller(running, shared_house.token(company_id), 1)
    settled(caller, SERVICES)
    customer = caller.call("POST", "/api/billing/customers", {"name": "Oak Street Bakery"})
    assert customer.status_code == 201, customer.text
    settled(caller, SERVICES)
    with httpx.Client(timeout=PATIENCE_S, trust_env=False) as http:
        yield Shop(running, shared_house, company_id, caller, customer.json()["id"], http)


@pytest.mark.parametrize("kind", ["invoice", "receipt", "deposit"])
def test_fifty_requests_with_one_key_over_two_replicas_are_one_document(shop: Shop, kind: str) -> None:
    path, body, other_body = shop.document(kind)
    service, key = path.split("/")[2], new_id("idk")
    rows, events = shop.made(service, kind)
    together = threading.Barrier(AT_ONCE)

    def ask(number: int) -> tuple[httpx.Response, set[str]]:
        together.wait(PATIENCE_S)
        return shop.until_answered(number % 2, path, body, key)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers, before = zip(*pool.map(ask, range(AT_ONCE)), strict=True)

    assert {answer.status_code for answer in answers} == {201}, {answer.text for answer in answers}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["Duebook-Event"] for answer in answers}) == 1
    assert sum(answer.headers.get("Idempotency-Replayed") != "true" for answer in answers) == 1
    assert set().union(*before) <= {"/problems/request-in-flight", "/problems/too-busy"}
    assert shop.made(service, kind) == (rows + 1, events + 1)

    for replica in (0, 1):
        again = shop.ask(replica, path, body, key)
        assert (again.status_code, again.content) == (201, answers[0].content)
        assert again.headers["Idempotency-Replayed"] == "true"
        refused = shop.ask(replica, path, other_body, key)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert shop.made(service, kind) == (rows + 1, events + 1)

    settled(shop.caller, SERVICES)
    entry = answers[0].headers["Duebook-Event"].partition(":evt_")[2]
    assert shop.caller.get(f"/api/ledger/entries/je_{entry}")["postings"]
