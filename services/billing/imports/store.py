"""Bulk queries of the import: each runs once a request, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from services.billing.invoices.domain import Line
from services.billing.invoices.store import line_columns


def known(session: Connection, company_id: int, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Row[Any]]:
    """Invoices that came with these (source, external id) before."""
    rows = session.exec_driver_sql(
        "select k.source, k.external_id, i.id, i.content_hash from unnest(%s::text[], %s::text[]) as k (source, external_id) "
        "cross join lateral (select i.id, i.content_hash from app.invoice i where i.company_id = %s and i.source = k.source "
        "and i.external_id = k.external_id limit 1) i",
        ([key[0] for key in keys], [key[1] for key in keys], company_id),
    )
    return {(row.source, row.external_id): row for row in rows}


def numbers_taken(session: Connection, company_id: int, numbers: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the (series, number) that an invoice has."""
    rows = session.exec_driver_sql(
        "select k.series, k.number from unnest(%s::text[], %s::text[]) as k (series, number) "
        "cross join lateral (select from app.invoice i where i.company_id = %s and i.number = k.number "
        "and i.series = k.series limit 1) i",
        ([key[0] for key in numbers], [key[1] for key in numbers], company_id),
    )
    return {(row.series, row.number) for row in rows}


def default_terms(session: Connection, company_id: int) -> Row[Any] | None:
    return session.exec_driver_sql(
        "select id as terms_id, kind, days, day, cutoff_days, months_to_add from app.terms where company_id = %s and is_default",
        (company_id,),
    ).one_or_none()


COLUMNS = {
    "id": "text",
    "customer_id": "text",
    "series": "text",
    "number": "text",
    "currency": "text",
    "issued_on": "date",
    "due_on": "date",
    "terms_id": "text",
    "customer_reference": "text",
    "lines_total": "bigint",
    "freight": "bigint",
    "tax": "bigint",
    "total": "bigint",
    "source": "text",
    "external_id": "text",
    "content_hash": "text",
    "event_id": "text",
}
GIVEN = ", ".join(f"%({name})s::{kind}[]" for name, kind in COLUMNS.items())


def add_issued(
    session: Connection, company_id: int, actor: str, headers: Sequence[Mapping[str, Any]], lines: Sequence[tuple[str, Line]]
) -> None:
    """Issued invoices with their lines, open items and postings, in one statement. `lines`: (invoice id, line)."""
    session.exec_driver_sql(
        f"""
        with given as (
            select * from unnest({GIVEN}) as g ({", ".join(COLUMNS)})),
        made as (
            insert into app.invoice (company_id, id, customer_id, series, number, currency, issued_on, due_on, posting_on,
                terms_id,
                customer_reference, lines_total, freight, tax, total, source, external_id, content_hash, created_by,
                    issued_at, issued_by)
            select %(company)s, id, customer_id, series, number, currency, issued_on, due_on, issued_on, terms_id,
                customer_reference, lines_total, freight, tax, total, source, external_id, content_hash, %(actor)s, now(),
                    %(actor)s
            from given),
        lines as (
            insert into app.invoice_line (company_id, invoice_id, line, description, quantity, unit_price, discount_percent,
                account, tax_rate, amount, tax)
            select %(company)s, l.* from unnest(%(invoice_id)s::text[], %(line)s::int[], %(description)s::text[],
                %(quantity)s::numeric[],
                %(unit_price)s::numeric[], %(discount_percent)s::numeric[], %(account)s::text[], %(tax_rate)s::numeric[],
                    %(amount)s::bigint[],
                %(line_tax)s::bigint[]) l),
        opened as (
            insert into app.open_item (company_id, invoice_id, customer_id, currency, number, issued_on, due_on, total, balance)
            select %(company)s, id, customer_id, currency, number, issued_on, due_on, total, total from given)
        insert into app.ar_posting (company_id, invoice_id, customer_id, currency, kind, amount, occurred_on, posting_on,
            document_id, event_id, producer)
        select %(company)s, id, customer_id, currency, 'invoice', total, issued_on, issued_on, id, event_id, 'billing' from given
        """,
        {
            **{name: [header[name] for header in headers] for name in COLUMNS},
            **line_columns([line for _, line in lines]),
            "invoice_id": [invoice_id for invoice_id, _ in lines],
            "company": company_id,
            "actor": actor,
        },
    )
