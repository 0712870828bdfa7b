"""Copies of receipts and customers, and where each receipt's money lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    MetaData,
    Select,
    String,
    Table,
    and_,
    func,
    select,
)

from services.banking.receipts.domain import Receipt
from shared.contracts import Event
from shared.http.paging import Listing

metadata = MetaData()

customer = Table(
    "customer",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", String, primary_key=True),
    Column("code", String, nullable=False),
    Column("name", String, nullable=False),
    schema="copies",
)

receipt = Table(
    "receipt",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", String, primary_key=True),
    Column("customer_id", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("payment_type", String, nullable=False),
    Column("deposit_group", String),
    Column("check_number", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    schema="copies",
)

receipt_place = Table(
    "receipt_place",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("receipt_id", String, primary_key=True),
    Column("waits_from", Date, nullable=False),
    Column("deposit_id", String),
    Column("voided", Boolean, nullable=False),
    schema="app",
)

_of_place = and_(receipt.c.company_id == receipt_place.c.company_id, receipt.c.id == receipt_place.c.receipt_id)
_of_customer = and_(customer.c.company_id == receipt.c.company_id, customer.c.id == receipt.c.customer_id)
_waits = and_(receipt_place.c.deposit_id.is_(None), receipt_place.c.voided.is_(False))

UNDEPOSITED = Listing(
    sorts={"occurred_on": receipt.c.occurred_on, "amount": receipt.c.amount},
    key=receipt.c.id,
    filters={
        "deposit_group": lambda value: receipt.c.deposit_group == value,
        "customer_id": lambda value: receipt.c.customer_id == value,
        "occurred_from": lambda value: receipt.c.occurred_on >= value,
        "occurred_to": lambda value: receipt.c.occurred_on <= value,
        "currency": lambda value: receipt.c.currency == value,
    },
)


def keep_customers(session: Connection, events: Sequence[Event]) -> None:
    """The newest code and name of each customer; a batch may name one customer more than once."""
    newest = {(event.company_id, event.data.customer_id): event.data for event in events}
    session.exec_driver_sql(
        "insert into copies.customer (company_id, id, code, name) "
        "select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) "
        "on conflict (company_id, id) do update set code = excluded.code, name = excluded.name",
        (
            [company_id for company_id, _ in newest],
            [customer_id for _, customer_id in newest],
            [data.code for data in newest.values()],
            [data.name for data in newest.values()],
        ),
    )


def keep_receipts(session: Connection, events: Sequence[Event]) -> None:
    """Receipts as they were posted."""
    facts = [event.data for event in events]
    session.exec_driver_sql(
        "insert into copies.receipt (company_id, id, customer_id, currency, occurred_on, posting_on, amount, payment_type, "
        "deposit_group, check_number, event_id, recorded_at) "
        "select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::date[], %s::date[], %s::bigint[], "
        "%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[]) on conflict do nothing",
        (
            [event.company_id for event in events],
            [data.receipt_id for data in facts],
            [data.customer_id for data in facts],
            [data.currency for data in facts],
            [data.occurred_on for data in facts],
            [data.posting_on for data in facts],
            [data.amount for data in facts],
            [data.payment_type for data in facts],
            [data.deposit_group for data in facts],
            [data.check_number for data in facts],
            [event.id for event in events],
            [event.recorded_at for event in events],
        ),
    )


def add_places(session: Connection, events: Sequence[Event]) -> None:
    """The receipts wait for a deposit from now on."""
    session.exec_driver_sql(
        "insert into app.receipt_place (company_id, receipt_id, waits_from) "
        "select * from unnest(%s::bigint[], %s::text[], %s::date[]) on conflict do nothing",
        (
            [event.company_id for event in events],
            [event.data.receipt_id for event in events],
            [event.data.posting_on for event in events],
        ),
    )


def lock_receipts(session: Connection, company_id: int, receipt_ids: Sequence[str]) -> dict[str, Receipt]:
    """Those of the receipts that are known, by id, locked in the order of their ids until the transaction ends."""
    rows = session.exec_driver_sql(
        "select r.id, r.currency, r.amount, p.waits_from, p.deposit_id, p.voided "
        "from app.receipt_place p join copies.receipt r on r.company_id = p.company_id and r.id = p.receipt_id "
        "where p.company_id = %s and p.receipt_id = any(%s) order by p.receipt_id for update of p",
        (company_id, list(receipt_ids)),
    )
    return {row.id: Receipt(*row) for row in rows}


def waiting_of_group(
    session: Connection,
    company_id: int,
    deposit_group: str,
    currency: str,
    deposited_on: date,
    received_through: date,
    at_most: int,
) -> list[str]:
    """Ids of the receipts of a deposit group that a deposit of this day can take, received up to a day, the oldest first.
    Locks nothing."""
    rows = session.exec_driver_sql(
        "select r.id from app.receipt_place p join copies.receipt r on r.company_id = p.company_id and r.id = p.receipt_id "
        "where p.company_id = %s and p.deposit_id is null and not p.voided and r.deposit_group = %s and r.currency = %s "
        "and p.waits_from <= %s and r.occurred_on <= %s order by r.occurred_on, r.id limit %s",
        (company_id, deposit_group, currency, deposited_on, received_through, at_most),
    )
    return list(rows.scalars())


def undeposited_page(session: Connection, company_id: int, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the receipts that wait for a deposit, with the customer's code and name."""
    return UNDEPOSITED.page(
        session,
        _undeposited(
            select(
                receipt.c.id.label("receipt_id"),
                receipt.c.customer_id,
                customer.c.code.label("customer_code"),
                customer.c.name.label("customer_name"),
                receipt.c.currency,
                receipt.c.occurred_on,
                receipt.c.posting_on,
                receipt.c.amount,
                receipt.c.payment_type,
                receipt.c.deposit_group,
                receipt.c.check_number,
                receipt.c.event_id,
                receipt.c.recorded_at,
            ),
            company_id,
        ),
        query,
    )


