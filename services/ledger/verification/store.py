"""Reads the journal in the order of its numbers, with constant memory, and compares its sums with the stored balances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from services.ledger.accounts.domain import BY_CUSTOMER
from services.ledger.entries.domain import Entry, Posting
from shared.db import allow

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


def hash_of(session: Connection, company_id: int, number: int) -> bytes | None:
    """The stored hash of an entry, 32 zero bytes for number 0; None where there is no such entry."""
    if number == 0:
        return bytes(32)
    found = session.exec_driver_sql(
        "select hash from app.journal_entry where company_id = %s and number = %s", (company_id, number)
    ).scalar_one_or_none()
    return bytes(found) if found is not None else None


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


def allow_whole_journal(session: Connection) -> None:
    """Until the transaction ends, a statement may take 25 s instead of the 5 s of the role.

    A balance of a day and one of a customer are sums over the same postings, cut differently, so no page of the journal
    has all of either; a sum over pages would have to be kept between requests. Those limits are for documents; only who
    verifies the books comes here. Two such statements stay below the minute after which the gateway gives up.
    """
    allow(session, 25)


_SUMS = """
    coalesce(sum(p.amount) filter (where p.side = 'debit'), 0) as debit,
    coalesce(sum(p.amount) filter (where p.side = 'credit'), 0) as credit
"""
_BOTH = """
    coalesce(posted.debit, 0) as debit, coalesce(posted.credit, 0) as credit,
    coalesce(stored.debit, 0) as stored_debit, coalesce(stored.credit, 0) as stored_credit
"""
_DIFFER = """
    coalesce(posted.debit, 0) <> coalesce(stored.debit, 0) or coalesce(posted.credit, 0) <> coalesce(stored.credit, 0)
"""

# each one statement, so that postings and balances are of one moment while the worker goes on
_WRONG_BALANCES = f"""
select account, currency, on_day, {_BOTH}
from (select p.account, p.currency, p.posting_on as on_day, {_SUMS}
      from app.posting p where p.company_id = %(company)s group by 1, 2, 3) posted
full join (select account, currency, on_day, debit, credit from app.balance where company_id = %(company)s) stored
    using (account, currency, on_day)
where {_DIFFER} order by 1, 2, 3
"""
_WRONG_CUSTOMER_BALANCES = f"""
select account, currency, customer_id, {_BOTH}
from (select p.account, p.currency, p.customer_id, {_SUMS}
      from app.posting p join app.account a on a.company_id = p.company_id and a.code = p.account and a.control = any(%(kept)s)
      where p.company_id = %(company)s and p.customer_id is not null group by 1, 2, 3) posted
full join (select account, currency, customer_id, debit, credit from app.customer_balance where company_id = %(company)s) stored
    using (account, currency, customer_id)
where {_DIFFER} order by 1, 2, 3
"""


def wrong_balances(session: Connection, company_id: int) -> list[Any]:
    """Where an account's stored balance of a day differs from the sum of its postings, with both; a missing one counts as 0."""
    return list(session.exec_driver_sql(_WRONG_BALANCES, {"company": company_id}))


def wrong_customer_balances(session: Connection, company_id: int) -> list[Any]:
    """The same per customer, for the accounts that are kept by customer."""
    return list(session.exec_driver_sql(_WRONG_CUSTOMER_BALANCES, {"company": company_id, "kept": list(BY_CUSTOMER)}))
