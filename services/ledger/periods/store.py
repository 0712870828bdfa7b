"""Tables and queries of closings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Date, DateTime, MetaData, Row, Select, Table, Text, select

metadata = MetaData(schema="app")

period_close_table = Table(
    "period_close",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("through", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("waits_for", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", Text, nullable=False),
)

period_answer_table = Table(
    "period_answer",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("close_id", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("answered_at", DateTime(timezone=True), nullable=False),
)


def all_closes(company_id: int) -> Select[Any]:
    return select(period_close_table).where(period_close_table.c.company_id == company_id)


def close(session: Connection, company_id: int, close_id: str, *, lock: bool = False) -> Row[Any] | None:
    query = all_closes(company_id).where(period_close_table.c.id == close_id)
    return session.execute(query.with_for_update() if lock else query).one_or_none()


def closed_through(session: Connection, company_id: int) -> date | None:
    """The last day of the newest closed period."""
    day: date | None = session.exec_driver_sql(
        "select max(through) from app.period_close where company_id = %s and state = 'closed'", (company_id,)
    ).scalar_one_or_none()
    return day


def add_close(
    session: Connection, company_id: int, close_id: str, through: date, asked_by: str, asked_at: datetime, expires_at: datetime
) -> bool:
    """False where another closing is under way; two who ask at once wait for each other here."""
    added = session.exec_driver_sql(
        "insert into app.period_close (company_id, id, through, state, asked_by, asked_at, expires_at) "
        "values (%s, %s, %s, 'closing', %s, %s, %s) on conflict (company_id) where state = 'closing' do nothing returning id",
        (company_id, close_id, through, asked_by, asked_at, expires_at),
    )
    return added.one_or_none() is not None


def end_close(session: Connection, company_id: int, close_id: str, state: str, ended_at: datetime, reason: str) -> None:
    session.exec_driver_sql(
        "update app.period_close set state = %s, ended_at = %s, reason = %s, waits_for = '' where company_id = %s and id = %s",
        (state, ended_at, reason, company_id, close_id),
    )


def note_waiting(session: Connection, company_id: int, close_id: str, waits_for: str) -> None:
    session.exec_driver_sql(
        "update app.period_close set waits_for = %s where company_id = %s and id = %s and state = 'closing' and waits_for <> %s",
        (waits_for, company_id, close_id, waits_for),
    )


def add_answer(session: Connection, company_id: int, close_id: str, service: str, sequence: int, answered_at: datetime) -> None:
    session.exec_driver_sql(
        "insert into app.period_answer (company_id, close_id, service, sequence, answered_at) values (%s, %s, %s, %s, %s) "
        "on conflict do nothing",
        (company_id, close_id, service, sequence, answered_at),
    )


def answers(session: Connection, company_id: int, close_id: str) -> list[Any]:
    return list(
        session.exec_driver_sql(
            "select service, sequence, answered_at from app.period_answer "
            "where company_id = %s and close_id = %s order by service",
            (company_id, close_id),
        )
    )


def gate_of(session: Connection, company_id: int) -> str | None:
    """The closing for which the ledger's own gate is shut."""
    close_id: str | None = session.exec_driver_sql(
        "select close_id from copies.period where company_id = %s", (company_id,)
    ).scalar_one_or_none()
    return close_id


def last_of_own_log(session: Connection, company_id: int) -> int:
    """The company's last event in the ledger's own log, by its place of insertion; 0 where there is none."""
    last: int = session.exec_driver_sql(
        "select coalesce(max(id), 0) from log.event where company_id = %s", (company_id,)
    ).scalar_one()
    return last


def own_log_waits(session: Connection, company_id: int, last: int) -> bool:
    """Whether the ledger's worker has not taken in some of the company's events of its own log up to that place."""
    return bool(
        session.exec_driver_sql(
            "select exists (select 1 from log.event where company_id = %s and id <= %s and seq is null) or exists ("
            "select 1 from log.event where company_id = %s and id <= %s and seq > "
            "coalesce((select seq from log.position where producer = 'ledger'), 0))",
            (company_id, last, company_id, last),
        ).scalar_one()
    )
