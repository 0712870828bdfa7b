"""Bank accounts and their postings: every query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, Date, DateTime, MetaData, String, Table, select

from shared.http.paging import Listing

metadata = MetaData()

bank_account = Table(
    "bank_account",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("account", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("masked_number", String, nullable=False),
    Column("fee_account", String),
    Column("is_default", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    schema="app",
)

bank_posting = Table(
    "bank_posting",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("bank_account_id", String, nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("posting_on", Date, nullable=False),
    Column("kind", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("deposit_id", String, nullable=False),
    Column("receipt_id", String),
    Column("event_id", String, nullable=False),
    schema="app",
)

BANK_ACCOUNTS = Listing(sorts={"name": bank_account.c.name}, key=bank_account.c.id, filters={})

POSTINGS = Listing(
    sorts={"posting_on": bank_posting.c.posting_on},
    key=bank_posting.c.id,
    filters={
        "posting_from": lambda value: bank_posting.c.posting_on >= value,
        "posting_to": lambda value: bank_posting.c.posting_on <= value,
    },
)


@dataclass(frozen=True, slots=True)
class BankAccount:
    id: str
    name: str
    account: str
    currency: str
    masked_number: str
    fee_account: str | None
    is_default: bool


_COLUMNS = "id, name, account, currency, masked_number, fee_account, is_default"


def add_bank_account(session: Connection, company_id: int, made: BankAccount) -> bool:
    """False where the id or the ledger account has a bank account already."""
    return bool(
        session.exec_driver_sql(
            f"insert into app.bank_account (company_id, {_COLUMNS}) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
            (company_id, made.id, made.name, made.account, made.currency, made.masked_number, made.fee_account, made.is_default),
        ).rowcount
    )


def add_default_bank_account(session: Connection, company_id: int, bank_account_id: str, code: str) -> BankAccount | None:
    """The company's first bank account, named like its ledger account; None while company or account are not known here, or
    where it exists.

    Company and account come from two logs, which two workers may take in at once; the lock makes the later one see both.
    """
    session.exec_driver_sql("select pg_advisory_xact_lock(hashtextextended('default bank account', %s))", (company_id,))
    row = session.exec_driver_sql(
        "insert into app.bank_account (company_id, id, name, account, currency, is_default) "
        "select c.company_id, %s, a.name, a.code, c.currency, true "
        "from copies.company c join copies.account a on a.company_id = c.company_id and a.code = %s and a.control = 'bank' "
        f"where c.company_id = %s on conflict do nothing returning {_COLUMNS}",
        (bank_account_id, code, company_id),
    ).one_or_none()
    return BankAccount(*row) if row else None


def find(session: Connection, company_id: int, bank_account_id: str, *, lock: bool = False) -> BankAccount | None:
    """`lock`: the row stays locked until the transaction ends."""
    row = session.exec_driver_sql(
        f"select {_COLUMNS} from app.bank_account where company_id = %s and id = %s" + (" for update" if lock else ""),
        (company_id, bank_account_id),
    ).one_or_none()
    return BankAccount(*row) if row else None


def of_company(session: Connection, company_id: int) -> dict[str, BankAccount]:
    """All bank accounts of the company by id; a company has a handful."""
    rows = session.exec_driver_sql(f"select {_COLUMNS} from app.bank_account where company_id = %s", (company_id,))
    return {row.id: BankAccount(*row) for row in rows}


def change(session: Connection, company_id: int, changed: BankAccount) -> None:
    """Writes name, masked number and default fee account."""
    session.exec_driver_sql(
        "update app.bank_account set name = %s, masked_number = %s, fee_account = %s where company_id = %s and id = %s",
        (changed.name, changed.masked_number, changed.fee_account, company_id, changed.id),
    )


def page(session: Connection, company_id: int, query: Mapping[str, Any]) -> dict[str, Any]:
    return BANK_ACCOUNTS.page(session, select(bank_account).where(bank_account.c.company_id == company_id), query)


def book_balance(session: Connection, company_id: int, bank_account_id: str, as_of: date | None) -> int:
    """Sum of the postings up to the end of a day; of all where None."""
    balance: int = session.exec_driver_sql(
        "select coalesce(sum(amount), 0)::bigint from app.bank_posting "
        "where company_id = %s and bank_account_id = %s and posting_on <= coalesce(%s, 'infinity'::date)",
        (company_id, bank_account_id, as_of),
    ).scalar_one()
    return balance


def balance_through(session: Connection, company_id: int, bank_account_id: str, posting_on: date, posting_id: int) -> int:
    """Sum of the postings up to and with this one, in the order of day and id."""
    balance: int = session.exec_driver_sql(
        "select coalesce(sum(amount), 0)::bigint from app.bank_posting "
        "where company_id = %s and bank_account_id = %s and (posting_on, id) <= (%s, %s)",
        (company_id, bank_account_id, posting_on, posting_id),
    ).scalar_one()
    return balance


def postings_page(session: Connection, company_id: int, bank_account_id: str, query: Mapping[str, Any]) -> dict[str, Any]:
    wanted = select(bank_posting).where(
        bank_posting.c.company_id == company_id, bank_posting.c.bank_account_id == bank_account_id
    )
    return POSTINGS.page(session, wanted, query)


def book_totals(session: Connection, company_id: int) -> list[tuple[str, str, int]]:
    """Book balance of every bank account: ledger account, currency, amount."""
    rows = session.exec_driver_sql(
        "select b.account, b.currency, sum(p.amount)::bigint from app.bank_account b "
        "join app.bank_posting p on p.company_id = b.company_id and p.bank_account_id = b.id "
        "where b.company_id = %s group by b.account, b.currency order by b.account, b.currency",
        (company_id,),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def posting_documents(session: Connection, company_id: int, accounts: list[str]) -> list[Any]:
    """What each deposit comes to on its bank account: ledger account, deposit, reference, currency, amount."""
    rows = session.exec_driver_sql(
        "select b.account, p.deposit_id, d.reference, b.currency, sum(p.amount)::bigint as amount from app.bank_account b "
        "join app.bank_posting p on p.company_id = b.company_id and p.bank_account_id = b.id "
        "join app.deposit d on d.company_id = p.company_id and d.id = p.deposit_id "
        "where b.company_id = %s and b.account = any(%s) group by b.account, p.deposit_id, d.reference, b.currency "
        "having sum(p.amount) <> 0 order by b.account, p.deposit_id",
        (company_id, accounts),
    )
    return list(rows.all())
