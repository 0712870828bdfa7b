"""Interleaved rounds: the machine drifts, so the limit and the product take turns, and medians are compared."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure of each round, in turn with others: operations a second, or seconds."""

    name: str
    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        shown = (number_text(self.median), number_text(min(self.rounds)), number_text(max(self.rounds)))
        return f"  {self.name:<58} {shown[0]:>10}   {shown[1]} to {shown[2]}"


@dataclass(frozen=True)
class Comparison:
    """The product beside the limit of the same run. `unit` is "/s", where more is better, or "ms", where less is.

    `target`: the ratio of product to limit to be reached, at least for "/s" and at most for "ms"; None where there is none.
    """

    what: str
    limit_name: str
    limit: float
    product: float
    unit: str
    target: float | None

    @property
    def ratio(self) -> float:
        return self.product / self.limit

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        if self.unit == "/s":
            off = (self.target - self.ratio) * 100
            return "reached" if off <= 0 else f"missed by {off:.0f} points"
        return "reached" if self.ratio <= self.target else f"missed: {self.ratio / self.target:.1f} times the target"

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        shown = [
            f"{number_text(value)}{self.unit if self.unit == '/s' else ' ' + self.unit}" for value in (self.limit, self.product)
        ]
        ratio, target = (
            (f"{self.ratio:.0%}", "" if self.target is None else f"at least {self.target:.0%}")
            if self.unit == "/s"
            else (f"{self.ratio:.1f} times", "" if self.target is None else f"at most {self.target:g} times")
        )
        return (self.what, self.limit_name, shown[0], shown[1], ratio, target, self.verdict)


HEADINGS = ("what", "limit", "limit reaches", "product reaches", "ratio", "target", "")


def interleaved(rounds: int, measured: dict[str, Callable[[], float]]) -> dict[str, Figure]:
    """Runs each function once a round, in turn, and prints what they found."""
    results: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, run in measured.items():
            results[name].append(run())
    figures = {name: Figure(name, values) for name, values in results.items()}
    for figure in figures.values():
        print(figure, flush=True)
    return figures


def table(comparisons: Iterable[Comparison]) -> str:
    """The comparisons as a table of Markdown, columns aligned."""
    rows = [HEADINGS, *(comparison.cells() for comparison in comparisons)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def number_text(value: float) -> str:
    """Three digits that matter, thousands apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
