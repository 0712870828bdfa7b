"""Machines whose clocks are wrong: every process of the cluster believes in another time, and business goes by the database's."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from shared.http.auth import AUDIENCE, ISSUER
from shared.testing import usd, wire
from tests.integration.clocks import LIBRARY, MISSING, believes_in
from tests.integration.cluster import Caller, Cluster, settled
from tests.product import House

SKEWED = {
    "api identity 0": "+2h",
    "worker identity 0": "-1d",
    "api billing 0": "-1d",
    "worker billing 0": "+1y",
    "api ledger 0": "+2h",
    "worker ledger 0": "-1d",
}
JUMPING = ("api billing 0", "worker ledger 0")

pytestmark = [
    pytest.mark.skipif(LIBRARY is None, reason=MISSING),
    pytest.mark.timeout(300),
    pytest.mark.matrix("35"),
]


@pytest.fixture(scope="module")
def running(cluster: Callable[..., Cluster]) -> Cluster:
    made = cluster(services=())
    made.services = ("identity", "billing", "ledger")
    for key, offset in SKEWED.items():
        process, name, replica = key.split()
        environment = believes_in(offset, made.folder)
        if key in JUMPING:
            del environment["FAKETIME"]
            environment |= {"FAKETIME_TIMESTAMP_FILE": str(jump(made, key, offset)), "FAKETIME_NO_CACHE": "1"}
        made.launch(process, name, int(replica), **environment)
    made.await_ready(made.services)
    return made


def jump(running: Cluster, key: str, offset: str) -> Path:
    """From now on the clock of this process is off by so much. Returns the file that says so."""
    file = running.folder / f"{key.replace(' ', '-')}.clock"
    draft = file.with_suffix(".new")
    draft.write_text(offset)
    return draft.rename(file)


def database_now(house: House) -> datetime:
    with psycopg.connect(house.admin_url) as admin:
        return admin.execute("select clock_timestamp()").fetchall()[0][0]


def test_the_processes_believe_in_another_time(running: Cluster) -> None:
    """Else the rest of this file shows nothing."""
    told = httpx.get(f"http://127.0.0.1:{running.ports['billing'][0]}/healthz").headers["Date"]

    assert time.time() - datetime.strptime(f"{told} +0000", "%a, %d %b %Y %H:%M:%S GMT %z").timestamp() > 80_000


def test_documents_are_dated_and_posted_by_the_database_s_day(running: Cluster, house: House) -> None:
    company = house.company_elsewhere()
    caller = Caller(running, house.token(company), 1)
    settled(caller, running.services)
    before = database_now(house)

    customer = made(caller, "/api/billing/customers", {"code": "C1", "name": "Oak Street Bakery"})
    line = {"description": "Flour", "quantity": "1", "unit_price": "12.50"}
    invoice = made(caller, "/api/billing/invoices", {"customer_id": customer["id"], "issue": True, "lines": [line]})
    settled(caller, running.services)

    after = database_now(house)
    days = {before.date().isoformat(), after.date().isoformat()}
    assert invoice["issued_on"] in days
    (entry,) = caller.get("/api/ledger/entries")["items"]
    assert entry["posting_on"] in days
    assert before - timedelta(seconds=60) < datetime.fromisoformat(entry["recorded_at"]) < after + timedelta(seconds=60)
    assert caller.get("/api/billing/aging")["as_of"] in days
    books = caller.get("/api/ledger/trial-balance")
    assert books["as_of"] in days
    assert {item["code"]: item["balance"] for item in books["items"]}["1100"] == wire(usd("12.50"))
    assert date.fromisoformat(invoice["due_on"]) - date.fromisoformat(invoice["issued_on"]) == timedelta(days=30)


def made(caller: Caller, path: str, body: dict[str, Any]) -> Any:
    answer = caller.call("POST", path, body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize("service", ["identity", "billing", "ledger"])
def test_tokens_are_good_for_five_real_minutes(running: Cluster, house: House, service: str) -> None:
    company = house.company_elsewhere()
    settled(Caller(running, house.token(company), 2), running.services)
    good = house.token(company)
    with house.owner("identity") as owner:
        key_id = jwt.get_unverified_header(good)["kid"]
        ((pem,),) = owner.execute("select private_pem from app.signing_key where key_id = %s", (key_id,)).fetchall()

    def status(issued_s_ago: int) -> int:
        begins = int(database_now(house).timestamp()) - issued_s_ago
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "usr_x", "cid": company, "perms": ["*"]}
        claims |= {"iat": begins, "exp": begins + 300}
        token = jwt.encode(claims, pem, algorithm="EdDSA", headers={"kid": key_id})
        url = f"http://127.0.0.1:{running.ports[service][0]}/api/{service}/parked-events"
        return httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=20).status_code

    assert [status(ago) for ago in (0, 120, 3600, 7200, 86400, -3600)] == [200, 200, 401, 401, 401, 401]


def test_a_clock_that_jumps_is_not_noticed(running: Cluster, house: House) -> None:
    company = house.company_elsewhere()
    caller = Caller(running, house.token(company), 3)
    settled(caller, running.services)
    offs, days = [], {database_now(house).date().isoformat()}
    try:
        for offset in ("-1d", "+1h", "+0", "-1h", "+2y", "-2y"):
            for key in JUMPING:
                jump(running, key, offset)
            answers = [caller.call("GET", f"/api/billing/{what}") for what in ("terms", "aging")]
            assert [answer.status_code for answer in answers] == [200, 200]
            days.add(answers[1].json()["as_of"])
            told = datetime.strptime(answers[1].headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
            offs.append(round((told - database_now(house)) / timedelta(hours=1)))
        made(caller, "/api/billing/customers", {"code": "C1", "name": "Oak Street Bakery"})
        settled(caller, running.services)
    finally:
        for key in JUMPING:
            jump(running, key, SKEWED[key])

    assert offs == [-24, 1, 0, -1, 2 * 365 * 24, -2 * 365 * 24], "else this shows nothing"
    assert len(days) <= 2, "the day may change while the test runs"


def test_the_workers_ask_the_services_whose_clocks_differ(running: Cluster) -> None:
    for key in SKEWED:
        assert "answered 401" not in running.log_of(key, 10**6)
