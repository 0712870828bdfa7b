"""The timeline: every query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Date, DateTime, MetaData, String, Table, select

from services.notifications.timeline.domain import ItemTouch, Touch
from shared.http.paging import Listing

metadata = MetaData()

timeline = Table(
    "timeline",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("customer_id", String, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("kind", String, nullable=False),
    Column("producer", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("document_id", String, nullable=False),
    Column("number", String, nullable=False),
    Column("amount", BigInteger),
    Column("currency", String),
    Column("actor", String, nullable=False),
    schema="copies",
)

TIMELINE = Listing(
    sorts={"at": timeline.c.at},
    key=timeline.c.id,
    filters={
        "kind": lambda value: timeline.c.kind == value,
        "occurred_from": lambda value: timeline.c.occurred_on >= value,
        "occurred_to": lambda value: timeline.c.occurred_on <= value,
    },
)


_TOUCH = "company_id, customer_id, at, occurred_on, kind, producer, event_id, document_id, number, amount, currency, actor"


def add_touches(session: Connection, touches: Sequence[Touch]) -> None:
    """Adds rows in the order given; one that is there already stays as it is."""
    session.exec_driver_sql(
        f"insert into copies.timeline ({_TOUCH}) "
        "select t.company_id, t.customer_id, t.at, "
        "coalesce(t.occurred_on, (t.at at time zone coalesce(c.time_zone, 'UTC'))::date), "
        "t.kind, t.producer, t.event_id, t.document_id, t.number, t.amount, t.currency, t.actor "
        "from unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::date[], %s::text[], %s::text[], %s::text[], %s::text[], "
        f"%s::text[], %s::bigint[], %s::text[], %s::text[]) with ordinality as t ({_TOUCH}, place) "
        "left join copies.company c using (company_id) order by t.place on conflict do nothing",
        _columns(touches, Touch),
    )


def keep_customers_of_receipts(session: Connection, receipts: Sequence[tuple[int, str, str]]) -> None:
    """(company, receipt, customer); what deposits said of these receipts before is placed on the customers' timelines."""
    _one_at_a_time(session)
    columns = ([row[0] for row in receipts], [row[1] for row in receipts], [row[2] for row in receipts])
    session.exec_driver_sql(
        "insert into copies.receipt_customer (company_id, receipt_id, customer_id) "
        "select * from unnest(%s::bigint[], %s::text[], %s::text[]) on conflict do nothing",
        columns,
    )
    session.exec_driver_sql(
        "with placed as (delete from copies.unplaced_item u "
        "using unnest(%s::bigint[], %s::text[], %s::text[]) as r (company_id, receipt_id, customer_id) "
        "where u.company_id = r.company_id and u.receipt_id = r.receipt_id returning u.*, r.customer_id) "
        + _PLACE_ITEMS.format("placed"),
        columns,
    )


def add_items(session: Connection, items: Sequence[ItemTouch]) -> None:
    """What deposits say of receipts, summed per event and customer; items of receipts that are not known yet are kept."""
    _one_at_a_time(session)
    session.exec_driver_sql(
        "with items as (select t.*, r.customer_id "
        "from unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::date[], %s::text[], %s::text[], %s::text[], "
        f"%s::bigint[], %s::text[], %s::text[]) as t ({_ITEM}) "
        "left join lateral (select r.customer_id from copies.receipt_customer r "
        "where r.company_id = t.company_id and r.receipt_id = t.receipt_id limit 1) r on true), "
        f"unplaced as (insert into copies.unplaced_item ({_ITEM}) select {_ITEM} from items where customer_id is null) "
        + _PLACE_ITEMS.format("items where customer_id is not null"),
        _columns(items, ItemTouch),
    )


_ITEM = "company_id, receipt_id, event_id, at, occurred_on, kind, document_id, number, amount, currency, actor"

_PLACE_ITEMS = (
    "insert into copies.timeline "
    "(company_id, customer_id, at, occurred_on, kind, producer, event_id, document_id, number, amount, currency, actor) "
    "select company_id, customer_id, at, occurred_on, kind, 'banking', event_id, document_id, number, sum(amount), "
    "currency, actor from {} "
    "group by company_id, customer_id, at, occurred_on, kind, event_id, document_id, number, currency, actor "
    "order by at, event_id "
    "on conflict on constraint timeline_once do update set amount = timeline.amount + excluded.amount"
)
"""Adds items to the timelines of their customers. One that was kept for later joins the row of its event; each item comes here
once, since its event is taken in once."""


def _one_at_a_time(session: Connection) -> None:
    """Receipts and deposits come from two logs, which two workers may take in at once: an item must see its receipt, or the
    receipt the item."""
    session.exec_driver_sql("select pg_advisory_xact_lock(hashtextextended('items and receipts', 0))")


def _columns(rows: Sequence[Any], kind: type[Any]) -> tuple[list[Any], ...]:
    """The rows' values as one array for each field."""
    values = [astuple(row) for row in rows]
    return tuple([row[index] for row in values] for index in range(len(fields(kind))))


def page(session: Connection, company_id: int, customer_id: str, query: Mapping[str, Any]) -> dict[str, Any]:
    wanted = select(timeline).where(timeline.c.company_id == company_id, timeline.c.customer_id == customer_id)
    return TIMELINE.page(session, wanted, query)
