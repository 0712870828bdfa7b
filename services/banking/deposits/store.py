"""Deposits, their items, their voids and the items returned from them: every query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    and_,
    exists,
    func,
    select,
)

from services.banking.bank_accounts.store import bank_account, bank_posting
from services.banking.deposits.domain import NewDeposit
from shared.contracts.banking import ItemReturned
from shared.http.paging import Listing

metadata = MetaData()

deposit = Table(
    "deposit",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", String, primary_key=True),
    Column("bank_account_id", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("fee_account", String),
    Column("item_count", Integer, nullable=False),
    Column("reference", String, nullable=False),
    Column("notes", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("event_id", String, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    schema="app",
)

deposit_item = Table(
    "deposit_item",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("deposit_id", String, primary_key=True),
    Column("receipt_id", String, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    schema="app",
)

deposit_void = Table(
    "deposit_void",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("deposit_id", String, primary_key=True),
    Column("voided_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("reason", String, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    schema="app",
)

deposit_import = Table(
    "deposit_import",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("source", String, primary_key=True),
    Column("external_id", String, primary_key=True),
    Column("deposit_id", String, nullable=False),
    schema="app",
)

_voided = exists().where(deposit_void.c.company_id == deposit.c.company_id, deposit_void.c.deposit_id == deposit.c.id)
_returned = (
    select(func.coalesce(-func.sum(bank_posting.c.amount), 0).cast(BigInteger))
    .where(bank_posting.c.company_id == deposit.c.company_id)
    .where(bank_posting.c.deposit_id == deposit.c.id)
    .where(bank_posting.c.kind == "item_returned")
    .correlate(deposit)
    .scalar_subquery()
)

DEPOSITS = Listing(
    sorts={"posting_on": deposit.c.posting_on, "total": deposit.c.total},
    key=deposit.c.id,
    filters={
        "bank_account_id": lambda value: deposit.c.bank_account_id == value,
        "posting_from": lambda value: deposit.c.posting_on >= value,
        "posting_to": lambda value: deposit.c.posting_on <= value,
        "reference": lambda value: deposit.c.reference == value,
        "receipt_id": lambda value: exists().where(
            deposit_item.c.company_id == deposit.c.company_id,
            deposit_item.c.deposit_id == deposit.c.id,
            deposit_item.c.receipt_id == value,
        ),
        "state": lambda value: _voided if value == "voided" else ~_voided,
    },
)


@dataclass(frozen=True, slots=True)
class DepositHead:
    """What a void needs to know of a deposit."""

    id: str
    bank_account_id: str
    account: str
    currency: str
    posting_on: date
    fee: int
    fee_account: str | None
    event_id: str
    voided: bool


@dataclass(frozen=True, slots=True)
class LiveDeposit:
    """The deposit that a voided receipt lies in."""

    id: str
    bank_account_id: str
    account: str
    currency: str
    posting_on: date


@dataclass(frozen=True, slots=True)
class VoidedPlace:
    """A voided receipt and where its money lay when it was locked."""

    company_id: int
    receipt_id: str
    amount: int
    deposit: LiveDeposit | None


def add_deposits(session: Connection, company_id: int, actor: str, deposits: Sequence[tuple[NewDeposit, str]]) -> None:
    """Writes deposits with the event that states each: items, postings, and their receipts wait no longer.

    One statement, whatever their number; the receipts must be locked and waiting.
    """
    items = [(made.id, receipt) for made, _ in deposits for receipt in made.receipts]
    placed = session.exec_driver_sql(
        """
        with deposits as (
            insert into app.deposit (company_id, id, bank_account_id, currency, occurred_on, posting_on, total, fee,
                                     fee_account, item_count, reference, notes, content, event_id, created_by)
            select %(company)s, t.id, t.bank, t.currency, t.day, t.day, t.total, t.fee,
                   t.fee_account, t.items, t.reference, t.notes, t.content, t.event_id, %(actor)s
            from unnest(%(ids)s::text[], %(banks)s::text[], %(currencies)s::text[], %(days)s::date[],
                        %(totals)s::bigint[], %(fees)s::bigint[], %(fee_accounts)s::text[], %(counts)s::int[],
                        %(references)s::text[], %(notes)s::text[], %(contents)s::bytea[], %(events)s::text[])
                 as t (id, bank, currency, day, total, fee, fee_account, items, reference, notes, content, event_id)),
        items as (
            insert into app.deposit_item (company_id, deposit_id, receipt_id, amount)
            select %(company)s, * from unnest(%(item_deposits)s::text[], %(item_receipts)s::text[], %(item_amounts)s::bigint[])),
        postings as (
            insert into app.bank_posting
                (company_id, bank_account_id, occurred_on, posting_on, kind, amount, deposit_id, event_id)
            select %(company)s, t.bank, t.day, t.day, 'deposit_posted', t.net, t.id, t.event_id
            from unnest(%(ids)s::text[], %(banks)s::text[], %(days)s::date[], %(nets)s::bigint[], %(events)s::text[])
                 as t (id, bank, day, net, event_id))
        update app.receipt_place p set deposit_id = t.deposit_id
        from unnest(%(item_deposits)s::text[], %(item_receipts)s::text[]) as t (deposit_id, receipt_id)
        where p.company_id = %(company)s and p.receipt_id = t.receipt_id and p.deposit_id is null and not p.voided
        """,
        {
            "company": company_id,
            "actor": actor,
            "ids": [made.id for made, _ in deposits],
            "banks": [made.bank_account_id for made, _ in deposits],
            "currencies": [made.currency for made, _ in deposits],
            "days": [made.posting_on for made, _ in deposits],
            "totals": [made.total for made, _ in deposits],
            "fees": [made.fee for made, _ in deposits],
            "nets": [made.net for made, _ in deposits],
            "fee_accounts": [made.fee_account for made, _ in deposits],
            "counts": [len(made.receipts) for made, _ in deposits],
            "references": [made.reference for made, _ in deposits],
            "notes": [made.notes for made, _ in deposits],
            "contents": [made.content for made, _ in deposits],
            "events": [event_id for _, event_id in deposits],
            "item_deposits": [deposit_id for deposit_id, _ in items],
            "item_receipts": [receipt.id for _, receipt in items],
            "item_amounts": [receipt.amount for _, receipt in items],
        },
    ).rowcount
    assert placed == len(items), "a receipt was not locked, or waits no longer"


def content_of(session: Connection, company_id: int, deposit_id: str) -> bytes | None:
    """The digest of what a deposit was asked for by; None where there is no such deposit."""
    found = session.exec_driver_sql(
        "select content from app.deposit where company_id = %s and id = %s", (company_id, deposit_id)
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def imported(session: Connection, company_id: int, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, bytes]]:
    """(source, external id) -> deposit's id and content, of those that were imported before."""
    rows = session.exec_driver_sql(
        "select k.source, k.external_id, d.id, d.content from unnest(%s::text[], %s::text[]) as k (source, external_id) "
        "cross join lateral (select i.company_id, i.deposit_id from app.deposit_import i where i.company_id = %s "
        "and i.source = k.source and i.external_id = k.external_id limit 1) i "
        "cross join lateral (select d.id, d.content from app.deposit d "
        "where d.company_id = i.company_id and d.id = i.deposit_id limit 1) d",
        ([source for source, _ in keys], [external_id for _, external_id in keys], company_id),
    )
    return {(row[0], row[1]): (row[2], bytes(row[3])) for row in rows}


