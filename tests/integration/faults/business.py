"""Clients and clerks for the rows about business: many at once, cut off in the middle, sent again."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier, Thread
from typing import Any, NamedTuple, Protocol

import httpx
import psycopg

from shared.ids import new_id
from shared.log import store
from shared.testing import usd, wire
from tests.integration.cluster import Cluster
from tests.product import Company, House
from tests.rig.checker import check
from tests.rig.history import Attempt

TIMES = int(os.environ.get("DUEBOOK_RIG_TIMES", "1"))
"""How often the rows are repeated."""
PATIENCE_S = 100.0
APPLICATION = "to be killed"
"""What the sessions of the processes are called in the database, as the house has sessions of the same roles."""


class Answer(NamedTuple):
    """`status` is None where the service died before it answered."""

    status: int | None
    json: Any
    replayed: bool = False

    @property
    def problem(self) -> str:
        return str((self.json or {}).get("type", "")).removeprefix("/problems/")


class Sender(Protocol):
    """Sends one write, once."""

    def __call__(self, company: Company, path: str, body: Any, key: str) -> Answer: ...


def in_process(company: Company, path: str, body: Any, key: str) -> Answer:
    """To the house's own apps."""
    return _answer(company.call("POST", path, body, key=key))


def _answer(answer: httpx.Response) -> Answer:
    return Answer(answer.status_code, answer.json(), answer.headers.get("Idempotency-Replayed") == "true")


@dataclass
class Office:
    """A company's clerks. What they send, and what comes back, is written down for the checker."""

    house: House
    company: Company
    sender: Sender = in_process
    attempts: list[Attempt] = field(default_factory=list)

    def send(self, path: str, body: Any, key: str | None = None) -> Answer:
        """Once. `path` begins after `/api/`."""
        key = key or new_id("idk")
        answer = self.sender(self.company, f"/api/{path}", body, key)
        service = path.partition("/")[0]
        self.attempts.append(Attempt(service, self.company.id, "POST", f"/api/{path}", key, body, answer.status, answer.json))
        return answer

    def until_answered(self, path: str, body: Any, key: str | None = None) -> Answer:
        """Again under the same key while no answer comes, or one that says that nothing is known, as a client does."""
        key, deadline = key or new_id("idk"), time.monotonic() + PATIENCE_S
        while True:
            answer = self.send(path, body, key)
            if answer.status is not None and answer.status < 500 and answer.problem != "request-in-flight":
                return answer
            assert time.monotonic() < deadline, f"{path} is not answered: {answer}"
            time.sleep(0.1)

    def post(self, path: str, body: Any) -> Any:
        """Must succeed."""
        answer = self.until_answered(path, body)
        assert answer.status in (200, 201, 202), answer
        return answer.json

    def read(self, path: str) -> Any:
        """Again while the service is too busy."""
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self.company.call("GET", f"/api/{path}")).status_code == 503:
            assert time.monotonic() < deadline, f"{path} is not answered: {answer.text}"
            time.sleep(0.1)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def customer(self, name: str = "Greenfield") -> str:
        return str(self.company.post("/api/billing/customers", {"name": name}, pump=False)["id"])

    def invoice(self, customer: str, amount: str, day: str = "2026-01-05") -> str:
        return str(self.post("billing/invoices", invoice_of(customer, amount, day))["id"])

    def settle(self) -> None:
        """Lets everything be taken in. There is no broker here: what every service has taken in counts as published."""
        self.house.pump()
        for name in self.house.services:
            with self.house.databases[name].log.begin() as connection:
                store.mark_published(connection, store.head(connection).seq)

    def sound(self) -> None:
        """Once all is taken in, the databases break no invariant and every proof is green."""
        self.settle()
        found = check(self.house.assembly.urls, settled=True, attempts=self.attempts, companies=[self.company.id])
        assert not found, "\n".join(map(str, found))
        proofs = self.read("ledger/proofs")
        assert proofs["state"] == "green", proofs


def invoice_of(customer: str, amount: str, day: str = "2026-01-05") -> dict[str, Any]:
    lines = [{"description": "Work", "quantity": "1", "unit_price": amount}]
    return {"customer_id": customer, "issued_on": day, "issue": True, "lines": lines}


def receipt_of(customer: str, amount: str, *lines: dict[str, Any], day: str = "2026-01-06", **more: Any) -> dict[str, Any]:
    return {
        "customer_id": customer,
        "received_on": day,
        "payment_type": "Check",
        "check_number": "8842",
        "amount": wire(usd(amount)),
        "lines": list(lines),
        **more,
    }


def to_invoice(invoice: str, amount: str) -> dict[str, Any]:
    return {"kind": "invoice", "invoice_id": invoice, "amount": wire(usd(amount))}


def prepaid(amount: str) -> dict[str, Any]:
    return {"kind": "prepayment", "amount": wire(usd(amount))}


