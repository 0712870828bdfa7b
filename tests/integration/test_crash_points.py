"""An event's way, ended at each of its named points as SIGKILL would: nothing lost, nothing doubled.

`DUEBOOK_RIG_TIMES=100` sends so many events through all the deaths.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.crash import POINTS
from shared.testing import usd, wire
from tests.integration.cluster import Caller, Cluster, settled
from tests.product import House
from tests.rig.checker import check
from tests.rig.history import Attempt
from tests.torture.client import Client, Tokens

TIMES = int(os.environ.get("DUEBOOK_RIG_TIMES", "1"))
SERVICES = ("identity", "ledger", "billing", "payments", "banking")
DEADLINE_S = 100
MORE_AFTER_S = 3
HTTP = [point for point in POINTS if point.startswith("http.")]
RELAY = [point for point in POINTS if point.startswith("log.relay.")]
WORKER = [point for point in POINTS if point.startswith("log.worker.")]
pytestmark = pytest.mark.timeout(180 + 120 * TIMES)


class Books:
    """A company with a customer, over processes that die when they are told to."""

    def __init__(self, house: House, running: Cluster):
        self.house, self.running, self.deaths = house, running, Counter[str]()
        self.company_id = house.company_elsewhere()
        self.caller = Caller(running, house.token(self.company_id), 1)
        self.settle()
        self.history: list[Attempt] = []
        self.client = Client(
            running.ports.__getitem__, Tokens(lambda: house.token(self.company_id)), self.company_id, 1, self.history
        )
        self.customer = self.client.write("/api/billing/customers", {"name": "Hadley"}).answer["id"]
        self.bank = self.client.read("/api/banking/bank-accounts")["items"][0]["id"]
        self.today = datetime.now(UTC).date().isoformat()

    def settle(self) -> None:
        self.caller.token = self.house.token(self.company_id)
        settled(self.caller, SERVICES, DEADLINE_S)

    def invoice(self) -> dict[str, Any]:
        lines = [{"description": "Inspection", "quantity": "1", "unit_price": "100.00"}]
        return {"customer_id": self.customer, "issue": True, "lines": lines}

    def receipt(self) -> dict[str, Any]:
        amount = wire(usd("25.00"))
        check = {"received_on": self.today, "payment_type": "Check", "check_number": "7", "amount": amount}
        return {"customer_id": self.customer, **check, "lines": [{"kind": "prepayment", "amount": amount}]}

    def deposit(self) -> dict[str, Any]:
        return {"bank_account_id": self.bank, "posting_on": self.today, "deposit_group": "Checks"}

    def written_through_a_death(self, process: str, point: str, path: str, body: Any) -> Attempt:
        """Sends a write to an API that dies at `point`, and again to the one after it, as a client does."""
        self._replace(process, point)
        deaths = self._deaths_in_log(process)
        attempt = Attempt(path.split("/")[2], self.company_id, "POST", path, f"{process} {self.deaths.total()}", body, None, None)
        self.history.append(attempt)
        assert self.client.once(path, attempt) is None, f"{point} was not passed: {self.running.log_of(process)}"
        deadline = time.monotonic() + DEADLINE_S
        while self._deaths_in_log(process) == deaths:
            assert time.monotonic() < deadline, self.running.log_of(process)
            time.sleep(0.05)
        self.deaths[point] += 1

        self._replace(process, "")
        answer = self.client.once(path, attempt)
        assert answer is not None
        assert answer.status_code == 201, answer.text
        assert answer.headers.get("Idempotency-Replayed") == ("true" if point == "http.after_commit" else None)
        attempt.status, attempt.answer = answer.status_code, answer.json()
        return attempt

    def _deaths_in_log(self, process: str) -> int:
        """gunicorn says of each child how it ended, and makes another."""
        return self.running.log_of(process, at_most=10_000_000).count("exited with code 137")

    def _replace(self, process: str, point: str) -> None:
        kind, name, replica = process.split()
        self.running.kill(process)
        self.running.launch(kind, name, int(replica), **({"DUEBOOK_CRASH_AT": point} if point else {}))
        if kind == "api":
            self.running.await_ready([name], DEADLINE_S)

    def die_along_the_way(self, ways: dict[str, list[str]]) -> None:
        """Each worker dies at the first of its points, the one after it at the second, and so on, until one stays alive."""
        left = {process: list(points) for process, points in ways.items()}
        deadline = time.monotonic() + DEADLINE_S
        more_at = time.monotonic() + MORE_AFTER_S
        while left:
            if time.monotonic() > more_at:
                # a page may come twice, by the broker and from the log: whichever was second passes only some of the points
                self.client.write("/api/billing/customers", {"name": "Hadley again"})
                more_at = time.monotonic() + MORE_AFTER_S
            for process, points in list(left.items()):
                code = self.running.processes[process].poll()
                if code is None:
                    assert time.monotonic() < deadline, f"{points[0]} was not passed: {self.running.log_of(process)}"
                    continue
                assert code == 137, self.running.log_of(process)
                self.deaths[points.pop(0)] += 1
                self._replace(process, points[0] if points else "")
                if not points:
                    del left[process]
            time.sleep(0.05)

    def begin(self, ways: dict[str, list[str]]) -> None:
        for process, points in ways.items():
            self._replace(process, points[0])


@pytest.fixture(scope="module")
def books(shared_house: House, cluster: Callable[..., Cluster]) -> Iterator[Books]:
    made = Books(shared_house, cluster(services=SERVICES))
    yield made
    made.client.close()


@pytest.mark.matrix("T13", times=TIMES)
@pytest.mark.matrix("1", times=TIMES)
@pytest.mark.matrix("2", times=TIMES)
@pytest.mark.matrix("3", times=TIMES)
def test_an_invoice_whose_processes_die_at_every_point_of_its_way_is_issued_and_posted_once(books: Books) -> None:
    before = Counter(books.deaths)
    ways = {"worker billing 0": RELAY, "worker ledger 0": WORKER}
    made = []
    for _ in range(TIMES):
        books.begin(ways)
        for point in HTTP:
            made.append(books.written_through_a_death("api billing 0", point, "/api/billing/invoices", books.invoice()))
        books.die_along_the_way(ways)
        books.settle()

    assert books.deaths - before == Counter(dict.fromkeys(POINTS, TIMES))
    assert entries(books, "invoice issued") == sorted(attempt.answer["number"] for attempt in made)
    assert_nothing_is_wrong(books)


@pytest.mark.matrix("8", times=TIMES)
def test_a_deposit_whose_event_waits_for_a_new_relay_holds_its_receipts(books: Books) -> None:
    ways = {"worker banking 0": ["log.relay.before_publish"]}
    for _ in range(TIMES):
        assert books.client.write("/api/payments/receipts", books.receipt()).status == 201
        books.settle()
        books.begin(ways)
        first = books.written_through_a_death("api banking 0", "http.after_commit", "/api/banking/deposits", books.deposit())
        second = books.client.write("/api/banking/deposits", books.deposit())
        assert (second.status, first.answer["total"]) == (422, wire(usd("25.00"))), second.answer
        books.die_along_the_way(ways)
        books.settle()

    assert len(entries(books, "deposit posted")) == TIMES
    assert_nothing_is_wrong(books)


def entries(books: Books, kind: str) -> list[str]:
    """The documents of the company's entries of a kind, each as often as it was posted."""
    with books.house.owner("ledger") as owner:
        query = "select document from app.journal_entry where company_id = %s and kind = %s order by document"
        rows = owner.execute(query, (books.company_id, kind))
        return [document for (document,) in rows]


def assert_nothing_is_wrong(books: Books) -> None:
    books.client.tokens.get(anew=True)
    proofs = books.client.read("/api/ledger/proofs")
    assert proofs["state"] == "green", proofs
    urls = {name: books.running.urls[name] for name in SERVICES}
    found = check(urls, settled=True, attempts=books.history, companies=[books.company_id])
    assert [str(breach) for breach in found] == []