def add_imports(session: Connection, company_id: int, rows: Sequence[tuple[str, str, str]]) -> None:
    """(source, external id, deposit's id) of deposits that were imported."""
    session.exec_driver_sql(
        "insert into app.deposit_import (company_id, source, external_id, deposit_id) "
        "select %s, * from unnest(%s::text[], %s::text[], %s::text[])",
        (company_id, [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]),
    )


def head(session: Connection, company_id: int, deposit_id: str) -> DepositHead | None:
    row = session.exec_driver_sql(
        "select d.id, d.bank_account_id, b.account, d.currency, d.posting_on, d.fee, d.fee_account, d.event_id, "
        "exists (select 1 from app.deposit_void v where v.company_id = d.company_id and v.deposit_id = d.id) "
        "from app.deposit d join app.bank_account b on b.company_id = d.company_id and b.id = d.bank_account_id "
        "where d.company_id = %s and d.id = %s",
        (company_id, deposit_id),
    ).one_or_none()
    return DepositHead(*row) if row else None


def add_void(session: Connection, company_id: int, deposit_id: str, day: date, reason: str, actor: str) -> bool:
    """False where the deposit is voided already; waits for another void of it that is under way."""
    return bool(
        session.exec_driver_sql(
            "insert into app.deposit_void (company_id, deposit_id, voided_on, posting_on, reason, created_by) "
            "values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
            (company_id, deposit_id, day, day, reason, actor),
        ).rowcount
    )


