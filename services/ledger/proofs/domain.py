"""What is proven, and how the ledger's figure is compared with the owner's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Key = tuple[str, str]
"""What a figure is of (a customer, an account, a group of receipts) and its currency."""

Figures = Mapping[Key, int]
"""Minor units, debits above zero; zeros are left out."""


class State(StrEnum):
    GREEN = "green"
    RED = "red"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Claim:
    """One equation: the control accounts of some kinds against the figure that their owner states."""

    code: str
    title: str
    owner: str
    figure: str
    """Name of the owner's figure in its answer."""
    controls: tuple[str, ...]
    keyed_by: Literal["customer", "account", "nothing"]
    sign: int
    """The owner's figure by the ledger's sign: 1 where it counts debits, -1 where it counts credits."""
    depends_on: tuple[str, ...]
    """Producers whose events move these accounts: the ledger must be as far in their logs as the owner was."""


CHAIN = Claim("P1", "Every entry balances, numbers have no gap, the hash chain verifies", "ledger", "", (), "nothing", 1, ())

CLAIMS = (
    Claim(
        "P2",
        "Accounts receivable and retention equal billing's sub-ledger, per customer",
        "billing",
        "ar",
        ("ar", "retention"),
        "customer",
        1,
        ("billing", "payments"),
    ),
    Claim(
        "P3",
        "Customer prepayments equal what payments holds unapplied, per customer",
        "payments",
        "prepayments",
        ("prepayments",),
        "customer",
        -1,
        ("payments",),
    ),
    Claim(
        "P4",
        "Undeposited funds equal the receipts that are in no live deposit",
        "banking",
        "undeposited",
        ("undeposited",),
        "nothing",
        1,
        ("banking", "payments"),
    ),
    Claim(
        "P5",
        "Each bank's ledger account equals banking's book balance",
        "banking",
        "banks",
        ("bank",),
        "account",
        1,
        ("banking",),
    ),
)


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


def owned(claim: Claim, rows: Iterable[Sequence[Any]]) -> dict[Key, int]:
    """The owner's figure: rows of [key, currency, amount], or [currency, amount] where the claim has no key."""
    return {(row[0] if len(row) == 3 else claim.figure, row[-2]): claim.sign * row[-1] for row in rows if row[-1]}


def at_clock(stored: Figures, later: Figures) -> dict[Key, int]:
    """Stored balances less what came after the clock."""
    found = {key: stored.get(key, 0) - later.get(key, 0) for key in stored.keys() | later.keys()}
    return {key: amount for key, amount in found.items() if amount}


def differences(ledger: Figures, owner: Figures) -> list[Difference]:
    """Every key whose figures differ, in order; a key that is missing counts as zero."""
    return [
        Difference(key, currency, ledger.get((key, currency), 0), owner.get((key, currency), 0))
        for key, currency in sorted(ledger.keys() | owner.keys())
        if ledger.get((key, currency), 0) != owner.get((key, currency), 0)
    ]


def totals(figures: Figures) -> dict[str, int]:
    """Sums per currency."""
    result: dict[str, int] = {}
    for (_, currency), amount in sorted(figures.items()):
        result[currency] = result.get(currency, 0) + amount
    return result


def overall(states: Iterable[State]) -> State:
    """Red where anything is red, else unknown where anything is, else green."""
    found = set(states)
    return State.RED if State.RED in found else State.UNKNOWN if State.UNKNOWN in found else State.GREEN
