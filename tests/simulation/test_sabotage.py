"""The rig proves itself: with each guard taken away it turns red and names the rule, and with all of them it is green."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import psycopg
import pytest

from tests.product import House
from tests.rig.breach import Breach
from tests.rig.checker import check
from tests.rig.sabotage import SABOTAGES, lock_before_number_off, row_lock_off
from tests.simulation.client import Asked, Client
from tests.simulation.run import Outcome, run_seed
from tests.simulation.world import World

pytestmark = pytest.mark.timeout(600)
DEADLINE_S = 60
TRIED = 25
DANGER = 0.4
"""More happens here than in other runs, so that few seeds need be tried."""
RED = {
    "position-check": {"A6", "E9"},
    "gap-fetch": {"E7"},
    "confirms": {"E7"},
    "sequence": {"A3"},
}
"""What each guard that one thread can miss is there for: the rules of which one must be named."""


@pytest.fixture
def world(admin_url: str, shared_house: House) -> Iterator[World]:
    """A world of its own: what is done to it here would be of no use to anybody else."""
    shared_house.rest()
    made = World(admin_url, stocked=3)
    yield made
    made.close()


@pytest.mark.parametrize("guard", RED)
def test_without_the_guard_a_seed_turns_red_and_with_it_is_green(admin_url: str, world: World, guard: str) -> None:
    for seed in range(TRIED):
        world.stock_up()
        with SABOTAGES[guard](world.urls):
            outcome = run_seed(world, seed, danger=DANGER)
        if outcome.breaches:
            break

    assert RED[guard] & {breach.rule for breach in outcome.breaches}, outcome.report()
    assert f"--seed {seed} " in outcome.report()
    assert outcome.report(guard).endswith(f"--sabotage {guard}")
    sound = World(admin_url, stocked=2)
    try:
        assert run_seed(sound, seed, danger=DANGER).breaches == []
    finally:
        sound.close()


def test_a_seed_that_fails_does_so_in_the_same_way_again(admin_url: str, world: World) -> None:
    with SABOTAGES["position-check"](world.urls):
        first = run_seed(world, 0, danger=DANGER)
    another = World(admin_url, stocked=2)
    try:
        with SABOTAGES["position-check"](another.urls):
            again = run_seed(another, 0, danger=DANGER)
    finally:
        another.close()

    assert first.breaches
    assert (again.digest, _rules(again)) == (first.digest, _rules(first))


def _rules(outcome: Outcome) -> list[tuple[str, str]]:
    return sorted((breach.rule, breach.service) for breach in outcome.breaches)


def test_numbering_in_one_statement_leaves_gaps_in_the_log(world: World) -> None:
    with lock_before_number_off(world.urls):
        breaches = _number_at_once(world)

    assert {(breach.rule, breach.service) for breach in breaches} == {("E7", "billing")}, breaches


def test_numbering_in_two_statements_leaves_none(world: World) -> None:
    assert _number_at_once(world) == []


def _number_at_once(world: World) -> list[Breach]:
    """One numbers and has not committed; another begins to number, waits for it, and then sees what it sees."""
    client = Client(world, world.homes(_First())[0])
    for number in range(3):
        assert client.write(_asked("/api/billing/customers", {"name": f"Customer {number}"}, "")) == 201
    url = world.urls["billing"]["owner"]
    with psycopg.connect(url) as first, psycopg.connect(url) as second, ThreadPoolExecutor(1) as pool:
        first.execute("select log.number_events(5000)")
        waits = pool.submit(second.execute, "select log.number_events(5000)")
        _wait_until_blocked(url, second.info.backend_pid)
        first.commit()
        waits.result(DEADLINE_S)
        second.commit()
    # a later event shows where the numbers go on
    assert client.write(_asked("/api/billing/customers", {"name": "One more"}, "")) == 201
    with world.databases["billing"].log.begin() as connection:
        connection.exec_driver_sql("select log.number_events(5000)")
    return check(world.urls, settled=False)


def test_without_the_row_lock_two_receipts_take_more_than_is_open(world: World) -> None:
    both = Barrier(2)
    with row_lock_off(world.urls, meet=lambda: both.wait(DEADLINE_S)):
        statuses, breaches = _pay_twice_at_once(world)

    assert statuses == [201, 201]
    assert ("A2", "payments") in {(breach.rule, breach.service) for breach in breaches}, breaches


def test_with_the_row_lock_one_of_two_receipts_is_refused(world: World) -> None:
    statuses, breaches = _pay_twice_at_once(world)

    assert statuses == [201, 409]
    assert breaches == []


def _pay_twice_at_once(world: World) -> tuple[list[int | None], list[Breach]]:
    client = Client(world, world.homes(_First())[0])
    known: list[Any] = []
    assert client.write(_asked("/api/billing/customers", {"name": "Payer"}, "", known)) == 201
    line = {"description": "Work", "quantity": "1", "unit_price": "100"}
    invoice = {"customer_id": known[0]["id"], "issue": True, "lines": [line]}
    assert client.write(_asked("/api/billing/invoices", invoice, "invoice", known)) == 201
    world.settle_quietly()
    day = world.clock.today(client.home.time_zone).isoformat()
    receipt = {
        "customer_id": known[0]["id"],
        "received_on": day,
        "payment_type": "Cash",
        "amount": known[1]["total"],
        "lines": [{"kind": "invoice", "invoice_id": known[1]["id"], "amount": known[1]["total"]}],
    }
    with ThreadPoolExecutor(2) as pool:
        asked = [_asked("/api/payments/receipts", receipt, f"receipt {number}") for number in range(2)]
        statuses = sorted(pool.map(partial(_insist, client), asked), key=str)
    return statuses, check(world.urls, settled=False, attempts=client.attempts, companies=[client.home.id])


def _insist(client: Client, asked: Asked) -> int | None:
    """The answer that says what became of it: on a slow machine the wait for the other's lock may end before."""
    while (status := client.write(asked)) == 503:
        pass
    return status


def _asked(path: str, body: Any, key: str, known: list[Any] | None = None) -> Asked:
    return Asked("POST", path, body, key, (known if known is not None else []).append, False)


class _First:
    """Chooses what comes first."""

    def choice(self, of: Any) -> Any:
        return of[0]

    def choices(self, of: Any, k: int) -> list[Any]:
        return [of[0]] * k


def _wait_until_blocked(url: str, backend: int) -> None:
    """Returns once that session waits for another's lock."""
    with psycopg.connect(url, autocommit=True) as looker:
        for _ in range(DEADLINE_S * 50):
            row = looker.execute("select cardinality(pg_blocking_pids(%s))", (backend,)).fetchone()
            if row and row[0]:
                return
            looker.execute("select pg_sleep(0.02)")
    raise AssertionError("nobody waited for the lock")


def test_every_sabotage_is_tried() -> None:
    assert {*RED, "lock-before-number", "row-lock"} == {*SABOTAGES}