def undeposited_sums(session: Connection, company_id: int, query: Mapping[str, Any]) -> list[Any]:
    """Number and sum of the same receipts, all pages together, per deposit group and currency."""
    summed = _undeposited(
        select(
            receipt.c.deposit_group, receipt.c.currency, func.count().label("receipts"), func.sum(receipt.c.amount).label("total")
        ),
        company_id,
    )
    for name, condition in UNDEPOSITED.filters.items():
        if query.get(name) is not None:
            summed = summed.where(condition(query[name]))
    grouped = summed.group_by(receipt.c.deposit_group, receipt.c.currency)
    return list(session.execute(grouped.order_by(receipt.c.currency, receipt.c.deposit_group)).all())


def undeposited_totals(session: Connection, company_id: int) -> list[tuple[str, int]]:
    """Sum of the receipts that wait, per currency."""
    rows = session.exec_driver_sql(
        "select r.currency, sum(r.amount)::bigint "
        "from app.receipt_place p join copies.receipt r on r.company_id = p.company_id and r.id = p.receipt_id "
        "where p.company_id = %s and p.deposit_id is null and not p.voided group by r.currency order by r.currency",
        (company_id,),
    )
    return [(row[0], row[1]) for row in rows]


def undeposited_documents(session: Connection, company_id: int) -> list[Any]:
    """Every receipt that waits: id, day of posting, currency, amount."""
    rows = session.exec_driver_sql(
        "select r.id, r.posting_on, r.currency, r.amount "
        "from app.receipt_place p join copies.receipt r on r.company_id = p.company_id and r.id = p.receipt_id "
        "where p.company_id = %s and p.deposit_id is null and not p.voided order by r.id",
        (company_id,),
    )
    return list(rows.all())


def _undeposited(columns: Select[Any], company_id: int) -> Select[Any]:
    return (
        columns.select_from(receipt_place.join(receipt, _of_place).outerjoin(customer, _of_customer))
        .where(receipt_place.c.company_id == company_id)
        .where(_waits)
    )
