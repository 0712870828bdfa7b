"""Queries on prepayments: lots, what remains of them, their applications, displacements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Integer,
    MetaData,
    Row,
    RowMapping,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    func,
    select,
)

from services.payments.customers.store import customer
from services.payments.prepayments.domain import Applied, Lot

metadata = MetaData()
prepayment = Table(
    "prepayment",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("receipt_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    schema="app",
)
prepayment_balance = Table(
    "prepayment_balance",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("prepayment_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("gate", Integer, nullable=False),
    schema="app",
)
prepayment_application = Table(
    "prepayment_application",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("applied_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    schema="app",
)


def all_prepayments(company_id: int) -> Select[Any]:
    """Lots with what remains of each."""
    return (
        select(
            prepayment.c.id,
            prepayment.c.receipt_id,
            prepayment.c.customer_id,
            prepayment.c.currency,
            prepayment.c.origin,
            prepayment.c.amount,
            prepayment.c.posting_on,
            prepayment.c.event_id,
            prepayment_balance.c.remaining,
        )
        .join(
            prepayment_balance,
            and_(
                prepayment_balance.c.company_id == prepayment.c.company_id, prepayment_balance.c.prepayment_id == prepayment.c.id
            ),
        )
        .where(prepayment_balance.c.company_id == company_id)
    )


def available(wanted: bool) -> ColumnElement[bool]:
    return prepayment_balance.c.remaining > 0 if wanted else prepayment_balance.c.remaining == 0


def all_applications(company_id: int) -> Select[Any]:
    return select(prepayment_application).where(prepayment_application.c.company_id == company_id)


def get_application(session: Connection, company_id: int, prepayment_application_id: str) -> RowMapping | None:
    query = all_applications(company_id).where(prepayment_application.c.id == prepayment_application_id)
    return session.execute(query).mappings().one_or_none()


def applications_of(session: Connection, company_id: int, prepayment_application_id: str) -> Sequence[Row[Any]]:
    return session.exec_driver_sql(
        "select a.id, a.prepayment_id, a.receipt_id, a.invoice_id, i.number as invoice_number, a.currency, a.amount, "
        "case when v.receipt_id is null then a.amount - coalesce(d.amount, 0) else 0 end as live "
        "from app.application a left join copies.invoice i on i.company_id = a.company_id and i.id = a.invoice_id "
        "left join app.displacement d on d.company_id = a.company_id and d.application_id = a.id "
        "left join app.receipt_void v on v.company_id = a.company_id and v.receipt_id = a.receipt_id "
        "where a.company_id = %s and a.prepayment_application_id = %s order by a.line",
        (company_id, prepayment_application_id),
    ).all()


def balances(company_id: int) -> Subquery:
    """What remains per customer and currency, of those who have something."""
    return (
        select(
            prepayment_balance.c.customer_id,
            customer.c.code.label("customer_code"),
            customer.c.name.label("customer_name"),
            prepayment_balance.c.currency,
            func.sum(prepayment_balance.c.remaining).cast(BigInteger).label("remaining"),
            func.count().label("prepayments"),
        )
        .join(
            customer,
            and_(customer.c.company_id == prepayment_balance.c.company_id, customer.c.id == prepayment_balance.c.customer_id),
            isouter=True,
        )
        .where(prepayment_balance.c.company_id == company_id, prepayment_balance.c.remaining > 0)
        .group_by(prepayment_balance.c.customer_id, prepayment_balance.c.currency, customer.c.code, customer.c.name)
        .subquery("balance")
    )


def lock_lots(session: Connection, company_id: int, customer_id: str, currencies: Sequence[str]) -> list[Lot]:
    """The customer's prepayments of these currencies that hold something, locked. The customer is locked before, so nobody
    who takes from two of them waits here for another who does."""
    rows = session.exec_driver_sql(
        "select b.prepayment_id, p.receipt_id, b.currency, b.posting_on, b.remaining from app.prepayment_balance b "
        "join app.prepayment p on p.company_id = b.company_id and p.id = b.prepayment_id "
        "where b.company_id = %s and b.customer_id = %s and b.currency = any(%s) and b.remaining > 0 "
        "order by b.prepayment_id for update of b",
        (company_id, customer_id, list(currencies)),
    )
    return [Lot(*row) for row in rows]


def add_application(session: Connection, values: dict[str, Any], applied: Sequence[Applied]) -> None:
    """Adds a prepayment application (columns by name) and the applications that it consists of, in one statement."""
    session.exec_driver_sql(
        """
        with whole as (
            insert into app.prepayment_application (company_id, id, customer_id, currency, amount, applied_on, posting_on,
                content_hash, event_id, created_by)
            values (%(company_id)s, %(id)s, %(customer_id)s, %(currency)s, %(amount)s, %(applied_on)s, %(posting_on)s,
                %(content_hash)s, %(event_id)s, %(created_by)s))
        insert into app.application (company_id, id, receipt_id, invoice_id, prepayment_id, prepayment_application_id, currency,
            amount, posting_on, event_id, line)
        select %(company_id)s, part.id, part.receipt_id, part.invoice_id, part.prepayment_id, %(id)s, %(currency)s, part.amount,
            %(posting_on)s, %(event_id)s, part.line
        from unnest(%(ids)s::text[], %(receipts)s::text[], %(invoices)s::text[], %(prepayments)s::text[], %(amounts)s::bigint[])
            with ordinality as part (id, receipt_id, invoice_id, prepayment_id, amount, line)
        """,
        {
            **values,
            "ids": [each.application_id for each in applied],
            "receipts": [each.receipt_id for each in applied],
            "invoices": [each.invoice_id for each in applied],
            "prepayments": [each.prepayment_id for each in applied],
            "amounts": [each.amount for each in applied],
        },
    )


def application(session: Connection, company_id: int, application_id: str) -> Row[Any] | None:
    """An application with its customer and what is live of it."""
    return session.exec_driver_sql(
        "select a.id, a.receipt_id, a.invoice_id, a.currency, a.amount, a.posting_on, r.customer_id, "
        "case when v.receipt_id is null then a.amount else 0 end as live, d.application_id is not null as displaced "
        "from app.application a join app.receipt r on r.company_id = a.company_id and r.id = a.receipt_id "
        "left join app.receipt_void v on v.company_id = a.company_id and v.receipt_id = a.receipt_id "
        "left join app.displacement d on d.company_id = a.company_id and d.application_id = a.id "
        "where a.company_id = %s and a.id = %s",
        (company_id, application_id),
    ).one_or_none()


def add_displacement(
    session: Connection,
    company_id: int,
    displaced: Any,
    *,
    amount: int,
    prepayment_id: str,
    caused_by: str,
    occurred_on: date,
    posting_on: date,
    event_id: str,
) -> None:
    """Adds a displacement of an application (a row of `application`) and the prepayment that its money becomes."""
    session.exec_driver_sql(
        """
        with lot as (
            insert into app.prepayment (company_id, id, receipt_id, customer_id, currency, origin, amount, posting_on, event_id)
            values (%(company)s, %(prepayment)s, %(receipt)s, %(customer)s, %(currency)s, 'displacement', %(amount)s,
                %(posting_on)s, %(event)s))
        insert into app.displacement (company_id, application_id, receipt_id, amount, prepayment_id, caused_by, occurred_on,
            posting_on, event_id)
        values (%(company)s, %(application)s, %(receipt)s, %(amount)s, %(prepayment)s, %(caused_by)s, %(occurred_on)s,
            %(posting_on)s, %(event)s)
        """,
        {
            "company": company_id,
            "prepayment": prepayment_id,
            "receipt": displaced.receipt_id,
            "customer": displaced.customer_id,
            "currency": displaced.currency,
            "amount": amount,
            "posting_on": posting_on,
            "event": event_id,
            "application": displaced.id,
            "caused_by": caused_by,
            "occurred_on": occurred_on,
        },
    )


def proof_rows(session: Connection, company_id: int) -> list[list[Any]]:
    """[customer, currency, amount] of what is unapplied."""
    rows = session.exec_driver_sql(
        "select customer_id, currency, sum(remaining)::bigint from app.prepayment_balance "
        "where company_id = %s and remaining > 0 group by customer_id, currency order by customer_id, currency",
        (company_id,),
    )
    return [list(row) for row in rows]


def proof_documents(session: Connection, company_id: int, customers: Sequence[str]) -> list[list[Any]]:
    """[customer, prepayment, its receipt, currency, amount] of these customers."""
    rows = session.exec_driver_sql(
        "select b.customer_id, b.prepayment_id, p.receipt_id, b.currency, b.remaining from app.prepayment_balance b "
        "join app.prepayment p on p.company_id = b.company_id and p.id = b.prepayment_id "
        "where b.company_id = %s and b.customer_id = any(%s) and b.remaining > 0 order by b.customer_id, b.prepayment_id",
        (company_id, list(customers)),
    )
    return [list(row) for row in rows]
