"""Recomputes the hash chain and the stored balances from entries and postings, and names what does not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from services.ledger.entries.domain import Entry, chained, instant
from services.ledger.verification import store


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an entry, or, where `number` is None, with a stored balance."""

    number: int | None
    detail: str

    def __str__(self) -> str:
        return self.detail if self.number is None else f"entry {self.number}: {self.detail}"


@dataclass(slots=True)
class Verified:
    """`checked` entries up to `number`, whose hash is `hash`, of the `last` that there was; `faults` is empty where all of
    them are whole."""

    checked: int
    number: int
    hash: bytes
    last: int
    faults: list[Fault] = field(default_factory=list)


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
            result.faults.append(Fault(entry.number, detail))
            return result
        result.checked += 1
        result.number, result.hash = entry.number, computed
    if result.number < through:
        result.faults.append(Fault(result.number + 1, "the entry is missing"))
    elif through == last and after <= last and result.hash != head_hash:
        result.faults.append(Fault(last, "the chain's head names another entry as the last"))
    return result


def since_checkpoint(session: Connection, company_id: int, number: int, hash_: bytes, last: int) -> list[Fault]:
    """What an earlier proof verified must still be there: the chain ends no sooner than at entry `number`, which still has
    this hash. Without it, a chain that was cut off together with its head would look whole.

    `last` must have been read after the checkpoint, or a proof made meanwhile is beyond it.
    """
    if number > last:
        return [Fault(number, f"the chain ends at entry {last}, entry {number} was verified before")]
    stored = store.hash_of(session, company_id, number)
    if stored is None:
        return [Fault(number, "it was verified before and is missing")]
    if stored != hash_:
        return [Fault(number, "it no longer has the hash with which it was verified before")]
    return []


def verify_balances(session: Connection, company_id: int) -> list[Fault]:
    """Every stored balance that is not the sum of its postings, in minor units: of an account's day, of a customer.

    Reads the whole journal, which must have been found whole: it is what the balances are compared with.
    """
    store.allow_whole_journal(session)
    faults = [
        _unlike(f"balance of account {row.account} in {row.currency} on {row.on_day}", row)
        for row in store.wrong_balances(session, company_id)
    ]
    faults += [
        _unlike(f"balance of customer {row.customer_id} in account {row.account} in {row.currency}", row)
        for row in store.wrong_customer_balances(session, company_id)
    ]
    return faults


def _unlike(what: str, row: Any) -> Fault:
    return Fault(
        None,
        f"{what}: its postings are debit {row.debit} and credit {row.credit}, "
        f"stored are {row.stored_debit} and {row.stored_credit}",
    )


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
