"""What `python -m tests.simulation` does with its arguments."""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import takewhile
from typing import Any

from tests.rig.sabotage import SABOTAGES
from tests.simulation.campaign import run_seeds
from tests.simulation.run import Outcome, run_seed
from tests.simulation.world import World, admin_url

SAYS_EVERY_S = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the arguments say; 1 where a seed failed."""
    asked = _parser().parse_args(arguments)
    if asked.seed is not None:
        return replay(asked.seed, asked.times, asked.trace, asked.danger, asked.sabotage)
    return campaign(asked.first, asked.seeds, asked.processes, asked.go_on, asked.sabotage)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Seeded runs of the whole system.")
    parser.add_argument("--seeds", type=int, default=300, metavar="N", help="how many seeds")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="M", help="the first of them")
    parser.add_argument("--processes", type=int, default=1, metavar="P", help="how many at once, each with databases of its own")
    parser.add_argument("--go-on", action="store_true", help="do not stop at the first seed that fails")
    parser.add_argument("--seed", type=int, metavar="S", help="one seed, instead of many")
    parser.add_argument("--times", type=int, default=1, help="with --seed: how often; the digest must stay the same")
    parser.add_argument("--trace", action="store_true", help="with --seed: print all that happens")
    parser.add_argument("--danger", type=float, help="with --seed: how often something dies, in place of what the seed says")
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES), help="take this guard of the product away")
    return parser


def replay(seed: int, times: int, trace: bool, danger: float | None, sabotage: str | None) -> int:
    """Runs one seed again and again. Good where nothing fails and each time is like the first."""
    outcomes: list[Outcome] = []
    for number in range(times):
        outcome = _alone(seed, danger, sabotage)
        outcomes.append(outcome)
        if trace and number == 0:
            print("\n".join(outcome.trace))
        print(f"seed {seed}, time {number + 1}: digest {outcome.digest}, {len(outcome.breaches)} breaches", flush=True)
    if outcomes[0].breaches:
        print(outcomes[0].report(sabotage))
    same = len({outcome.digest for outcome in outcomes}) == 1
    if not same:
        print("the digests differ: something in the run does not follow from the seed")
    return 0 if same and not outcomes[0].breaches else 1


def _alone(seed: int, danger: float | None, sabotage: str | None) -> Outcome:
    world = World(admin_url(), stocked=2)
    try:
        with SABOTAGES[sabotage](world.urls) if sabotage else nullcontext():
            return run_seed(world, seed, danger=danger)
    finally:
        world.close()


def campaign(first: int, seeds: int, processes: int, go_on: bool, sabotage: str | None) -> int:
    """Runs many seeds in several processes. Prints what fails, and how fast it goes."""
    began, said = time.monotonic(), 0.0
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    stop = context.Event()
    parts = [range(first + part, first + seeds, processes) for part in range(processes)]
    workers = [context.Process(target=_work, args=(results, stop, part, go_on, sabotage)) for part in parts]
    for worker in workers:
        worker.start()
    done, failed, working = 0, [], processes
    while working:
        outcome = results.get()
        if outcome is None:
            working -= 1
            continue
        done += 1
        if outcome.breaches:
            failed.append(outcome.seed)
            print(outcome.report(sabotage), flush=True)
            if not go_on:
                stop.set()
        if time.monotonic() - said > SAYS_EVERY_S:
            said = time.monotonic()
            print(f"{done} of {seeds} seeds, {len(failed)} failed, {done / (said - began):.2f} seeds/s", flush=True)
    for worker in workers:
        worker.join()
    print(f"{done} seeds from {first} in {time.monotonic() - began:.0f} s, failed: {failed or 'none'}")
    return 1 if failed or done < seeds else 0


def _work(results: Any, stop: Any, seeds: range, go_on: bool, sabotage: str | None) -> None:
    """One process: a world of its own, and a new one after a seed that failed."""
    left = list(seeds)
    try:
        while left and not stop.is_set():
            world = World(admin_url())
            try:
                with SABOTAGES[sabotage](world.urls) if sabotage else nullcontext():
                    for outcome in run_seeds(world, takewhile(lambda _: not stop.is_set(), list(left))):
                        left.remove(outcome.seed)
                        results.put(outcome)
                        if outcome.breaches and not go_on:
                            stop.set()
            finally:
                world.close()
    finally:
        results.put(None)
