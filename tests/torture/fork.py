"""Row 40: one service's database is put back to where it was some time ago. Its readers must say so, and what differs."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from embedded.assembly import service
from shared.config import SERVICES
from shared.db import provision
from tests.rig.breach import Breach
from tests.torture.rig import PREFIX, Rig
from tests.torture.servers import execute

FORKS = ("billing", "payments", "banking")
OPERATIONS, RATE = 60, 15.0


def fork(rig: Rig, restored: str, seed: int) -> list[Breach]:
    """Restores a database after more work, at the end of a run. Breaches: readers and proofs that did not notice."""
    _copy(rig, restored)
    before = rig.heads()[restored]
    load = rig.load(seed, OPERATIONS, RATE)
    load.start()
    load.join()
    rig.wait_until_settled()
    lost = rig.heads()[restored] - before
    assert lost > 0, "nothing was stated that a restored database could lack"
    rig.kill(restored)
    _restore(rig, restored)
    rig.cluster.launch_all(restored)
    return _unnoticed(rig, restored, lost)


def _copy(rig: Rig, name: str) -> None:
    """As a dump would have it: nobody is connected meanwhile, for a second or so."""
    database = f"{PREFIX}{name}"
    execute(rig.postgres.url, f"alter database {database} allow_connections false")
    rig.house.databases[name].close()
    _end_sessions(rig, database)
    execute(rig.postgres.url, f"create database {database}_earlier template {database}")
    execute(rig.postgres.url, f"alter database {database} allow_connections true")
    rig.until_it_answers()


def _restore(rig: Rig, name: str) -> None:
    database = f"{PREFIX}{name}"
    rig.house.rest()
    execute(rig.postgres.url, f"drop database {database} with (force)")
    execute(rig.postgres.url, f"alter database {database}_earlier rename to {database}")
    passwords = {role: unquote(urlsplit(url).password or "") for role, url in rig.urls[name].items()}
    provision(rig.postgres.url, name, PREFIX, passwords)


def _end_sessions(rig: Rig, database: str) -> None:
    query = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = %s"
    rig.until(f"{database} is still in use", lambda: execute(rig.postgres.url, query, database) == [(0,)])


def _unnoticed(rig: Rig, restored: str, lost: int) -> list[Breach]:
    readers = [name for name in SERVICES if restored in service(name).follows and name != restored]
    query = "select forked from log.position where producer = %s"
    found = []
    for name in readers:
        try:
            rig.until("no fork was noticed", lambda: bool(execute(rig.urls[name]["owner"], query, restored)[0][0]), 60)  # noqa: B023
        except TimeoutError:
            found.append(Breach("40", name, 0, f"{restored} was restored without its last {lost} events, and nobody says so"))
    for shop in rig.shops:
        with rig.client(shop) as client:
            proof = client.read("/api/ledger/proofs") or {"state": "not answered", "proofs": []}
        named = [item for item in proof["proofs"] if item["state"] != "green" and restored in str(item["reason"])]
        if proof["state"] == "green" or not named:
            found.append(Breach("40", "ledger", shop.company_id, f"a proof is {proof['state']} and does not name {restored}"))
    return found
