"""Comparing the ledger's figure with the owner's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Key = tuple[str, str]
"""What a figure is of (a customer, an account, a group of receipts) and its currency."""


class State(StrEnum):
    GREEN = "green"
    RED = "red"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Difference:
    """Both figures of one key where they are not the same, in minor units, and the documents that cause it."""

    key: str
    currency: str
    ledger: int
    owner: int
    documents: tuple[str, ...] = ()


@dataclass(slots=True)
class Proof:
    """One proof. Totals are per currency, in minor units; `clock` says of which events both sides know."""

    code: str
    title: str
    state: State
    ledger: dict[str, int] = field(default_factory=dict)
    owner: dict[str, int] = field(default_factory=dict)
    clock: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    reason: str = ""


def differences(ledger: Mapping[Key, int], owner: Mapping[Key, int]) -> list[Difference]:
    """Every key whose figures differ, in order; a key that is missing counts as zero."""
    return [
        Difference(key, currency, ledger.get((key, currency), 0), owner.get((key, currency), 0))
        for key, currency in sorted(ledger.keys() | owner.keys())
        if ledger.get((key, currency), 0) != owner.get((key, currency), 0)
    ]


def totals(figures: Mapping[Key, int]) -> dict[str, int]:
    """Sums per currency."""
    result: dict[str, int] = {}
    for (_, currency), amount in sorted(figures.items()):
        result[currency] = result.get(currency, 0) + amount
    return result


def overall(states: Iterable[State]) -> State:
    """Red where anything is red, else unknown where anything is, else green."""
    found = set(states)
    return State.RED if State.RED in found else State.UNKNOWN if State.UNKNOWN in found else State.GREEN