def application_of(customer: str, *parts: tuple[str, str], day: str = "2026-01-07") -> dict[str, Any]:
    applications = [{"invoice_id": invoice, "amount": wire(usd(amount))} for invoice, amount in parts]
    return {"customer_id": customer, "applied_on": day, "applications": applications}


def deposit_of(bank: str, *receipts: str, day: str = "2026-01-08") -> dict[str, Any]:
    return {"bank_account_id": bank, "posting_on": day, "receipt_ids": list(receipts)}


def invoice_rows(how_many: int, first: int = 0, amount: str = "100.00") -> list[dict[str, Any]]:
    return [
        {
            "source": "old books",
            "external_id": f"i{number}",
            "customer": {"code": f"OLD{number % 50}", "name": f"Old customer {number % 50}"},
            "number": f"OLD-{number}",
            "issued_on": "2026-01-05",
            "amount": wire(usd(amount)),
        }
        for number in range(first, first + how_many)
    ]


def receipt_rows(how_many: int, first: int = 0, amount: str = "30.00") -> list[dict[str, Any]]:
    return [
        {
            "source": "old books",
            "external_id": f"r{number}",
            "invoice": {"number": f"OLD-{number}"},
            "received_on": "2026-01-06",
            "payment_type": "Check",
            "check_number": str(number),
            "amount": wire(usd(amount)),
        }
        for number in range(first, first + how_many)
    ]


def deposit_rows(receipts: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"source": "old books", "external_id": receipt, "posting_on": "2026-01-07", "receipt_ids": [receipt]}
        for receipt in receipts
    ]


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    """All calls at the same moment, each in its thread. Returns their answers in the order of the calls."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer:
        barrier.wait(PATIENCE_S)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


class Apis:
    """The API processes of services, to be killed in the middle of a request. Nothing is taken in until the house does it."""

    def __init__(self, cluster: Cluster, house: House):
        self.cluster, self.house = cluster, house
        self.http = httpx.Client(timeout=90)

    def start(self, *names: str, **environment: str) -> None:
        for name in names:
            self.cluster.launch("api", name, 0, **environment)
        self.cluster.await_ready(names)

    def send(self, company: Company, path: str, body: Any, key: str) -> Answer:
        port = self.cluster.ports[path.split("/")[2]][0]
        headers = {"Authorization": f"Bearer {company.token()}", "Idempotency-Key": key}
        try:
            return _answer(self.http.post(f"http://127.0.0.1:{port}{path}", json=body, headers=headers))
        except httpx.TransportError:
            return Answer(None, None)

    def kill(self, name: str) -> None:
        """SIGKILL; returns once the database has got rid of its sessions too, so that nothing of it can still happen."""
        self.cluster.kill(f"api {name} 0")
        self.gone(name)

    def gone(self, name: str) -> None:
        wait_for(lambda: self._sessions(name, "true") == 0, f"sessions of {name} to end")

    def waiting(self, name: str) -> int:
        """Sessions of the service's API that wait for a lock."""
        return self._sessions(name, "wait_event_type = 'Lock'")

    def _sessions(self, name: str, condition: str) -> int:
        role = psycopg.conninfo.conninfo_to_dict(self.house.assembly.urls[name]["api"])["user"]
        with psycopg.connect(self.house.admin_url) as admin:
            query = f"select count(*) from pg_stat_activity where usename = %s and application_name = %s and {condition}"
            return int(admin.execute(query, (role, APPLICATION)).fetchall()[0][0])

    @contextmanager
    def killed_while_it_waits(self, name: str, lock: str, values: Sequence[Any], sessions: int = 1) -> Iterator[None]:
        """Holds a lock, and kills the service's API once so many of its sessions wait for it. The block sends the requests, and
        ends when they have no answer."""
        with self.house.owner(name) as owner:
            owner.execute(lock, values)

            def kill() -> None:
                wait_for(lambda: self.waiting(name) >= sessions, f"{sessions} sessions of {name} to wait")
                self.cluster.kill(f"api {name} 0")

            killer = Thread(target=kill)
            killer.start()
            yield
            killer.join()
            owner.rollback()
        self.gone(name)

    @contextmanager
    def killed_after(self, name: str, seconds: float) -> Iterator[None]:
        """Kills the service's API so long after the block has begun."""

        def kill() -> None:
            time.sleep(seconds)
            self.cluster.kill(f"api {name} 0")

        killer = Thread(target=kill)
        killer.start()
        yield
        killer.join()
        self.gone(name)

    def close(self) -> None:
        self.http.close()
        self.cluster.stop()


def wait_for(true: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def seeded() -> random.Random:
    """A source of chance, whose seed stands in the output of a test that fails."""
    seed = int(os.environ.get("DUEBOOK_RIG_SEED", "") or random.SystemRandom().randrange(2**32))
    print(f"seed {seed}")
    return random.Random(seed)
