"""What a person's own journal entry must be. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from shared.errors import Conflict, Faults, Invalid, NotFound
from shared.money import CurrencyMismatch, Money


class EntryUnbalanced(Invalid):
    """Debits and credits of a journal entry must be equal."""

    code = "entry-unbalanced"


class NoSuchManualEntry(NotFound):
    """There is no such manual entry."""

    code = "manual-entry-not-found"


class ManualEntryExists(Conflict):
    """This id stands for another manual entry already; take a new one."""

    code = "manual-entry-exists"


class AlreadyReversed(Conflict):
    """The entry was reversed already; an entry is reversed once."""

    code = "already-reversed"


class ReversalTooEarly(Invalid):
    """A reversal is never dated before its entry."""

    code = "reversal-too-early"


@dataclass(frozen=True, slots=True)
class ManualLine:
    account: str
    side: str
    amount: Money
    memo: str = ""


def check_lines(lines: Sequence[ManualLine], faults: Faults) -> None:
    """Adds a fault for each line of another currency than the first, and one where debits and credits differ."""
    currency = lines[0].amount.currency
    foreign = [place for place, line in enumerate(lines) if line.amount.currency != currency]
    for place in foreign:
        refusal = CurrencyMismatch(f"must be {currency} like the first line's", currency=currency)
        faults.add(f"/lines/{place}/amount/currency", refusal)
    debits = sum(line.amount.minor for line in lines if line.side == "debit")
    credits = sum(line.amount.minor for line in lines if line.side == "credit")
    if not foreign and debits != credits:
        detail = f"debits are {debits}, credits {credits} minor units"
        faults.add("/lines", EntryUnbalanced(detail, debits=debits, credits=credits))


def mirrored(side: str) -> str:
    """The other side."""
    return "credit" if side == "debit" else "debit"


def check_reversal_date(entered_on: date, reversed_on: date, faults: Faults) -> None:
    """Adds a fault where the reversal is dated before its entry."""
    if reversed_on < entered_on:
        faults.add("/occurred_on", ReversalTooEarly(f"must not be before {entered_on}", earliest=entered_on.isoformat()))
