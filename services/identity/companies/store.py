"""The table of companies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CHAR, BigInteger, Column, Connection, DateTime, MetaData, Table, Text

company = Table(
    "company",
    MetaData(),
    Column("company_id", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("origin", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    schema="app",
)


@dataclass(frozen=True, slots=True)
class Company:
    company_id: int
    name: str
    time_zone: str
    currency: str
    created_at: datetime


_COLUMNS = "company_id, name, time_zone, currency, created_at"


def enter_new(session: Connection, actor: str, correlation_id: str) -> int:
    """A number for a new company; from here on the transaction sees that company, and only it.

    Unlike `app.enter_companies` it leaves the caller's network address to the audit trail.
    """
    company_id: int = session.exec_driver_sql("select nextval('app.company_number')").scalar_one()
    session.exec_driver_sql(
        "select set_config('app.companies', %s, true), set_config('app.actor', %s, true), "
        "set_config('app.correlation_id', %s, true)",
        (f"{{{company_id}}}", actor, correlation_id),
    )
    return company_id


def add(session: Connection, company_id: int, name: str, time_zone: str, currency: str, origin: str) -> None:
    session.exec_driver_sql(
        "insert into app.company (company_id, name, time_zone, currency, origin) values (%s, %s, %s, %s, %s)",
        (company_id, name, time_zone, currency, origin),
    )


def of(session: Connection, company_id: int) -> Company | None:
    row = session.exec_driver_sql(f"select {_COLUMNS} from app.company where company_id = %s", (company_id,)).one_or_none()
    return Company(*row) if row else None


def of_for_update(session: Connection, company_id: int) -> Company | None:
    row = session.exec_driver_sql(
        f"select {_COLUMNS} from app.company where company_id = %s for update", (company_id,)
    ).one_or_none()
    return Company(*row) if row else None


def change(session: Connection, company_id: int, name: str, time_zone: str) -> None:
    session.exec_driver_sql(
        "update app.company set name = %s, time_zone = %s where company_id = %s", (name, time_zone, company_id)
    )
