"""Answers that do not come: from a database behind a wire that is cut or swallows everything, a row that is locked, a service
that is stopped. Every request ends, what was acknowledged is there once, and others are served meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from shared.config import SERVICES
from shared.ids import new_id
from tests.integration.cluster import Cluster
from tests.product import Company, House
from tests.torture.proxy import Proxy

INVOICES, TERMS = "/api/billing/invoices", "/api/billing/terms"
PATIENCE_S = 60

pytestmark = pytest.mark.timeout(300)


@dataclass
class Apis:
    """API processes of identity and billing; what billing says to its database goes over `wire`. Nothing is taken in until the
    house does it."""

    cluster: Cluster
    wire: Proxy
    house: House
    http: httpx.Client

    def ask(self, company: Company, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.cluster.ports[path.split('/')[2]][0]}{path}"
        headers = {
            "Authorization": f"Bearer {company.token()}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.http.request(method, url, json=body, headers=headers)

    def bill(self, company: Company, key: str, customer: str) -> httpx.Response:
        line = {"description": "Work", "quantity": "1", "unit_price": "10.00"}
        body = {"customer_id": customer, "issue": True, "lines": [line]}
        return self.ask(company, "POST", INVOICES, body, Idempotency_Key=key)

    def bill_until_done(self, company: Company, key: str, customer: str) -> httpx.Response:
        """As a client does: again with the same key, for as long as nothing is said."""
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self.bill(company, key, customer)).status_code in (409, 503):
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)
        return answer

    def numbers(self, company: Company) -> list[int]:
        """The numbers of the company's invoices, and there is one event for each."""
        with self.house.owner("billing") as owner:
            numbers = owner.execute("select number from app.invoice where company_id = %s", (company.id,)).fetchall()
            ((events,),) = owner.execute(
                "select count(*) from log.event where company_id = %s and type = 'billing.invoice.issued'", (company.id,)
            ).fetchall()
        assert events == len(numbers)
        return sorted(int(number.rpartition("-")[2]) for (number,) in numbers)


@pytest.fixture(scope="module")
def apis(shared_house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apis]:
    urls = {name: dict(shared_house.assembly.urls[name]) for name in SERVICES}
    with Proxy(urls["billing"]["api"]) as wire:
        urls["billing"]["api"] = wire.url
        cluster = Cluster(urls, "memory://", "none", tmp_path_factory.mktemp("apis"), services=())
        try:
            for name in ("identity", "billing"):
                cluster.launch("api", name, 0, DUEBOOK_POOL_SIZE="4")
            cluster.await_ready(["identity", "billing"])
            with httpx.Client(timeout=PATIENCE_S, trust_env=False) as http:
                yield Apis(cluster, wire, shared_house, http)
        finally:
            wire.flow()
            cluster.stop()


@pytest.fixture
def customer(apis: Apis, company: Company) -> str:
    made = apis.ask(company, "POST", "/api/billing/customers", {"name": "Oak Street Bakery"})
    assert made.status_code == 201, made.text
    return made.json()["id"]


@pytest.mark.matrix("19", times=50)
@pytest.mark.parametrize("delivered", [True, False], ids=["committed", "not committed"])
def test_a_cut_in_the_middle_of_commit_is_answered_as_if_there_were_none(
    apis: Apis, company: Company, customer: str, delivered: bool
) -> None:
    before = apis.wire.commits_cut
    for number in range(1, 26):
        apis.wire.cut_at_commit(delivered=delivered)

        answer = apis.bill_until_done(company, new_id("idk"), customer)

        assert answer.status_code == 201, answer.text
        assert answer.json()["number"].endswith(f"-{number:06}")
    assert apis.wire.commits_cut == before + 25
    assert apis.numbers(company) == list(range(1, 26))


@pytest.mark.matrix("15")
@pytest.mark.matrix("19")
def test_while_the_wire_is_cut_again_and_again_each_key_becomes_one_invoice(apis: Apis, company: Company, customer: str) -> None:
    assert company.token()
    done = threading.Event()

    def cut() -> None:
        pause_s = 0.1
        while not done.wait(pause_s):
            apis.wire.cut()
            pause_s += 0.02  # however slow the machine is, some get through in the end

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: apis.bill_until_done(company, new_id("idk"), customer), range(20)))
    finally:
        done.set()
        cutter.join()

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 20
    assert apis.numbers(company) == list(range(1, 21))


