"""Tables and queries of the journal: bulk adding by the worker, reading by everybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    select,
)

from services.ledger import arrays
from services.ledger.entries.domain import Entry, Posting

metadata = MetaData(schema="app")

chain_head_table = Table(
    "chain_head",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

entry_table = Table(
    "journal_entry",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("producer", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("description", Text, nullable=False),
    Column("reverses", Text),
    Column("posting_count", Integer, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

posting_table = Table(
    "posting",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("entry_number", BigInteger, primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("account", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("customer_id", Text),
    Column("document_id", Text),
    Column("currency", Text, nullable=False),
    Column("posting_on", Date, nullable=False),
)

balance_table = Table(
    "balance",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("on_day", Date, primary_key=True),
    Column("debit", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
)

customer_balance_table = Table(
    "customer_balance",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("customer_id", Text, primary_key=True),
    Column("debit", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
)


@dataclass(slots=True)
class Head:
    """The end of a company's chain while a page is being posted."""

    number: int
    hash: bytes
    chart_version: UUID


def lock_heads(session: Connection, companies: Iterable[int]) -> dict[int, Head]:
    """The companies' chains, locked in one order; their charts locked against change."""
    rows = session.exec_driver_sql(
        "select h.company_id, h.number, h.hash, c.version from app.chain_head h join app.chart c on c.company_id = h.company_id "
        "where h.company_id = any(%s::bigint[]) order by h.company_id for update of h for share of c",
        (arrays.plain(companies),),
    )
    return {company: Head(number, bytes(hash_), version) for company, number, hash_, version in rows}


@dataclass(slots=True)
class Batch:
    """Entries of a page on their way to the database. Lists of the same length: one for entries, one for postings."""

    entries: list[Entry] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)

    postings: list[Posting] = field(default_factory=list)
    posting_companies: list[int] = field(default_factory=list)
    posting_numbers: list[int] = field(default_factory=list)
    posting_currencies: list[str] = field(default_factory=list)
    posting_days: list[date] = field(default_factory=list)

    balances: dict[tuple[int, str, str, date], list[int]] = field(default_factory=dict)
    customer_balances: dict[tuple[int, str, str, str], list[int]] = field(default_factory=dict)

    def add(self, entry: Entry, recorded_at: str, postings: list[Posting], hash_: bytes) -> None:
        count = len(postings)
        self.entries.append(entry)
        self.recorded.append(recorded_at)
        self.counts.append(count)
        self.hashes.append(hash_.hex())
        self.postings += postings
        self.posting_companies += [entry.company_id] * count
        self.posting_numbers += [entry.number] * count
        self.posting_currencies += [entry.currency] * count
        self.posting_days += [entry.posting_on] * count


ADD_ENTRIES = """
with entry as (
    insert into app.journal_entry (company_id, number, event_id, producer, sequence, kind, document_id, document, subject,
        currency, occurred_on, posting_on, recorded_at, description, reverses, posting_count, hash)
    select company_id, number, event_id, producer, sequence, kind, document_id, document, subject, currency,
        occurred_on, posting_on, recorded_at, description, reverses, posting_count, decode(hash, 'hex')
    from unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::char(3)[], %s::date[], %s::date[], %s::timestamptz[], %s::text[], %s::text[], %s::int[], %s::text[])
        as given (company_id, number, event_id, producer, sequence, kind, document_id, document, subject, currency,
        occurred_on, posting_on, recorded_at, description, reverses, posting_count, hash))
insert into app.posting (company_id, entry_number, line, account, side, amount, customer_id, document_id, currency, posting_on)
select * from unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[],
    %s::char(3)[], %s::date[])
"""
"""Entries and postings in one statement: the triggers of both look at what the whole statement has added."""

ADD_BALANCES = """
insert into app.balance (company_id, account, currency, on_day, debit, credit)
select * from unnest(%s::bigint[], %s::text[], %s::char(3)[], %s::date[], %s::bigint[], %s::bigint[])
on conflict (company_id, account, currency, on_day)
    do update set debit = balance.debit + excluded.debit, credit = balance.credit + excluded.credit
"""

ADD_CUSTOMER_BALANCES = """
insert into app.customer_balance (company_id, account, currency, customer_id, debit, credit)
select * from unnest(%s::bigint[], %s::text[], %s::char(3)[], %s::text[], %s::bigint[], %s::bigint[])
on conflict (company_id, account, currency, customer_id)
    do update set debit = customer_balance.debit + excluded.debit, credit = customer_balance.credit + excluded.credit
"""


