"""Queries on receipts: their lines, their applications, their voids, the deposit that each is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    Table,
    Text,
    and_,
    case,
    exists,
    literal,
    select,
)

from services.payments.payment_types.domain import PaymentType
from services.payments.receipts.domain import Live, Receipt
from shared.accounts import Account
from shared.contracts import Event, encode

metadata = MetaData()
receipt = Table(
    "receipt",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("payer_name", Text, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("payment_type_id", Text, nullable=False),
    Column("payment_type", Text, nullable=False),
    Column("needs_deposit", Boolean, nullable=False),
    Column("cash_account", Text),
    Column("deposit_group", Text),
    Column("check_number", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("notes", Text, nullable=False),
    Column("source", Text),
    Column("external_id", Text),
    Column("content_hash", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    schema="app",
)
receipt_void = Table(
    "receipt_void",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("receipt_id", Text, primary_key=True),
    Column("voided_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("voided_by", Text, nullable=False),
    Column("voided_at", DateTime(timezone=True), nullable=False),
    schema="app",
)
application = Table(
    "application",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("receipt_id", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("prepayment_id", Text),
    Column("prepayment_application_id", Text),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("line", Integer, nullable=False),
    schema="app",
)
deposited_receipt = Table(
    "deposited_receipt",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("receipt_id", Text, primary_key=True),
    Column("deposit_id", Text, nullable=False),
    Column("returned", Boolean, nullable=False),
    schema="copies",
)
deposit_state = case(
    (deposited_receipt.c.returned, "returned"),
    (deposited_receipt.c.receipt_id.is_not(None), "deposited"),
    (and_(receipt.c.needs_deposit, receipt_void.c.receipt_id.is_(None)), "undeposited"),
    else_=literal("not_needed"),
).label("deposit_state")
shown = (
    *(column for column in receipt.c if column.name != "company_id"),
    case((receipt_void.c.receipt_id.is_(None), "posted"), else_=literal("voided")).label("state"),
    deposit_state,
    deposited_receipt.c.deposit_id,
    receipt_void.c.voided_on,
    receipt_void.c.voided_by,
    receipt_void.c.reason.label("void_reason"),
    receipt_void.c.event_id.label("void_event_id"),
)


def all_receipts(company_id: int) -> Select[Any]:
    """Receipts with their void and their place in a deposit."""
    return (
        select(*shown)
        .select_from(receipt)
        .join(
            receipt_void,
            and_(receipt_void.c.company_id == receipt.c.company_id, receipt_void.c.receipt_id == receipt.c.id),
            isouter=True,
        )
        .join(
            deposited_receipt,
            and_(deposited_receipt.c.company_id == receipt.c.company_id, deposited_receipt.c.receipt_id == receipt.c.id),
            isouter=True,
        )
        .where(receipt.c.company_id == company_id)
    )


def undeposited(wanted: bool) -> ColumnElement[bool]:
    """Receipts that wait for a deposit, or all others."""
    waits = and_(receipt.c.needs_deposit, receipt_void.c.receipt_id.is_(None), deposited_receipt.c.receipt_id.is_(None))
    return waits if wanted else ~waits


def in_state(wanted: str) -> ColumnElement[bool]:
    """Receipts that are posted, or those that are voided."""
    return receipt_void.c.receipt_id.is_(None) if wanted == "posted" else receipt_void.c.receipt_id.is_not(None)


def applied_to(invoice_id: str) -> ColumnElement[bool]:
    """Receipts whose money was applied to this invoice."""
    return exists().where(
        application.c.company_id == receipt.c.company_id,
        application.c.receipt_id == receipt.c.id,
        application.c.invoice_id == invoice_id,
    )


def get(session: Connection, company_id: int, receipt_id: str) -> RowMapping | None:
    return session.execute(all_receipts(company_id).where(receipt.c.id == receipt_id)).mappings().one_or_none()


def lines(session: Connection, company_id: int, receipt_id: str) -> Sequence[Row[Any]]:
    return session.exec_driver_sql(
        """
        select l.line, l.kind, l.amount, l.application_id, l.invoice_id, i.number as invoice_number, l.prepayment_id, l.account,
            l.notes
        from app.receipt_line l left join copies.invoice i on i.company_id = l.company_id and i.id = l.invoice_id
        where l.company_id = %s and l.receipt_id = %s order by l.line
        """,
        (company_id, receipt_id),
    ).all()


def applications(session: Connection, company_id: int, receipt_id: str) -> Sequence[Row[Any]]:
    """Every application of the receipt's money, also of its prepayments, with what is live of each."""
    return session.exec_driver_sql(
        """
        select a.id, a.invoice_id, i.number as invoice_number, a.prepayment_id, a.amount,
            case when v.receipt_id is null then a.amount - coalesce(d.amount, 0) else 0 end as live,
            coalesce(d.amount, 0) as displaced, a.posting_on, a.event_id
        from app.application a left join copies.invoice i on i.company_id = a.company_id and i.id = a.invoice_id
        left join app.displacement d on d.company_id = a.company_id and d.application_id = a.id
        left join app.receipt_void v on v.company_id = a.company_id and v.receipt_id = a.receipt_id
        where a.company_id = %s and a.receipt_id = %s order by a.posting_on, a.event_id, a.line
        """,
        (company_id, receipt_id),
    ).all()


