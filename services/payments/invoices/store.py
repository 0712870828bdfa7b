"""The copy of billing's invoices, and what payments has applied to each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Integer,
    MetaData,
    Row,
    RowMapping,
    Select,
    Table,
    Text,
    and_,
    select,
)

from services.payments.customers.store import customer
from services.payments.invoices.domain import NamedInvoice, OpenInvoice, OpenInvoices
from shared.contracts import Event
from shared.db import planned_for_values

metadata = MetaData()
invoice = Table(
    "invoice",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("number", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("voided", Boolean, nullable=False),
    schema="copies",
)
open_invoice = Table(
    "open_invoice",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("invoice_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("applied", BigInteger, nullable=False),
    Column("gate", Integer, nullable=False),
    schema="app",
)
shown = (
    invoice.c.id.label("invoice_id"),
    invoice.c.number.label("invoice_number"),
    invoice.c.customer_id,
    customer.c.code.label("customer_code"),
    customer.c.name.label("customer_name"),
    invoice.c.currency,
    invoice.c.issued_on,
    invoice.c.due_on,
    invoice.c.total,
    open_invoice.c.applied,
    (open_invoice.c.total - open_invoice.c.applied).label("open"),
    invoice.c.voided,
)


def keep_issued(session: Connection, events: Sequence[Event]) -> None:
    """Takes issued invoices into the copy."""
    session.exec_driver_sql(
        "insert into copies.invoice (company_id, id, number, customer_id, currency, issued_on, due_on, total) "
        "select * from unnest("
        "%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::date[], %s::date[], %s::bigint[])",
        (
            [event.company_id for event in events],
            [event.data.invoice_id for event in events],
            [event.data.number for event in events],
            [event.data.customer_id for event in events],
            [event.data.currency for event in events],
            [event.data.issued_on for event in events],
            [event.data.due_on for event in events],
            [event.data.total for event in events],
        ),
    )


def keep_voided(session: Connection, events: Sequence[Event]) -> None:
    with planned_for_values(session):
        session.exec_driver_sql(
            "update copies.invoice i set voided = true from unnest(%s::bigint[], %s::text[]) as gone (company_id, id) "
            "where i.company_id = gone.company_id and i.id = gone.id",
            ([event.company_id for event in events], [event.data.invoice_id for event in events]),
        )


def open_issued(session: Connection, events: Sequence[Event]) -> None:
    """Lets money be applied to these invoices from now on."""
    session.exec_driver_sql(
        "insert into app.open_invoice (company_id, invoice_id, customer_id, currency, due_on, total) "
        "select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::date[], %s::bigint[])",
        (
            [event.company_id for event in events],
            [event.data.invoice_id for event in events],
            [event.data.customer_id for event in events],
            [event.data.currency for event in events],
            [event.data.due_on for event in events],
            [event.data.total for event in events],
        ),
    )


def lock(session: Connection, company_id: int, named: Iterable[NamedInvoice]) -> OpenInvoices:
    """The invoices that are named, locked in the order of their ids, each with what is applied at this moment.

    `applied` stands in the locked row itself, so one that waited for another's commit sees what that one applied.
    """
    names = list(named)
    if not names:
        return OpenInvoices()
    # a look into the index for each that is named: a session may have planned this while the company had a handful of invoices
    rows = session.exec_driver_sql(
        """
        select i.id, i.number, i.customer_id, i.currency, i.issued_on, i.due_on, o.total, o.applied, i.voided
        from (
            select id from unnest(%(ids)s::text[]) as given (id)
            union
            select i.id from unnest(%(numbers)s::text[]) as given (number) cross join lateral (
                select i.id from copies.invoice i where i.company_id = %(company)s and i.number = given.number offset 0) i
            order by 1) named
        cross join lateral (
            select i.* from copies.invoice i where i.company_id = %(company)s and i.id = named.id limit 1) i
        cross join lateral (
            select o.total, o.applied from app.open_invoice o
            where o.company_id = %(company)s and o.invoice_id = named.id for update) o
        """,
        {
            "company": company_id,
            "ids": [each.invoice_id for each in names if each.invoice_id is not None],
            "numbers": [each.invoice_number for each in names if each.invoice_number is not None],
        },
    )
    return OpenInvoices(OpenInvoice(*row) for row in rows)


def payable(company_id: int) -> Select[Any]:
    """Invoices on which something is open."""
    return _invoices(company_id).where(open_invoice.c.applied < open_invoice.c.total, ~invoice.c.voided)


def get(session: Connection, company_id: int, invoice_id: str) -> RowMapping | None:
    return session.execute(_invoices(company_id).where(open_invoice.c.invoice_id == invoice_id)).mappings().one_or_none()


def applications(session: Connection, company_id: int, invoice_id: str, limit: int = 500) -> Sequence[Row[Any]]:
    """What was applied to an invoice, oldest first, with what is live of it."""
    return session.exec_driver_sql(
        "select a.id, a.receipt_id, r.payer_name, r.check_number, a.prepayment_id, a.currency, a.amount, "
        "case when v.receipt_id is null then a.amount - coalesce(d.amount, 0) else 0 end as live, a.posting_on, a.event_id "
        "from app.application a join app.receipt r on r.company_id = a.company_id and r.id = a.receipt_id "
        "left join app.displacement d on d.company_id = a.company_id and d.application_id = a.id "
        "left join app.receipt_void v on v.company_id = a.company_id and v.receipt_id = a.receipt_id "
        "where a.company_id = %s and a.invoice_id = %s order by a.posting_on, a.event_id, a.line limit %s",
        (company_id, invoice_id, limit),
    ).all()


def _invoices(company_id: int) -> Select[Any]:
    return (
        select(*shown)
        .select_from(open_invoice)
        .join(invoice, and_(invoice.c.company_id == open_invoice.c.company_id, invoice.c.id == open_invoice.c.invoice_id))
        .join(customer, and_(customer.c.company_id == invoice.c.company_id, customer.c.id == invoice.c.customer_id), isouter=True)
        .where(open_invoice.c.company_id == company_id)
    )