def add(session: Connection, batch: Batch) -> None:
    """Adds the entries, their postings and what they add to the balances."""
    plain, texts, optional = arrays.plain, arrays.texts, arrays.optional_texts
    companies, numbers, events, producers, sequences, kinds, documents, *rest = zip(*batch.entries, strict=True)
    labels, subjects, currencies, occurred, posted, _, descriptions, reversed_events = rest
    lines, accounts, sides, amounts, customers, of_documents = zip(*batch.postings, strict=True)
    session.exec_driver_sql(
        ADD_ENTRIES,
        (
            plain(companies),
            plain(numbers),
            plain(events),
            plain(producers),
            plain(sequences),
            texts(kinds),
            texts(documents),
            texts(labels),
            texts(subjects),
            plain(currencies),
            plain(occurred),
            plain(posted),
            plain(batch.recorded),
            texts(descriptions),
            optional(reversed_events),
            plain(batch.counts),
            plain(batch.hashes),
            plain(batch.posting_companies),
            plain(batch.posting_numbers),
            plain(lines),
            plain(accounts),
            plain(sides),
            plain(amounts),
            optional(customers),
            optional(of_documents),
            plain(batch.posting_currencies),
            plain(batch.posting_days),
        ),
    )
    _add_sums(session, ADD_BALANCES, batch.balances)
    if batch.customer_balances:
        _add_sums(session, ADD_CUSTOMER_BALANCES, batch.customer_balances)


def _add_sums(session: Connection, statement: str, sums: Mapping[tuple[int, str, str, Any], list[int]]) -> None:
    # sorted, so that two who add at once wait for each other and never deadlock
    keys = sorted(sums)
    companies, accounts, currencies, of = zip(*keys, strict=True)
    session.exec_driver_sql(
        statement,
        (
            arrays.plain(companies),
            arrays.texts(accounts),
            arrays.plain(currencies),
            arrays.texts([str(value) for value in of]),
            arrays.plain(sums[key][0] for key in keys),
            arrays.plain(sums[key][1] for key in keys),
        ),
    )


def move_heads(session: Connection, heads: dict[int, Head]) -> None:
    companies = sorted(heads)
    session.exec_driver_sql(
        "update app.chain_head h set number = new.number, hash = decode(new.hash, 'hex') "
        "from unnest(%s::bigint[], %s::bigint[], %s::text[]) as new (company_id, number, hash) "
        "where h.company_id = new.company_id and h.company_id = any(%s::bigint[])",
        (
            arrays.plain(companies),
            arrays.plain(heads[company].number for company in companies),
            arrays.plain(heads[company].hash.hex() for company in companies),
            arrays.plain(companies),
        ),
    )


def all_entries(company_id: int) -> Select[Any]:
    return select(entry_table).where(entry_table.c.company_id == company_id)


def of_document(company_id: int, document_id: str) -> ColumnElement[bool]:
    """Entries of the document itself, and those with a line that names it: the receipts of an invoice, a receipt's deposit."""
    own_entry = entry_table.alias("own")
    own = select(own_entry.c.number).where(own_entry.c.company_id == company_id, own_entry.c.document_id == document_id)
    naming = select(posting_table.c.entry_number).where(
        posting_table.c.company_id == company_id, posting_table.c.document_id == document_id
    )
    # a union, since OR would keep the planner from both indexes
    return entry_table.c.number.in_(own.union(naming))


def entry_of_event(session: Connection, company_id: int, event_id: str) -> Row[Any] | None:
    return session.execute(all_entries(company_id).where(entry_table.c.event_id == event_id)).one_or_none()


def reversal_of(session: Connection, company_id: int, event_id: str) -> str | None:
    """The event whose entry reverses the entry of this event."""
    reversal: str | None = session.exec_driver_sql(
        "select event_id from app.journal_entry where company_id = %s and reverses = %s", (company_id, event_id)
    ).scalar_one_or_none()
    return reversal


def postings(session: Connection, company_id: int, number: int) -> list[Any]:
    """Lines of an entry with their accounts' names."""
    return list(
        session.exec_driver_sql(
            "select p.line, p.account, a.name as account_name, p.side, p.amount, p.customer_id, p.document_id "
            "from app.posting p left join app.account a on a.company_id = p.company_id and a.code = p.account "
            "where p.company_id = %s and p.entry_number = %s order by p.line",
            (company_id, number),
        )
    )