def prepayments(session: Connection, company_id: int, receipt_id: str) -> Sequence[Row[Any]]:
    return session.exec_driver_sql(
        "select p.id, p.origin, p.amount, b.remaining, p.posting_on, p.event_id from app.prepayment p "
        "join app.prepayment_balance b on b.company_id = p.company_id and b.prepayment_id = p.id "
        "where p.company_id = %s and p.receipt_id = %s order by p.posting_on, p.id",
        (company_id, receipt_id),
    ).all()


class ForPosting(NamedTuple):
    payment_type: PaymentType | None
    customer_name: str | None
    cash_account: Account | None


def for_posting(
    session: Connection, company_id: int, payment_type: str, customer_id: str | None, cash_account: str | None
) -> ForPosting:
    """What one receipt is decided against, in one query: its type, its customer, the account where its money waits."""
    row = session.exec_driver_sql(
        """
        select t.id, t.name, t.needs_deposit, t.cash_account, t.allows_cash_account_override, t.deposit_group,
            t.needs_check_number, t.active, c.name, a.code, a.name, a.kind, a.control, a.active
        from (values (1)) one
        left join app.payment_type t on t.company_id = %(company)s and lower(t.name) = %(type)s
        left join copies.customer c on c.company_id = %(company)s and c.id = %(customer)s
        left join copies.account a on a.company_id = %(company)s and a.code = coalesce(%(account)s, t.cash_account)
        """,
        {"company": company_id, "type": payment_type.lower(), "customer": customer_id, "account": cash_account},
    ).one()
    return ForPosting(
        PaymentType(*row[:8]) if row[0] is not None else None, row[8], Account(*row[9:14]) if row[9] is not None else None
    )


class NewReceipt(NamedTuple):
    """A receipt on its way into the database."""

    receipt: Receipt
    event_id: str
    content_hash: str
    source: str | None = None
    external_id: str | None = None


def add(session: Connection, company_id: int, created_by: str, made: Sequence[NewReceipt]) -> None:
    """Adds receipts with their lines, applications and prepayments, however many, in one statement.

    One statement, since the database checks at its end that every receipt balances.
    """
    session.exec_driver_sql(
        _ADD,
        {
            "company": company_id,
            "created_by": created_by,
            "receipts": encode([_receipt_row(each) for each in made]).decode(),
            "lines": encode([row for each in made for row in _line_rows(each.receipt)]).decode(),
        },
    )


_ADD = """
with new_receipt as materialized (
    select * from json_to_recordset(%(receipts)s::json) as r (id text, customer_id text, payer_name text, received_on date,
        posting_on date, payment_type_id text, payment_type text, needs_deposit bool, cash_account text, deposit_group text,
        check_number text, currency text, amount bigint, notes text, source text, external_id text, content_hash text,
        event_id text)),
new_line as materialized (
    select l.*, r.customer_id, r.currency, r.posting_on, r.event_id
    from json_to_recordset(%(lines)s::json) as l (receipt_id text, line int, kind text, amount bigint, application_id text,
        invoice_id text, prepayment_id text, account text, notes text, origin text) join new_receipt r on r.id = l.receipt_id),
receipts as (
    insert into app.receipt (company_id, id, customer_id, payer_name, received_on, posting_on, payment_type_id, payment_type,
        needs_deposit, cash_account, deposit_group, check_number, currency, amount, notes, source, external_id, content_hash,
        event_id, created_by)
    select %(company)s, r.*, %(created_by)s from new_receipt r),
prepayments as (
    insert into app.prepayment (company_id, id, receipt_id, customer_id, currency, origin, amount, posting_on, event_id)
    select %(company)s, prepayment_id, receipt_id, customer_id, currency, origin, amount, posting_on, event_id
    from new_line where kind = 'prepayment'),
applications as (
    insert into app.application (company_id, id, receipt_id, invoice_id, currency, amount, posting_on, event_id, line)
    select %(company)s, application_id, receipt_id, invoice_id, currency, amount, posting_on, event_id, line
    from new_line where kind = 'invoice')
insert into app.receipt_line (company_id, receipt_id, line, kind, amount, application_id, invoice_id, prepayment_id, account,
    notes)
select %(company)s, receipt_id, line, kind, amount, application_id, invoice_id, prepayment_id, account, notes from new_line
"""


def _receipt_row(new: NewReceipt) -> dict[str, Any]:
    made = new.receipt
    return {
        "id": made.id,
        "customer_id": made.customer_id,
        "payer_name": made.payer_name,
        "received_on": made.received_on,
        "posting_on": made.posting_on,
        "payment_type_id": made.payment_type.id,
        "payment_type": made.payment_type.name,
        "needs_deposit": made.payment_type.needs_deposit,
        "cash_account": made.cash_account,
        "deposit_group": made.deposit_group,
        "check_number": made.check_number,
        "currency": made.currency,
        "amount": made.amount,
        "notes": made.notes,
        "source": new.source,
        "external_id": new.external_id,
        "content_hash": new.content_hash,
        "event_id": new.event_id,
    }