def release_receipts(session: Connection, company_id: int, deposit_id: str, waits_from: date | None) -> list[tuple[str, int]]:
    """The deposit's receipts wait again, not before `waits_from`; answers them with their amounts. Those that were returned are
    not among them.

    Locks them in the order of their ids first, as deposits and returns do.
    """
    rows = session.exec_driver_sql(
        "with locked as (select receipt_id from app.receipt_place where company_id = %(company)s and deposit_id = %(deposit)s "
        "order by receipt_id for update), "
        "released as ("
        "update app.receipt_place p set deposit_id = null, waits_from = greatest(p.waits_from, %(waits_from)s::date) "
        "from locked where p.company_id = %(company)s and p.receipt_id = locked.receipt_id returning p.receipt_id) "
        "select i.receipt_id, i.amount from app.deposit_item i join released using (receipt_id) "
        "where i.company_id = %(company)s and i.deposit_id = %(deposit)s order by i.receipt_id",
        {"company": company_id, "deposit": deposit_id, "waits_from": waits_from},
    )
    return [(row[0], row[1]) for row in rows]


def add_void_posting(session: Connection, company_id: int, voided: DepositHead, day: date, amount: int, event_id: str) -> None:
    session.exec_driver_sql(
        "insert into app.bank_posting (company_id, bank_account_id, occurred_on, posting_on, kind, amount, deposit_id, event_id) "
        "values (%s, %s, %s, %s, 'deposit_voided', %s, %s, %s)",
        (company_id, voided.bank_account_id, day, day, amount, voided.id, event_id),
    )


def lock_places(session: Connection, receipts: Sequence[tuple[int, str]]) -> list[VoidedPlace]:
    """Places of (company, receipt) pairs that are not gone yet, locked in the order of their ids; unknown ones are left out."""
    ordered = sorted(receipts)
    locked = session.exec_driver_sql(
        "select p.* from unnest(%s::bigint[], %s::text[]) as k (company_id, receipt_id) cross join lateral ("
        "select p.company_id, p.receipt_id, p.deposit_id from app.receipt_place p "
        "where p.company_id = k.company_id and p.receipt_id = k.receipt_id and not p.voided for update) p",
        ([company_id for company_id, _ in ordered], [receipt_id for _, receipt_id in ordered]),
    ).all()
    # a second statement on purpose: it sees the deposit that was committed while the first one waited for its lock
    rows = session.exec_driver_sql(
        "select k.company_id, k.receipt_id, r.amount, d.id, d.bank_account_id, b.account, d.currency, d.posting_on "
        "from unnest(%s::bigint[], %s::text[], %s::text[]) as k (company_id, receipt_id, deposit_id) "
        "cross join lateral (select r.amount from copies.receipt r "
        "where r.company_id = k.company_id and r.id = k.receipt_id limit 1) r "
        "left join lateral (select d.* from app.deposit d "
        "where d.company_id = k.company_id and d.id = k.deposit_id limit 1) d on true "
        "left join app.bank_account b on b.company_id = d.company_id and b.id = d.bank_account_id",
        ([row[0] for row in locked], [row[1] for row in locked], [row[2] for row in locked]),
    )
    return [VoidedPlace(row[0], row[1], row[2], LiveDeposit(*row[3:]) if row[3] else None) for row in rows]


def mark_voided(session: Connection, places: Sequence[VoidedPlace]) -> None:
    """The receipts are gone: in no deposit, and waiting for none."""
    session.exec_driver_sql(
        "update app.receipt_place p set deposit_id = null, voided = true "
        "from unnest(%s::bigint[], %s::text[]) as k (company_id, receipt_id) "
        "where p.company_id = k.company_id and p.receipt_id = k.receipt_id",
        ([place.company_id for place in places], [place.receipt_id for place in places]),
    )


def first_open_days(session: Connection, companies: Sequence[int]) -> dict[int, date]:
    """The first open day of each company that has closed any, read FOR SHARE (see shared.periods)."""
    rows = session.exec_driver_sql(
        "select company_id, greatest(closed_through, closing_through) + 1 from copies.period where company_id = any(%s) "
        "order by company_id for share",
        (sorted(set(companies)),),
    )
    return {row[0]: row[1] for row in rows if row[1] is not None}


