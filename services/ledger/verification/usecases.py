"""Recomputes the hash chain over entries and postings as they are stored, and names what does not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from services.ledger.entries.domain import Entry, chained, instant
from services.ledger.verification import store


@dataclass(frozen=True, slots=True)
class ChainFault:
    """What is wrong with an entry."""

    number: int
    detail: str


@dataclass(slots=True)
class Verified:
    """`checked` entries up to `number`, whose hash is `hash`, of the `last` that there was; `faults` is empty where all of
    them are whole."""

    checked: int
    number: int
    hash: bytes
    last: int
    faults: list[ChainFault] = field(default_factory=list)


def verify(session: Connection, company_id: int, after: int, previous: bytes, at_most: int) -> Verified:
    """Verifies up to `at_most` entries after number `after`, whose hash is `previous`. Stops at the first broken entry.

    Of each entry: its number follows, its postings are all there, balance, share its currency and date, and its hash is
    that of its content after the entry before. At the end of the journal the chain's head must be the last entry.
    """
    last, head_hash = store.chain_head(session, company_id)
    through = min(last, after + at_most)
    result = Verified(0, after, previous, last)
    for entry, posting_count, stored, postings in store.entries_between(session, company_id, after, through):
        detail = _fault(entry, result.number, posting_count, postings)
        computed = chained(result.hash, entry, instant(entry.recorded_at), [store.posting_of(row) for row in postings])
        if not detail and computed != stored:
            detail = "its content is not what its hash was made of, or an entry before it was altered"
        if detail:
            result.faults.append(ChainFault(entry.number, detail))
            return result
        result.checked += 1
        result.number, result.hash = entry.number, computed
    if result.number < through:
        result.faults.append(ChainFault(result.number + 1, "the entry is missing"))
    elif through == last and after <= last and result.hash != head_hash:
        result.faults.append(ChainFault(last, "the chain's head names another entry as the last"))
    return result


def _fault(entry: Entry, before: int, posting_count: int, postings: list[Any]) -> str:
    if entry.number != before + 1:
        return f"entry {before + 1} is missing before it"
    if len(postings) != posting_count or [row.line for row in postings] != list(range(1, posting_count + 1)):
        return f"it was posted with {posting_count} postings, {len(postings)} are there"
    off_by = sum(row.amount if row.side == "debit" else -row.amount for row in postings)
    if off_by:
        return f"debits and credits differ by {off_by}"
    if any(row.currency != entry.currency or row.posting_on != entry.posting_on for row in postings):
        return "a posting has another currency or date than its entry"
    return ""