def _line_rows(made: Receipt) -> Iterable[dict[str, Any]]:
    for number, line in enumerate(made.lines, 1):
        yield {
            "receipt_id": made.id,
            "line": number,
            "kind": line.kind,
            "amount": line.amount,
            "application_id": line.application_id,
            "invoice_id": line.invoice_id,
            "prepayment_id": line.prepayment_id,
            "account": line.account,
            "notes": line.notes,
            "origin": line.origin,
        }


def known_imports(
    session: Connection, company_id: int, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, str]]:
    """Receipts that were imported under these (source, external id): their id and content hash."""
    rows = session.exec_driver_sql(
        "select r.* from unnest(%s::text[], %s::text[]) as named (source, external_id) cross join lateral ("
        "select r.source, r.external_id, r.id, r.content_hash from app.receipt r where r.company_id = %s "
        "and r.source = named.source and r.external_id = named.external_id limit 1) r",
        ([source for source, _ in keys], [external_id for _, external_id in keys], company_id),
    )
    return {(row.source, row.external_id): (row.id, row.content_hash) for row in rows}


def lock_invoices_of(session: Connection, company_id: int, receipt_id: str) -> None:
    """Locks what the receipt's money was applied to, in the order of ids."""
    session.exec_driver_sql(
        "select from app.open_invoice o where o.company_id = %(company)s and o.invoice_id in "
        "(select invoice_id from app.application where company_id = %(company)s and receipt_id = %(receipt)s) "
        "order by o.invoice_id for update",
        {"company": company_id, "receipt": receipt_id},
    )


def live(session: Connection, company_id: int, receipt_id: str) -> list[Live]:
    """Where the money of a receipt that is not void lies: live applications, what remains of prepayments, accounts."""
    rows = session.exec_driver_sql(
        """
        select 'invoice', a.amount - coalesce(d.amount, 0), a.id as key, a.invoice_id, a.prepayment_id, null as account
        from app.application a left join app.displacement d on d.company_id = a.company_id and d.application_id = a.id
        where a.company_id = %(company)s and a.receipt_id = %(receipt)s
        union all
        select 'prepayment', b.remaining, p.id, null, p.id, null
        from app.prepayment p join app.prepayment_balance b on b.company_id = p.company_id and b.prepayment_id = p.id
        where p.company_id = %(company)s and p.receipt_id = %(receipt)s
        union all
        select 'account', l.amount, l.line::text, null, null, l.account
        from app.receipt_line l where l.company_id = %(company)s and l.receipt_id = %(receipt)s and l.kind = 'account'
        order by 1, 3
        """,
        {"company": company_id, "receipt": receipt_id},
    )
    return [
        Live(kind, amount, key if kind == "invoice" else None, invoice_id, prepayment_id, account)
        for kind, amount, key, invoice_id, prepayment_id, account in rows
    ]


def last_movement(session: Connection, company_id: int, receipt_id: str) -> date | None:
    """The latest date on which money of the receipt was applied or displaced."""
    result: date | None = session.exec_driver_sql(
        """
        select greatest(
            (select max(posting_on) from app.application where company_id = %(company)s and receipt_id = %(receipt)s),
            (select max(posting_on) from app.displacement where company_id = %(company)s and receipt_id = %(receipt)s))
        """,
        {"company": company_id, "receipt": receipt_id},
    ).scalar_one()
    return result


def add_void(
    session: Connection,
    company_id: int,
    receipt_id: str,
    voided_on: date,
    posting_on: date,
    reason: str,
    event_id: str,
    voided_by: str,
) -> None:
    session.exec_driver_sql(
        "insert into app.receipt_void (company_id, receipt_id, voided_on, posting_on, reason, event_id, voided_by) "
        "values (%s, %s, %s, %s, %s, %s, %s)",
        (company_id, receipt_id, voided_on, posting_on, reason, event_id, voided_by),
    )


def keep_deposited(session: Connection, events: Sequence[Event]) -> None:
    """Takes in which receipts are in which deposit."""
    items = [(event.company_id, item.receipt_id, event.data.deposit_id) for event in events for item in event.data.items]
    session.exec_driver_sql(
        "insert into copies.deposited_receipt (company_id, receipt_id, deposit_id) "
        "select * from unnest(%s::bigint[], %s::text[], %s::text[]) "
        "on conflict (company_id, receipt_id) do update set deposit_id = excluded.deposit_id, returned = false",
        ([item[0] for item in items], [item[1] for item in items], [item[2] for item in items]),
    )


def forget_deposit(session: Connection, company_id: int, deposit_id: str) -> None:
    """The receipts of a voided deposit wait for another; what was returned from it before stays returned."""
    session.exec_driver_sql(
        "delete from copies.deposited_receipt where company_id = %s and deposit_id = %s and not returned",
        (company_id, deposit_id),
    )


def keep_returned(session: Connection, company_id: int, receipt_id: str) -> None:
    session.exec_driver_sql(
        "update copies.deposited_receipt set returned = true where company_id = %s and receipt_id = %s", (company_id, receipt_id)
    )
