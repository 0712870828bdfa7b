"""The signed AR sub-ledger, its open items, and every query on them.

A balance at the end of a day is the balance now less the postings after that day, so its cost does not grow with history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    MetaData,
    Row,
    RowMapping,
    Select,
    Subquery,
    Table,
    Text,
    bindparam,
    select,
    text,
)

from services.billing.customers.store import customer
from services.billing.receivables.domain import Movement
from shared.contracts import Event
from shared.db import plan_for_values

metadata = MetaData()
ar_posting = Table(
    "ar_posting",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", BigInteger, nullable=False),
    Column("invoice_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("application_id", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("producer", Text, nullable=False),
    Column("sequence", BigInteger),
    schema="app",
)
open_item = Table(
    "open_item",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("invoice_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    schema="app",
)


# writing


def add_own_posting(session: Connection, **posting: Any) -> None:
    """The posting of billing's own event: an invoice or its void."""
    session.exec_driver_sql(
        "insert into app.ar_posting (company_id, invoice_id, customer_id, currency, kind, amount, occurred_on, posting_on, "
        "document_id, "
        "event_id, producer) values (%(company_id)s, %(invoice_id)s, %(customer_id)s, %(currency)s, %(kind)s, %(amount)s, "
        "%(occurred_on)s, "
        "%(posting_on)s, %(invoice_id)s, %(event_id)s, 'billing')",
        posting,
    )


def lock_balance(session: Connection, company_id: int, invoice_id: str) -> int:
    """The open balance of an issued invoice, locked until the end of the transaction."""
    return int(
        session.exec_driver_sql(
            "select balance from app.open_item where company_id = %s and invoice_id = %s for update", (company_id, invoice_id)
        ).scalar_one()
    )


def set_balance(session: Connection, company_id: int, invoice_id: str, balance: int) -> None:
    session.exec_driver_sql(
        "update app.open_item set balance = %s where company_id = %s and invoice_id = %s", (balance, company_id, invoice_id)
    )


def lock_items(session: Connection, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Row[Any]]:
    """Open items by (company, invoice), locked in the order of the keys, which are sorted, as whatever locks several of them."""
    rows = session.exec_driver_sql(
        "select o.* from unnest(%s::bigint[], %s::text[]) as k (company_id, invoice_id) cross join lateral ("
        "select o.company_id, o.invoice_id, o.customer_id, o.currency, o.balance from app.open_item o "
        "where o.company_id = k.company_id and o.invoice_id = k.invoice_id for update) o",
        ([key[0] for key in keys], [key[1] for key in keys]),
    )
    return {(row.company_id, row.invoice_id): row for row in rows}


def add_movements(
    session: Connection, movements: Sequence[Movement], events: Sequence[Event], items: Mapping[tuple[int, str], Row[Any]]
) -> set[tuple[int, str, str, str]]:
    """Adds the postings in order, in one statement; those that are there already stay as they are.

    Returns the keys (company, invoice, event, application) of those that were added.
    """
    rows = session.exec_driver_sql(
        "insert into app.ar_posting (company_id, invoice_id, customer_id, currency, kind, amount, occurred_on, posting_on, "
        "document_id, "
        "application_id, event_id, producer, sequence) "
        "select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::date[], "
        "%s::date[], %s::text[], "
        "%s::text[], %s::text[], %s::text[], %s::bigint[]) on conflict do nothing returning company_id, invoice_id, "
        "event_id, application_id",
        (
            [m.company_id for m in movements],
            [m.invoice_id for m in movements],
            [items[m.company_id, m.invoice_id].customer_id for m in movements],
            [m.currency for m in movements],
            [m.kind for m in movements],
            [m.amount for m in movements],
            [events[m.event].data.occurred_on for m in movements],
            [events[m.event].data.posting_on for m in movements],
            [m.document_id for m in movements],
            [m.application_id for m in movements],
            [events[m.event].id for m in movements],
            [events[m.event].source for m in movements],
            [events[m.event].sequence for m in movements],
        ),
    )
    return {tuple(row) for row in rows}


