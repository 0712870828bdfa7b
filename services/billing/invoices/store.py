"""Tables of invoices and every query on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    Numeric,
    Row,
    RowMapping,
    Select,
    Table,
    Text,
    and_,
    case,
    select,
)

from services.billing.customers.store import customer
from services.billing.invoices.domain import Line
from services.billing.receivables.store import open_item

metadata = MetaData()
invoice = Table(
    "invoice",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("series", Text),
    Column("series_number", BigInteger),
    Column("number", Text),
    Column("currency", Text, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("terms_id", Text),
    Column("customer_reference", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("lines_total", BigInteger, nullable=False),
    Column("freight", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("source", Text),
    Column("external_id", Text),
    Column("content_hash", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("issued_at", DateTime(timezone=True)),
    Column("issued_by", Text),
    schema="app",
)
invoice_line = Table(
    "invoice_line",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("invoice_id", Text, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("description", Text, nullable=False),
    Column("quantity", Numeric, nullable=False),
    Column("unit_price", Numeric, nullable=False),
    Column("discount_percent", Numeric, nullable=False),
    Column("account", Text),
    Column("tax_rate", Numeric, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("tax", BigInteger, nullable=False),
    schema="app",
)
invoice_void = Table(
    "invoice_void",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("invoice_id", Text, primary_key=True),
    Column("voided_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("voided_by", Text, nullable=False),
    Column("voided_at", DateTime(timezone=True), nullable=False),
    schema="app",
)

state = case((invoice.c.number.is_(None), "draft"), (invoice_void.c.invoice_id.is_not(None), "void"), else_="issued")


def all_invoices(company_id: int) -> Select[Any]:
    """Invoices with their customer's name, their balance and the state `draft`, `issued` or `void`."""
    return (
        select(
            *(column for column in invoice.c if column.name not in ("content_hash", "series_number")),
            customer.c.code.label("customer_code"),
            customer.c.name.label("customer_name"),
            open_item.c.balance,
            invoice_void.c.voided_on,
            state.label("state"),
        )
        .join_from(invoice, customer, and_(customer.c.company_id == invoice.c.company_id, customer.c.id == invoice.c.customer_id))
        .outerjoin(open_item, and_(open_item.c.company_id == invoice.c.company_id, open_item.c.invoice_id == invoice.c.id))
        .outerjoin(
            invoice_void, and_(invoice_void.c.company_id == invoice.c.company_id, invoice_void.c.invoice_id == invoice.c.id)
        )
        .where(invoice.c.company_id == company_id)
    )


def in_state(wanted: str) -> ColumnElement[bool]:
    if wanted == "draft":
        return invoice.c.number.is_(None)
    if wanted == "void":
        return invoice_void.c.invoice_id.is_not(None)
    return and_(invoice.c.number.is_not(None), invoice_void.c.invoice_id.is_(None))


def get(session: Connection, company_id: int, invoice_id: str) -> RowMapping | None:
    query = all_invoices(company_id).add_columns(invoice.c.content_hash).where(invoice.c.id == invoice_id)
    return session.execute(query).mappings().one_or_none()


def lines_of(session: Connection, company_id: int, invoice_id: str) -> list[Line]:
    rows = session.execute(
        select(*invoice_line.c)
        .where(invoice_line.c.company_id == company_id, invoice_line.c.invoice_id == invoice_id)
        .order_by(invoice_line.c.line)
    )
    return [Line(*row[2:]) for row in rows]


def void_of(session: Connection, company_id: int, invoice_id: str) -> RowMapping | None:
    query = select(invoice_void).where(invoice_void.c.company_id == company_id, invoice_void.c.invoice_id == invoice_id)
    return session.execute(query).mappings().one_or_none()


def party(session: Connection, company_id: int, customer_id: str, terms_id: str | None, number: str | None) -> Row[Any] | None:
    """The customer with the terms that its invoice takes: those named, else its own, else the company's default.

    `number_taken`: whether an invoice has this outside number already.
    """
    return session.exec_driver_sql(
        """
        select c.code, c.name, c.active, c.currency, t.id as terms_id, t.description as terms, t.active as terms_active,
            t.kind, t.days, t.day, t.cutoff_days, t.months_to_add,
            exists (select from app.invoice i where i.company_id = %(company)s and i.number = %(number)s and i.series = 'outside')
                as number_taken
        from app.customer c left join app.terms t on t.company_id = %(company)s and t.id = coalesce(%(terms)s, c.terms_id,
            (select d.id from app.terms d where d.company_id = %(company)s and d.is_default))
        where c.company_id = %(company)s and c.id = %(customer)s
        """,
        {"company": company_id, "customer": customer_id, "terms": terms_id, "number": number},
    ).one_or_none()


