"""Seeds of the simulation: no breach in any of them, and each is the same whenever it is run."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import psycopg
import pytest

from tests.product import House
from tests.simulation.campaign import run_seeds
from tests.simulation.run import Outcome, run_seed
from tests.simulation.world import World

SEEDS = 300
ROOM_FOR_TWO = 200
"""Connections that a server allows where two worlds may share it."""
KEPT: dict[int, str] = {}
"""Seeds beyond those that failed once, each with what was wrong; they are run too."""


@pytest.fixture
def world(admin_url: str, shared_house: House) -> Iterator[World]:
    """A world of its own; the others leave it their connections."""
    shared_house.rest()
    made = World(admin_url, stocked=4)
    yield made
    made.close()


@pytest.mark.matrix("T1", times=SEEDS)
@pytest.mark.matrix("27", times=SEEDS)
@pytest.mark.matrix("28", times=SEEDS)
@pytest.mark.timeout(900)
def test_no_seed_breaks_the_books(admin_url: str, shared_house: House) -> None:
    shared_house.rest()
    with psycopg.connect(admin_url) as admin:
        (allowed,) = admin.execute("select setting::int from pg_settings where name = 'max_connections'").fetchone() or (0,)
    processes = 2 if allowed >= ROOM_FOR_TWO else 1
    seeds = [*range(SEEDS), *KEPT]
    parts = [seeds[part::processes] for part in range(processes)]

    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        outcomes = [outcome for part in pool.map(_run, [admin_url] * processes, parts) for outcome in part]

    assert not [print(outcome.report()) for outcome in outcomes if outcome.breaches]
    assert sorted(outcome.seed for outcome in outcomes) == sorted(seeds)


def _run(admin_url: str, seeds: list[int]) -> list[Outcome]:
    """In a process of its own: what was patched, or is left over there, cannot meet other tests."""
    world = World(admin_url)
    try:
        return [*run_seeds(world, seeds)]
    finally:
        world.close()


@pytest.mark.matrix("T1", times=2)
@pytest.mark.timeout(600)
def test_a_seed_is_the_same_run_whenever_it_is_run(world: World) -> None:
    first, other, again = (run_seed(world, seed, checked=False) for seed in (7, 8, 7))

    assert (first.breaches, other.breaches, again.breaches) == ([], [], [])
    assert again.trace == first.trace
    assert again.digest == first.digest != other.digest