@pytest.mark.matrix("17")
def test_a_locked_row_is_given_up_and_holds_up_nobody_else(apis: Apis, company: Company, customer: str) -> None:
    other = apis.house.company()
    others_customer = apis.ask(other, "POST", "/api/billing/customers", {"name": "Elm Street Bakery"}).json()["id"]
    assert apis.bill(company, new_id("idk"), customer).status_code == 201
    key = new_id("idk")
    with apis.house.owner("billing") as holder:
        locked = holder.execute("select 1 from app.document_series where company_id = %s for update", (company.id,)).fetchall()
        assert locked
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(apis.bill, company, key, customer)
            assert apis.bill_until_done(other, new_id("idk"), others_customer).status_code == 201
            assert apis.ask(company, "GET", TERMS).status_code == 200
            refused = waits.result(PATIENCE_S)
        assert refused_for_now(refused) == "too-busy"

    assert apis.bill_until_done(company, key, customer).status_code == 201
    assert apis.numbers(company) == [1, 2]
    assert waiting_for_locks(apis.house) == 0


@pytest.mark.matrix("17")
@pytest.mark.matrix("21")
def test_a_database_that_swallows_everything_ends_each_request_and_nothing_else(
    apis: Apis, company: Company, customer: str
) -> None:
    assert apis.bill(company, new_id("idk"), customer).status_code == 201
    keys = [new_id("idk") for _ in range(12)]
    apis.wire.stall()
    try:
        with ThreadPoolExecutor(12) as pool:
            stalled = [pool.submit(apis.bill, company, key, customer) for key in keys]
            path = f"/api/identity/companies/{company.id}"
            assert apis.ask(company, "GET", path).status_code == 200
            answers = [waits.result(PATIENCE_S) for waits in stalled]
        assert {refused_for_now(answer) for answer in answers} <= {"too-busy", "outcome-unknown"}
    finally:
        apis.wire.flow()

    assert {apis.bill_until_done(company, key, customer).status_code for key in keys} == {201}
    assert apis.numbers(company) == list(range(1, 14))


@pytest.mark.matrix("11")
def test_a_service_that_is_stopped_ends_what_asks_it_and_nothing_else(apis: Apis, company: Company, customer: str) -> None:
    changed = company.call("PATCH", f"/api/identity/companies/{company.id}", {"name": "Renamed"})
    event = changed.headers["Duebook-Event"]
    assert apis.ask(company, "GET", TERMS).status_code == 200

    with stopped(apis.cluster, "api identity 0"), ThreadPoolExecutor(4) as pool:
        for_event = pool.submit(apis.ask, company, "GET", TERMS, None, Wait_For_Event=event)
        how_far = pool.submit(apis.ask, company, "GET", "/api/billing/status")
        for _ in range(5):
            assert apis.ask(company, "GET", TERMS).status_code == 200
        assert apis.bill_until_done(company, new_id("idk"), customer).status_code == 201

        assert refused_for_now(for_event.result(PATIENCE_S)) == "event-not-here-yet"
        positions = {item["producer"]: item["head"] for item in how_far.result(PATIENCE_S).json()["positions"]}
        assert positions["identity"] is None

    apis.house.pump(["billing"])
    assert apis.ask(company, "GET", TERMS, None, Wait_For_Event=event).status_code == 200


def refused_for_now(answer: httpx.Response) -> str:
    """The problem's code; the answer says when to come again."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    return answer.json()["type"].removeprefix("/problems/")


def waiting_for_locks(house: House) -> int:
    with psycopg.connect(house.admin_url) as admin:
        return admin.execute(
            "select count(*) from pg_locks join pg_stat_activity using (pid) where not granted and starts_with(datname, %s)",
            (house.assembly.urls["billing"]["api"].rpartition("/")[2].removesuffix("billing"),),
        ).fetchall()[0][0]


@contextmanager
def stopped(cluster: Cluster, key: str) -> Iterator[None]:
    """SIGSTOP to a process and its children, and SIGCONT afterwards."""
    group = cluster.processes[key].pid
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)
