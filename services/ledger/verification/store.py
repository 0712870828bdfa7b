"""Reads the journal in the order of its numbers, with constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from services.ledger.entries.domain import Entry, Posting

CHUNK = 2000

_ENTRIES = """
select e.company_id, e.number, e.event_id, e.producer, e.sequence, e.kind, e.document_id, e.document, e.subject, e.currency,
    e.occurred_on, e.posting_on, e.recorded_at, e.description, e.reverses, e.posting_count, e.hash
from app.journal_entry e where e.company_id = %s and e.number > %s and e.number <= %s order by e.number
"""
_POSTINGS = """
select entry_number, line, account, side, amount, customer_id, document_id, currency, posting_on
from app.posting where company_id = %s and entry_number > %s and entry_number <= %s order by entry_number, line
"""


def entries_between(
    session: Connection, company_id: int, after: int, through: int
) -> Iterator[tuple[Entry, int, bytes, list[Any]]]:
    """Each entry with its posting count, stored hash and posting rows, by number; CHUNK numbers at a time."""
    for start in range(after, through, CHUNK):
        end = min(start + CHUNK, through)
        postings: dict[int, list[Any]] = {}
        for row in session.exec_driver_sql(_POSTINGS, (company_id, start, end)):
            postings.setdefault(row.entry_number, []).append(row)
        for row in session.exec_driver_sql(_ENTRIES, (company_id, start, end)):
            yield Entry(*row[:15]), row.posting_count, bytes(row.hash), postings.pop(row.number, [])


def posting_of(row: Any) -> Posting:
    return (row.line, row.account, row.side, row.amount, row.customer_id, row.document_id)


def chain_head(session: Connection, company_id: int) -> tuple[int, bytes]:
    """Number and hash of the company's last entry as its chain says; 0 before the first."""
    row = session.exec_driver_sql("select number, hash from app.chain_head where company_id = %s", (company_id,)).one_or_none()
    return (row.number, bytes(row.hash)) if row else (0, bytes(32))


def hash_of(session: Connection, company_id: int, number: int) -> bytes:
    """The stored hash of an entry; 32 zero bytes for number 0 and for an entry that is not there."""
    found = session.exec_driver_sql(
        "select hash from app.journal_entry where company_id = %s and number = %s", (company_id, number)
    ).scalar_one_or_none()
    return bytes(found) if found is not None else bytes(32)


def checkpoint(session: Connection, company_id: int) -> tuple[int, bytes]:
    """Up to where the chain was verified by an earlier proof."""
    row = session.exec_driver_sql(
        "select number, hash from app.chain_checkpoint where company_id = %s", (company_id,)
    ).one_or_none()
    return (row.number, bytes(row.hash)) if row else (0, bytes(32))


def move_checkpoint(session: Connection, company_id: int, number: int, hash_: bytes) -> None:
    session.exec_driver_sql(
        "insert into app.chain_checkpoint (company_id, number, hash, verified_at) values (%s, %s, %s, now()) "
        "on conflict (company_id) do update "
        "set number = excluded.number, hash = excluded.hash, verified_at = excluded.verified_at "
        "where chain_checkpoint.number < excluded.number",
        (company_id, number, hash_),
    )
