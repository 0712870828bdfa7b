"""Queries on customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
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

metadata = MetaData()
customer = Table(
    "customer",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("terms_id", Text),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("search_text", Text, nullable=False),
    schema="app",
)
shown = [column for column in customer.c if column.name not in ("content_hash", "search_text")]


def all_customers(company_id: int) -> Select[Any]:
    return select(*shown).where(customer.c.company_id == company_id)


def found(wanted: str) -> ColumnElement[bool]:
    """Those whose code, name or email holds the text, or who have the invoice with exactly this number."""
    return customer.c.id.in_(select(func.app.customers_found(wanted).column_valued("found")))


def get(session: Connection, company_id: int, customer_id: str, *, lock: bool = False) -> RowMapping | None:
    query = select(*shown, customer.c.content_hash).where(customer.c.company_id == company_id, customer.c.id == customer_id)
    return session.execute(query.with_for_update() if lock else query).mappings().one_or_none()


def add(session: Connection, row: Mapping[str, Any]) -> RowMapping:
    return session.execute(insert(customer).values(**row).returning(*shown)).mappings().one()


def change(session: Connection, company_id: int, customer_id: str, values: Mapping[str, Any]) -> RowMapping:
    return (
        session.execute(
            update(customer)
            .where(customer.c.company_id == company_id, customer.c.id == customer_id)
            .values(**values, version=customer.c.version + 1)
            .returning(*shown)
        )
        .mappings()
        .one()
    )


# how the number n of the series is written
_CODE = "'C' || lpad((n)::text, greatest(5, length((n)::text)), '0')"
_FREE = f"not exists (select from app.customer c where c.company_id = %(company)s and c.code = {_CODE})"


def next_code(session: Connection, company_id: int) -> str:
    """The next code of the series, `C00001`; passes by codes that were given by hand."""
    number: int = session.exec_driver_sql(
        f"""
        insert into app.document_series as s (company_id, series, last_number) values (%(company)s, 'customer', 1)
        on conflict (company_id, series) do update set last_number = coalesce(
            (select n from (values (s.last_number + 1)) next (n) where {_FREE}),
            (select min(n) from generate_series(s.last_number + 2, s.last_number + 10000) n where {_FREE}))
        returning last_number
        """,
        {"company": company_id},
    ).scalar_one()
    return f"C{number:05d}"


def by_codes(session: Connection, company_id: int, codes: Sequence[str]) -> dict[str, Any]:
    """Customers with these codes, with what an invoice takes from them; one query."""
    rows = session.exec_driver_sql(
        "select c.id, c.code, c.name, c.active, t.id as terms_id, t.kind, t.days, t.day, t.cutoff_days, t.months_to_add "
        "from app.customer c left join app.terms t on t.company_id = c.company_id and "
        "t.id = coalesce(c.terms_id, (select d.id from app.terms d where d.company_id = %(company)s and d.is_default)) "
        "where c.company_id = %(company)s and c.code = any(%(codes)s)",
        {"company": company_id, "codes": list(codes)},
    )
    return {row.code: row for row in rows}


def add_many(
    session: Connection, company_id: int, currency: str, content_hash: str, rows: Sequence[tuple[str, str, str]]
) -> None:
    """Customers as (id, code, name) with nothing else said of them."""
    session.exec_driver_sql(
        "insert into app.customer (company_id, id, code, name, currency, content_hash) "
        "select %s, new.id, new.code, new.name, %s, %s from unnest(%s::text[], %s::text[], %s::text[]) as new (id, code, name)",
        (company_id, currency, content_hash, [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]),
    )
