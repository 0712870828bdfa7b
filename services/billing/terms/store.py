"""Queries on terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    Numeric,
    RowMapping,
    Select,
    Table,
    Text,
    insert,
    select,
    update,
)

from services.billing.terms.domain import Terms

metadata = MetaData()
terms = Table(
    "terms",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("description", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("days", Integer),
    Column("day", Integer),
    Column("cutoff_days", Integer),
    Column("months_to_add", Integer),
    Column("discount_enabled", Boolean, nullable=False),
    Column("discount_days", Integer, nullable=False),
    Column("discount_percent", Numeric, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    schema="app",
)


def all_terms(company_id: int) -> Select[Any]:
    return select(terms).where(terms.c.company_id == company_id)


def get(session: Connection, company_id: int, terms_id: str, *, lock: bool = False) -> RowMapping | None:
    query = all_terms(company_id).where(terms.c.id == terms_id)
    return session.execute(query.with_for_update() if lock else query).mappings().one_or_none()


def add(session: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    session.execute(insert(terms), rows)


def change(session: Connection, company_id: int, terms_id: str, values: Mapping[str, Any]) -> RowMapping:
    return (
        session.execute(
            update(terms)
            .where(terms.c.company_id == company_id, terms.c.id == terms_id)
            .values(**values, version=terms.c.version + 1)
            .returning(terms)
        )
        .mappings()
        .one()
    )


def no_longer_default(session: Connection, company_id: int, except_id: str) -> None:
    """Takes the mark off whichever terms have it, so that others may get it."""
    session.execute(
        update(terms)
        .where(terms.c.company_id == company_id, terms.c.is_default, terms.c.id != except_id)
        .values(is_default=False, version=terms.c.version + 1)
    )


def rule(row: Mapping[Any, Any]) -> Terms:
    """The due-date rule in a row that has the columns of terms."""
    return Terms(row["kind"], row["days"], row["day"], row["cutoff_days"], row["months_to_add"])