def add_returns(session: Connection, rows: Sequence[tuple[VoidedPlace, ItemReturned, str]]) -> None:
    """Postings of returned items: place, fact, event that states it."""
    facts = [fact for _, fact, _ in rows]
    session.exec_driver_sql(
        "insert into app.bank_posting "
        "(company_id, bank_account_id, occurred_on, posting_on, kind, amount, deposit_id, receipt_id, event_id) "
        "select t.company_id, t.bank, t.occurred_on, t.posting_on, 'item_returned', -t.amount, "
        "t.deposit_id, t.receipt_id, t.event_id "
        "from unnest(%s::bigint[], %s::text[], %s::date[], %s::date[], %s::bigint[], %s::text[], %s::text[], %s::text[]) "
        "as t (company_id, bank, occurred_on, posting_on, amount, deposit_id, receipt_id, event_id)",
        (
            [place.company_id for place, _, _ in rows],
            [fact.bank_account_id for fact in facts],
            [fact.occurred_on for fact in facts],
            [fact.posting_on for fact in facts],
            [fact.amount for fact in facts],
            [fact.deposit_id for fact in facts],
            [fact.receipt_id for fact in facts],
            [event_id for _, _, event_id in rows],
        ),
    )


def shown(session: Connection, company_id: int, deposit_id: str) -> Any | None:
    """A deposit with its bank account and its void."""
    return session.exec_driver_sql(
        "select d.id, d.bank_account_id, b.name as bank_account_name, b.account, d.currency, d.occurred_on, d.posting_on, "
        "d.total, d.fee, d.fee_account, d.item_count, d.reference, d.notes, d.event_id, d.created_by, d.created_at, v.voided_on, "
        "v.reason as void_reason, v.created_by as voided_by, p.event_id as void_event_id "
        "from app.deposit d join app.bank_account b on b.company_id = d.company_id and b.id = d.bank_account_id "
        "left join app.deposit_void v on v.company_id = d.company_id and v.deposit_id = d.id "
        "left join app.bank_posting p on p.company_id = d.company_id and p.deposit_id = d.id and p.kind = 'deposit_voided' "
        "where d.company_id = %s and d.id = %s",
        (company_id, deposit_id),
    ).one_or_none()


def items_shown(session: Connection, company_id: int, deposit_id: str) -> list[Any]:
    """The deposit's receipts with their customers, and the return of those that came back."""
    rows = session.exec_driver_sql(
        "select i.receipt_id, i.amount, r.customer_id, c.code as customer_code, c.name as customer_name, r.occurred_on, "
        "r.posting_on, r.payment_type, r.deposit_group, r.check_number, r.event_id, "
        "p.occurred_on as returned_on, p.posting_on as return_posting_on, p.event_id as return_event_id "
        "from app.deposit_item i join copies.receipt r on r.company_id = i.company_id and r.id = i.receipt_id "
        "left join copies.customer c on c.company_id = r.company_id and c.id = r.customer_id "
        "left join app.bank_posting p on p.company_id = i.company_id and p.deposit_id = i.deposit_id "
        "and p.receipt_id = i.receipt_id and p.kind = 'item_returned' "
        "where i.company_id = %s and i.deposit_id = %s order by r.occurred_on, i.receipt_id",
        (company_id, deposit_id),
    )
    return list(rows.all())


def page(session: Connection, company_id: int, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of deposits with what was returned of each."""
    wanted = (
        select(
            deposit.c.id,
            deposit.c.bank_account_id,
            bank_account.c.name.label("bank_account_name"),
            deposit.c.currency,
            deposit.c.occurred_on,
            deposit.c.posting_on,
            deposit.c.total,
            deposit.c.fee,
            deposit.c.item_count,
            deposit.c.reference,
            deposit.c.event_id,
            _returned.label("returned"),
            _voided.label("voided"),
        )
        .join_from(
            deposit,
            bank_account,
            and_(bank_account.c.company_id == deposit.c.company_id, bank_account.c.id == deposit.c.bank_account_id),
        )
        .where(deposit.c.company_id == company_id)
    )
    return DEPOSITS.page(session, wanted, query)