def set_balances(session: Connection, balances: Mapping[tuple[int, str], int]) -> None:
    session.exec_driver_sql(
        "update app.open_item o set balance = new.balance from unnest(%s::bigint[], %s::text[], %s::bigint[]) as new "
        "(company_id, invoice_id, balance) "
        "where o.company_id = new.company_id and o.invoice_id = new.invoice_id",
        ([key[0] for key in balances], [key[1] for key in balances], list(balances.values())),
    )


# one invoice, one customer


def postings_of(session: Connection, company_id: int, invoice_id: str) -> list[RowMapping]:
    """The invoice's postings in the order in which they count."""
    query = (
        select(ar_posting)
        .where(ar_posting.c.company_id == company_id, ar_posting.c.invoice_id == invoice_id)
        .order_by(ar_posting.c.posting_on, ar_posting.c.id)
    )
    return list(session.execute(query).mappings())


def ledger_of(
    session: Connection, company_id: int, customer_id: str, first: date, as_of: date, after: tuple[date, int] | None, limit: int
) -> list[RowMapping]:
    """A customer's postings from `first` to `as_of`, beyond the place `after`, each with the balance of its currency after it."""
    place = after or (first, -1)
    rows = session.execute(
        text(
            """
            with page as (
                select p.* from app.ar_posting p
                where p.company_id = :company and p.customer_id = :customer and p.posting_on <= :as_of and (p.posting_on,
                    p.id) > (:day, :id)
                order by p.posting_on, p.id limit :limit),
            before as (
                select p.currency, sum(p.amount)::bigint as amount from app.ar_posting p
                where p.company_id = :company and p.customer_id = :customer and (p.posting_on, p.id) <= (:day,
                    :id) group by p.currency)
            select page.*, i.number, (coalesce(b.amount, 0)
                + sum(page.amount) over (partition by page.currency order by page.posting_on, page.id))::bigint as balance
            from page join app.open_item i on i.company_id = page.company_id and i.invoice_id = page.invoice_id
            left join before b on b.currency = page.currency
            order by page.posting_on, page.id
            """
        ),
        {"company": company_id, "customer": customer_id, "as_of": as_of, "day": place[0], "id": place[1], "limit": limit},
    )
    return list(rows.mappings())


def balances_of(session: Connection, company_id: int, customer_id: str, first: date, as_of: date) -> list[RowMapping]:
    """Opening balance before `first` and closing balance at the end of `as_of`, per currency."""
    rows = session.execute(
        text(
            """
            select currency, coalesce(sum(amount) filter (where posting_on < :first), 0)::bigint as opening,
                sum(amount)::bigint as closing
            from app.ar_posting where company_id = :company and customer_id = :customer and posting_on <= :as_of
            group by currency order by currency
            """
        ),
        {"company": company_id, "customer": customer_id, "first": first, "as_of": as_of},
    )
    return list(rows.mappings())


def summary_of(session: Connection, company_id: int, customer_id: str, today: date) -> list[RowMapping]:
    """What a customer owes now, a row for each currency; one row without a currency where nothing is owed, none where there
    is no such customer."""
    rows = session.exec_driver_sql(
        """
        select c.code, c.name, o.currency, sum(o.balance)::bigint as balance,
            coalesce(sum(o.balance) filter (where o.due_on < %(today)s), 0)::bigint as overdue,
            count(*) as open_invoices, min(o.due_on) as oldest_due_on
        from app.customer c left join app.open_item o
            on o.company_id = %(company)s and o.customer_id = c.id and o.balance <> 0
        where c.company_id = %(company)s and c.id = %(customer)s
        group by c.code, c.name, o.currency order by o.currency
        """,
        {"company": company_id, "customer": customer_id, "today": today},
    )
    return list(rows.mappings())


