"""Queries on payment types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    RowMapping,
    Select,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from services.payments.payment_types.domain import PaymentType

metadata = MetaData()
payment_type = Table(
    "payment_type",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("needs_deposit", Boolean, nullable=False),
    Column("cash_account", Text),
    Column("allows_cash_account_override", Boolean, nullable=False),
    Column("deposit_group", Text),
    Column("needs_check_number", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    schema="app",
)


def all_types(company_id: int) -> Select[Any]:
    return select(payment_type).where(payment_type.c.company_id == company_id)


def get(session: Connection, company_id: int, payment_type_id: str, *, lock: bool = False) -> RowMapping | None:
    query = select(payment_type).where(payment_type.c.company_id == company_id, payment_type.c.id == payment_type_id)
    return session.execute(query.with_for_update() if lock else query).mappings().one_or_none()


def name_taken(session: Connection, company_id: int, name: str, by_other_than: str) -> bool:
    query = select(payment_type.c.id).where(
        payment_type.c.company_id == company_id,
        func.lower(payment_type.c.name) == name.lower(),
        payment_type.c.id != by_other_than,
    )
    return session.execute(query).first() is not None


def add(session: Connection, values: Mapping[str, Any]) -> RowMapping:
    return session.execute(insert(payment_type).values(**values).returning(payment_type)).mappings().one()


def change(session: Connection, company_id: int, payment_type_id: str, values: Mapping[str, Any]) -> RowMapping:
    query = (
        update(payment_type)
        .where(payment_type.c.company_id == company_id, payment_type.c.id == payment_type_id)
        .values(**values, version=payment_type.c.version + 1)
        .returning(payment_type)
    )
    return session.execute(query).mappings().one()


def add_defaults(session: Connection, company_id: int, types: Sequence[PaymentType]) -> None:
    """Adds those whose name the company does not have yet."""
    session.exec_driver_sql(
        "insert into app.payment_type (company_id, id, name, needs_deposit, cash_account, deposit_group, needs_check_number) "
        "select %s, * from unnest(%s::text[], %s::text[], %s::bool[], %s::text[], %s::text[], %s::bool[]) on conflict do nothing",
        (
            company_id,
            [made.id for made in types],
            [made.name for made in types],
            [made.needs_deposit for made in types],
            [made.cash_account for made in types],
            [made.deposit_group for made in types],
            [made.needs_check_number for made in types],
        ),
    )


def by_names(session: Connection, company_id: int, names: Sequence[str]) -> dict[str, PaymentType]:
    """Payment types by their names in lower case."""
    rows = session.exec_driver_sql(
        "select id, name, needs_deposit, cash_account, allows_cash_account_override, deposit_group, needs_check_number, active "
        "from app.payment_type where company_id = %s and lower(name) = any(%s)",
        (company_id, [name.lower() for name in names]),
    )
    return {row.name.lower(): PaymentType(*row) for row in rows}
