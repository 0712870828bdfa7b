"""Interleaved rounds: the machine drifts, so the limit and the product take turns, and medians are compared."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """Operations a second: the median of the rounds, and their spread."""

    name: str
    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        return f"{self.name:<58} {self.median:>10,.0f}/s   {min(self.rounds):,.0f} to {max(self.rounds):,.0f}"


def interleaved(rounds: int, **measured: Callable[[], float]) -> dict[str, Figure]:
    """Runs each function once a round, in turn. Each returns operations a second."""
    results: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, run in measured.items():
            results[name].append(run())
    return {name: Figure(name.replace("_", " "), values) for name, values in results.items()}


def compare(product: Figure, limit: Figure, target: float) -> str:
    """One line: what part of the limit the product reaches, and whether that is the target."""
    ratio = product.median / limit.median
    verdict = "reached" if ratio >= target else f"missed by {(target - ratio) * 100:.0f} points"
    return f"{product.name}: {ratio:.0%} of {limit.name}; target {target:.0%}: {verdict}"
