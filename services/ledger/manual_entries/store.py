"""Tables and queries of manual entries: what people wrote. Their postings are in the journal, by their events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Date, DateTime, Integer, MetaData, Row, Select, Table, Text, and_, select

from services.ledger import arrays
from services.ledger.manual_entries.domain import ManualLine

metadata = MetaData(schema="app")

manual_entry_table = Table(
    "manual_entry",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("currency", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("posted_by", Text, nullable=False),
    Column("posted_at", DateTime(timezone=True), nullable=False),
)

manual_entry_line_table = Table(
    "manual_entry_line",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("manual_entry_id", Text, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("memo", Text, nullable=False),
)

manual_entry_reversal_table = Table(
    "manual_entry_reversal",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("manual_entry_id", Text, primary_key=True),
    Column("occurred_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("reversed_by", Text, nullable=False),
    Column("reversed_at", DateTime(timezone=True), nullable=False),
)


def add(
    session: Connection,
    company_id: int,
    manual_entry_id: str,
    currency: str,
    description: str,
    occurred_on: date,
    posting_on: date,
    event_id: str,
    posted_by: str,
    posted_at: datetime,
    lines: Sequence[ManualLine],
) -> None:
    session.exec_driver_sql(
        "insert into app.manual_entry "
        "(company_id, id, currency, description, occurred_on, posting_on, event_id, posted_by, posted_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (company_id, manual_entry_id, currency, description, occurred_on, posting_on, event_id, posted_by, posted_at),
    )
    session.exec_driver_sql(
        "insert into app.manual_entry_line (company_id, manual_entry_id, line, account, side, amount, memo) "
        "select %s, %s, * from unnest(%s::int[], %s::text[], %s::text[], %s::bigint[], %s::text[])",
        (
            company_id,
            manual_entry_id,
            arrays.plain(range(1, len(lines) + 1)),
            arrays.texts([line.account for line in lines]),
            arrays.texts([line.side for line in lines]),
            arrays.plain(line.amount.minor for line in lines),
            arrays.texts([line.memo for line in lines]),
        ),
    )


def add_reversal(
    session: Connection,
    company_id: int,
    manual_entry_id: str,
    occurred_on: date,
    posting_on: date,
    reason: str,
    event_id: str,
    reversed_by: str,
    reversed_at: datetime,
) -> bool:
    """False where the entry was reversed before."""
    added = session.exec_driver_sql(
        "insert into app.manual_entry_reversal "
        "(company_id, manual_entry_id, occurred_on, posting_on, reason, event_id, reversed_by, reversed_at) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict on constraint manual_entry_reversed_once do nothing returning 1",
        (company_id, manual_entry_id, occurred_on, posting_on, reason, event_id, reversed_by, reversed_at),
    )
    return added.one_or_none() is not None


def all_entries(company_id: int) -> Select[Any]:
    """Manual entries, each with its reversal where it has one."""
    entry, reversal = manual_entry_table, manual_entry_reversal_table
    return (
        select(
            entry,
            reversal.c.occurred_on.label("reversed_on"),
            reversal.c.reason.label("reversal_reason"),
            reversal.c.event_id.label("reversal_event_id"),
            reversal.c.reversed_by,
        )
        .outerjoin(reversal, and_(reversal.c.company_id == entry.c.company_id, reversal.c.manual_entry_id == entry.c.id))
        .where(entry.c.company_id == company_id)
    )


def entry(session: Connection, company_id: int, manual_entry_id: str) -> Row[Any] | None:
    return session.execute(all_entries(company_id).where(manual_entry_table.c.id == manual_entry_id)).one_or_none()


def lines(session: Connection, company_id: int, manual_entry_ids: Sequence[str]) -> list[Any]:
    """Lines of those entries with their accounts' names, in order."""
    return list(
        session.exec_driver_sql(
            "select l.manual_entry_id, l.account, a.name as account_name, l.side, l.amount, l.memo from app.manual_entry_line l "
            "join app.account a on a.company_id = l.company_id and a.code = l.account "
            "where l.company_id = %s and l.manual_entry_id = any(%s::text[]) order by l.manual_entry_id, l.line",
            (company_id, arrays.texts(manual_entry_ids)),
        )
    )