# all open items at the end of a day

NOW = """
    select company_id, invoice_id, customer_id, currency, number, issued_on, due_on, total, balance
    from app.open_item where company_id = :company and balance <> 0
"""
AT = """
    select * from (
        with later as materialized (
            select invoice_id, sum(amount)::bigint as amount from app.ar_posting
            where company_id = :company and posting_on > :as_of group by invoice_id)
        select o.company_id, o.invoice_id, o.customer_id, o.currency, o.number, o.issued_on, o.due_on, o.total,
            o.balance - coalesce(l.amount, 0) as balance
        from app.open_item o left join later l on l.invoice_id = o.invoice_id
        where o.company_id = :company and o.balance <> 0
        union all
        select o.company_id, o.invoice_id, o.customer_id, o.currency, o.number, o.issued_on, o.due_on, o.total, - l.amount
        from later l join app.open_item o on o.company_id = :company and o.invoice_id = l.invoice_id and o.balance = 0
    ) at_that_day where balance <> 0
"""


def _items_sql(session: Connection, company_id: int, as_of: date) -> str:
    """NOW where nothing is posted after the day, which is cheaper; AT otherwise."""
    plan_for_values(session)
    later = session.exec_driver_sql(
        "select exists (select from app.ar_posting where company_id = %s and posting_on > %s)", (company_id, as_of)
    ).scalar_one()
    return AT if later else NOW


def items_at(session: Connection, company_id: int, as_of: date) -> Subquery:
    """Open items with their balance at the end of the day, as a table to select from."""
    sql = _items_sql(session, company_id, as_of)
    values = {"company": company_id, "as_of": as_of} if sql is AT else {"company": company_id}
    return (
        text(sql)
        .bindparams(*(bindparam(name, value) for name, value in values.items()))
        .columns(*(Column(column.name, column.type) for column in open_item.c))
        .subquery("item")
    )


def open_items(session: Connection, company_id: int, as_of: date) -> tuple[Select[Any], Subquery]:
    """Open items at the end of a day with the customer's code and name; and their table, to filter and sort by."""
    item = items_at(session, company_id, as_of)
    query = select(*item.c, customer.c.code.label("customer_code"), customer.c.name.label("customer_name")).join_from(
        item, customer, (customer.c.company_id == item.c.company_id) & (customer.c.id == item.c.customer_id)
    )
    return query, item


def aging(
    session: Connection, company_id: int, as_of: date, basis: str, bounds: Sequence[int], currency: str | None
) -> list[RowMapping]:
    """Per currency and bucket (0 the first; None: all of the currency) amount, invoices and customers with a balance."""
    rows = session.execute(
        text(
            f"""
            select currency, bucket, sum(amount)::bigint as amount, sum(invoices)::bigint as invoices,
                count(distinct customer_id) as customers
            from (
                select currency, customer_id, width_bucket(cast(:as_of as date) - {_day(basis)},
                    cast(:bounds as int[])) as bucket, sum(balance) as amount, count(*) as invoices
                from ({_items_sql(session, company_id, as_of)}) item where cast(:currency as text) is null or currency = :currency
                group by 1, 2, 3) by_customer
            group by grouping sets ((currency, bucket), (currency)) order by currency, bucket
            """
        ),
        {"company": company_id, "as_of": as_of, "bounds": list(bounds), "currency": currency},
    )
    return list(rows.mappings())


