"""The log's path, ended at each of its named points as SIGKILL would: nothing lost, nothing doubled."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest

from tests.integration.cluster import Caller, Cluster, settled
from tests.product import House

pytestmark = pytest.mark.timeout(240)

POINTS = {
    "log.relay.after_publish": "identity",
    "log.relay.after_confirm": "identity",
    "log.relay.after_mark": "identity",
    "log.worker.before_commit": "ledger",
    "log.worker.after_commit": "ledger",
    "log.worker.after_ack": "ledger",
}
"""Crash point -> the worker that passes it. A new company goes from identity's log into the ledger, which opens its books."""
ACCOUNTS = 19


def test_a_worker_that_dies_at_any_point_of_the_path_loses_and_doubles_nothing(
    house: House, cluster: Callable[..., Cluster]
) -> None:
    running = cluster(services=("identity", "ledger"))
    company = house.company_elsewhere()
    caller = Caller(running, house.token(company), 1)
    settled(caller, running.services)

    for point, name in POINTS.items():
        running.kill(f"worker {name} 0")
        running.launch("worker", name, 0, DUEBOOK_CRASH_AT=point)
        company = house.company_elsewhere()
        died = died_of_it(running, f"worker {name} 0")
        assert died == 137, f"{point} was not passed: {running.log_of(f'worker {name} 0')}"
        running.launch("worker", name, 0)
        caller = Caller(running, house.token(company), 1)
        settled(caller, running.services)

        accounts = caller.get("/api/ledger/accounts", limit=200)["items"]
        with house.owner("ledger") as owner:
            created = owner.execute(
                "select count(*), count(distinct body::json -> 'data' ->> 'code') from log.event "
                "where company_id = %s and type = 'ledger.account.created'",
                (company,),
            ).fetchone()
        assert created == (len(accounts), len(accounts)), point
        assert len(accounts) >= ACCOUNTS


def died_of_it(running: Cluster, key: str) -> int:
    """The exit code of a process that is about to die."""
    try:
        return running.processes.pop(key).wait(30)
    except subprocess.TimeoutExpired:
        return 0
    finally:
        time.sleep(0.1)
