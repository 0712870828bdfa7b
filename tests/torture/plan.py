"""Which faults come when: decided by the seed alone, before anything runs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.torture.faults import KINDS, Fault


@dataclass(frozen=True)
class Planned:
    """A fault, and after how many operations it begins."""

    after: int
    fault: Fault

    def __str__(self) -> str:
        return f"after {self.after:>6} operations: {self.fault}"


@dataclass(frozen=True)
class Plan:
    seed: int
    operations: int
    faults: tuple[Planned, ...]

    def __str__(self) -> str:
        return "\n".join([f"seed {self.seed}: {self.operations} operations, {len(self.faults)} faults", *map(str, self.faults)])


def plan(seed: int, operations: int, faults: int, kinds: Sequence[str] = tuple(KINDS)) -> Plan:
    """Each kind comes about as often as any other, in an order of the seed's, spread over the operations."""
    chance = random.Random(seed)
    order: list[str] = []
    while len(order) < faults:
        order += chance.sample(list(kinds), len(kinds))
    step = operations / (faults + 1)
    return Plan(
        seed,
        operations,
        tuple(
            Planned(int(step * (number + 0.5) + chance.uniform(0, step / 2)), KINDS[kind](chance))
            for number, kind in enumerate(order[:faults])
        ),
    )