def aging_by_customer(
    session: Connection,
    company_id: int,
    as_of: date,
    basis: str,
    bounds: Sequence[int],
    currency: str | None,
    after: tuple[str, str] | None,
    limit: int,
) -> list[RowMapping]:
    """A page of customers in the order of their codes, a row for each currency: amounts and invoices as arrays by bucket."""
    count = len(bounds) + 1
    amounts = ", ".join(f"coalesce(sum(balance) filter (where bucket = {n}), 0)::bigint" for n in range(count))
    invoices = ", ".join(f"count(*) filter (where bucket = {n})" for n in range(count))
    rows = session.execute(
        text(
            f"""
            select a.*, c.code as customer_code, c.name as customer_name
            from (
                select customer_id, currency, sum(balance)::bigint as balance, count(*) as invoice_count,
                    array[{amounts}] as amounts, array[{invoices}] as invoices
                from (
                    select customer_id, currency, balance, width_bucket(cast(:as_of as date) - {_day(basis)},
                        cast(:bounds as int[])) as bucket
                    from ({_items_sql(session, company_id, as_of)}) item
                        where cast(:currency as text) is null or currency = :currency) aged
                group by customer_id, currency) a
            join app.customer c on c.company_id = :company and c.id = a.customer_id
            where cast(:code as text) is null or (c.code, a.currency) > (:code, :after_currency)
            order by c.code, a.currency limit :limit
            """
        ),
        {
            "company": company_id,
            "as_of": as_of,
            "bounds": list(bounds),
            "currency": currency,
            "code": after[0] if after else None,
            "after_currency": after[1] if after else None,
            "limit": limit,
        },
    )
    return list(rows.mappings())


def _day(basis: str) -> str:
    return {"due": "due_on", "invoice": "issued_on"}[basis]


def roll_forward(session: Connection, company_id: int, currency: str, first: date, last: date) -> list[RowMapping]:
    """A row a month from `first` (the first of a month) to `last` (the last of one).

    The closing balance of the last month is what is open now less what is posted later; each month before follows from it.
    """
    rows = session.execute(
        text(
            """
            with month as (
                select day::date as month from generate_series(cast(:first as date), cast(:last as date),
                    interval '1 month') day),
            moved as (
                select date_trunc('month', posting_on)::date as month, sum(amount) as amount,
                    sum(amount) filter (where kind = 'invoice') as billed, count(*) filter (where kind = 'invoice') as invoices,
                    - sum(amount) filter (where kind = 'application') as received,
                        count(*) filter (where kind = 'application') as applications
                from app.ar_posting
                where company_id = :company and currency = :currency and posting_on >= :first group by 1),
            before as (
                select coalesce((select sum(balance) from app.open_item
                    where company_id = :company and currency = :currency and balance <> 0), 0)
                    - coalesce((select sum(amount) from moved), 0) as amount)
            select month.month, before.amount + sum(coalesce(m.amount, 0)) over by_month - coalesce(m.amount, 0) as opening,
                coalesce(m.billed, 0) as billed, coalesce(m.invoices, 0) as invoices,
                coalesce(m.received, 0) as received, coalesce(m.applications, 0) as applications,
                coalesce(m.amount, 0) - coalesce(m.billed, 0) + coalesce(m.received, 0) as other,
                before.amount + sum(coalesce(m.amount, 0)) over by_month as closing
            from month cross join before left join moved m on m.month = month.month
            window by_month as (order by month.month) order by month.month
            """
        ),
        {"company": company_id, "currency": currency, "first": first, "last": last},
    )
    return list(rows.mappings())


# proof


def balances_by_customer(session: Connection, company_id: int) -> list[Row[Any]]:
    return list(
        session.exec_driver_sql(
            "select customer_id, currency, sum(balance)::bigint from app.open_item where company_id = %s and balance <> 0 "
            "group by customer_id, currency having sum(balance) <> 0 order by customer_id, currency",
            (company_id,),
        )
    )


def open_documents(session: Connection, company_id: int, customer_ids: Sequence[str]) -> list[Row[Any]]:
    return list(
        session.exec_driver_sql(
            "select customer_id, invoice_id, number, currency, balance from app.open_item "
            "where company_id = %s and customer_id = any(%s) and balance <> 0 order by customer_id, invoice_id",
            (company_id, list(customer_ids)),
        )
    )