HEADER = (
    "company_id, id, customer_id, currency, issued_on, due_on, posting_on, terms_id, customer_reference, notes, "
    "lines_total, freight, tax, total, content_hash, created_by"
)
HEADER_VALUES = (
    "%(company_id)s, %(id)s, %(customer_id)s, %(currency)s, %(issued_on)s::date, %(due_on)s::date, %(posting_on)s::date, "
    "%(terms_id)s, "
    "%(customer_reference)s, %(notes)s, %(lines_total)s::bigint, %(freight)s::bigint, %(tax)s::bigint, %(total)s::bigint, "
    "%(content_hash)s, %(created_by)s"
)
LINES = """
    insert into app.invoice_line (company_id, invoice_id, line, description, quantity, unit_price, discount_percent,
        account, tax_rate, amount, tax)
    select %(company_id)s, %(id)s, l.* from unnest(%(line)s::int[], %(description)s::text[], %(quantity)s::numeric[],
        %(unit_price)s::numeric[],
        %(discount_percent)s::numeric[], %(account)s::text[], %(tax_rate)s::numeric[], %(amount)s::bigint[],
            %(line_tax)s::bigint[]) l
"""
# the row of the series stays locked until the commit, so a number is taken in the last statement that locks anything
NEXT_NUMBER = """
    insert into app.document_series as s (company_id, series, last_number) values (%(company_id)s, 'invoice', 1)
    on conflict (company_id, series) do update set last_number = s.last_number + 1
    returning 'own' as series, last_number as series_number,
        'INV-' || lpad(last_number::text, greatest(6, length(last_number::text)), '0') as number
"""
OUTSIDE_NUMBER = "select 'outside' as series, null::bigint as series_number, %(number)s::text as number"
OPEN_ITEM = """
    insert into app.open_item (company_id, invoice_id, customer_id, currency, number, issued_on, due_on, total, balance)
    select company_id, id, customer_id, currency, number, issued_on, due_on, total, total from made
"""
POSTING = """
    insert into app.ar_posting (company_id, invoice_id, customer_id, currency, kind, amount, occurred_on, posting_on, document_id,
        event_id, producer)
    select company_id, id, customer_id, currency, 'invoice', total, issued_on, posting_on, id, %(event_id)s, 'billing' from made
"""


def add_draft(session: Connection, header: Mapping[str, Any], lines: Sequence[Line]) -> None:
    session.exec_driver_sql(
        f"with made as (insert into app.invoice ({HEADER}) values ({HEADER_VALUES})) {LINES}", {**header, **line_columns(lines)}
    )


def add_issued(session: Connection, header: Mapping[str, Any], lines: Sequence[Line]) -> Row[Any]:
    """Number, invoice, lines, open item and posting in one statement. Returns series and number."""
    return session.exec_driver_sql(
        f"""
        with numbered as ({OUTSIDE_NUMBER if header["number"] else NEXT_NUMBER}),
        made as (
            insert into app.invoice ({HEADER}, series, series_number, number, issued_at, issued_by)
            select {HEADER_VALUES}, n.series, n.series_number, n.number, now(), %(created_by)s from numbered n returning *),
        lines as ({LINES}),
        opened as ({OPEN_ITEM}),
        posted as ({POSTING})
        select series, number, created_at, issued_at from made
        """,
        {**header, **line_columns(lines)},
    ).one()


def lock_draft(session: Connection, company_id: int, invoice_id: str) -> RowMapping | None:
    """The invoice's own row, locked; it may turn out to be issued."""
    query = select(invoice).where(invoice.c.company_id == company_id, invoice.c.id == invoice_id).with_for_update()
    return session.execute(query).mappings().one_or_none()


def replace_draft(session: Connection, header: Mapping[str, Any], lines: Sequence[Line]) -> None:
    session.exec_driver_sql(
        "delete from app.invoice_line where company_id = %(company_id)s and invoice_id = %(id)s",
        {"company_id": header["company_id"], "id": header["id"]},
    )
    session.exec_driver_sql(
        "update app.invoice set customer_id = %(customer_id)s, currency = %(currency)s, issued_on = %(issued_on)s, due_on = "
        "%(due_on)s, "
        "posting_on = %(posting_on)s, terms_id = %(terms_id)s, customer_reference = %(customer_reference)s, notes = %(notes)s, "
        "lines_total = %(lines_total)s, freight = %(freight)s, tax = %(tax)s, total = %(total)s, version = version + 1 "
        "where company_id = %(company_id)s and id = %(id)s",
        header,
    )
    session.exec_driver_sql(LINES, {"company_id": header["company_id"], "id": header["id"], **line_columns(lines)})


def delete_draft(session: Connection, company_id: int, invoice_id: str) -> None:
    session.exec_driver_sql("delete from app.invoice_line where company_id = %s and invoice_id = %s", (company_id, invoice_id))
    session.exec_driver_sql("delete from app.invoice where company_id = %s and id = %s", (company_id, invoice_id))


def issue_draft(session: Connection, company_id: int, invoice_id: str, number: str | None, event_id: str, actor: str) -> Row[Any]:
    """Gives the draft its number, opens its item and posts it. Returns series and number."""
    return session.exec_driver_sql(
        f"""
        with numbered as ({OUTSIDE_NUMBER if number else NEXT_NUMBER}),
        made as (
            update app.invoice i set series = n.series, series_number = n.series_number, number = n.number, issued_at = now(),
                issued_by = %(actor)s
            from numbered n where i.company_id = %(company_id)s and i.id = %(id)s returning i.*),
        opened as ({OPEN_ITEM}),
        posted as ({POSTING})
        select series, number from made
        """,
        {"company_id": company_id, "id": invoice_id, "number": number, "event_id": event_id, "actor": actor},
    ).one()


def add_void(
    session: Connection,
    company_id: int,
    invoice_id: str,
    voided_on: date,
    posting_on: date,
    reason: str,
    event_id: str,
    actor: str,
) -> None:
    session.exec_driver_sql(
        "insert into app.invoice_void (company_id, invoice_id, voided_on, posting_on, reason, event_id, voided_by) "
        "values (%s, %s, %s, %s, %s, %s, %s)",
        (company_id, invoice_id, voided_on, posting_on, reason, event_id, actor),
    )


def line_columns(lines: Sequence[Line]) -> dict[str, list[Any]]:
    """Lines as one array per column."""
    return {
        "line": [line.line for line in lines],
        "description": [line.description for line in lines],
        "quantity": [line.quantity for line in lines],
        "unit_price": [line.unit_price for line in lines],
        "discount_percent": [line.discount_percent for line in lines],
        "account": [line.account for line in lines],
        "tax_rate": [line.tax_rate for line in lines],
        "amount": [line.amount for line in lines],
        "line_tax": [line.tax for line in lines],
    }
