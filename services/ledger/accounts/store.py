"""Tables and queries of the chart of accounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Connection, DateTime, MetaData, Select, Table, Text, Uuid, select

from services.ledger import arrays
from services.ledger.accounts.domain import BY_CUSTOMER, NewAccount
from shared.accounts import Account

metadata = MetaData(schema="app")

account_table = Table(
    "account",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("control", Text),
    Column("active", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

role_table = Table(
    "role",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("account", Text, nullable=False),
)

chart_table = Table(
    "chart", metadata, Column("company_id", BigInteger, primary_key=True), Column("version", Uuid, nullable=False)
)


@dataclass(frozen=True, slots=True)
class Chart:
    """What posting rules and balances need of a company's chart: who fills a role, which accounts are kept per customer."""

    roles: dict[str, str]
    by_customer: frozenset[str]


def add_accounts(session: Connection, companies: Sequence[int], accounts: Sequence[NewAccount]) -> None:
    """These accounts for each of the companies, and the roles that they fill."""
    rows = [(company, account) for company in companies for account in accounts]
    session.exec_driver_sql(
        "insert into app.account (company_id, code, name, kind, control) "
        "select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])",
        (
            arrays.plain(company for company, _ in rows),
            arrays.texts([account.code for _, account in rows]),
            arrays.texts([account.name for _, account in rows]),
            arrays.texts([account.kind for _, account in rows]),
            arrays.optional_texts([account.control for _, account in rows]),
        ),
    )
    filled = [(company, account.role, account.code) for company, account in rows if account.role]
    if filled:
        session.exec_driver_sql(
            "insert into app.role (company_id, role, account) select * from unnest(%s::bigint[], %s::text[], %s::text[])",
            (
                arrays.plain(company for company, _, _ in filled),
                arrays.texts([role for _, role, _ in filled]),
                arrays.texts([code for _, _, code in filled]),
            ),
        )


def claim_companies(session: Connection, companies: Iterable[int]) -> list[int]:
    """Those of the companies that had no chain yet, each with an empty one now. Two who claim at once do not both get one."""
    rows = session.exec_driver_sql(
        "insert into app.chain_head (company_id) select unnest(%s::bigint[]) on conflict do nothing returning company_id",
        (arrays.plain(sorted(companies)),),
    )
    return sorted(row[0] for row in rows)


def add_account(session: Connection, company_id: int, account: NewAccount) -> bool:
    """False where the chart has that code already."""
    added = session.exec_driver_sql(
        "insert into app.account (company_id, code, name, kind, control) values (%s, %s, %s, %s, %s) "
        "on conflict do nothing returning code",
        (company_id, account.code, account.name, account.kind, account.control),
    )
    return added.one_or_none() is not None


def account(session: Connection, company_id: int, code: str, *, lock: bool = False) -> Account | None:
    row = session.exec_driver_sql(
        "select code, name, kind, control, active from app.account where company_id = %s and code = %s"
        + (" for update" if lock else ""),
        (company_id, code),
    ).one_or_none()
    return Account(*row) if row else None


def accounts(session: Connection, company_id: int, codes: Iterable[str]) -> dict[str, Account]:
    """Those accounts, by code; locked against change until the transaction ends."""
    rows = session.exec_driver_sql(
        "select code, name, kind, control, active from app.account where company_id = %s and code = any(%s::text[]) "
        "order by code for share",
        (company_id, arrays.texts(sorted(set(codes)))),
    )
    return {row.code: Account(*row) for row in rows}


def change_account(session: Connection, company_id: int, code: str, name: str, active: bool) -> None:
    session.exec_driver_sql(
        "update app.account set name = %s, active = %s where company_id = %s and code = %s", (name, active, company_id, code)
    )


def list_accounts(company_id: int) -> Select[Any]:
    return select(account_table).where(account_table.c.company_id == company_id)


def roles(session: Connection, company_id: int) -> list[Any]:
    return list(
        session.exec_driver_sql(
            "select r.role, r.account, a.name from app.role r join app.account a "
            "on a.company_id = r.company_id and a.code = r.account where r.company_id = %s order by r.role",
            (company_id,),
        )
    )


def roles_of(session: Connection, company_id: int, code: str) -> list[str]:
    rows = session.exec_driver_sql(
        "select role from app.role where company_id = %s and account = %s order by role", (company_id, code)
    )
    return [row[0] for row in rows]


def lock_role(session: Connection, company_id: int, role: str) -> str | None:
    """The account that fills the role. Locks the chart: no page of entries is posted by it until the transaction ends."""
    session.exec_driver_sql("select 1 from app.chart where company_id = %s for update", (company_id,))
    account: str | None = session.exec_driver_sql(
        "select account from app.role where company_id = %s and role = %s", (company_id, role)
    ).scalar_one_or_none()
    return account


def assign_role(session: Connection, company_id: int, role: str, account: str) -> None:
    session.exec_driver_sql(
        "insert into app.role (company_id, role, account) values (%s, %s, %s) "
        "on conflict (company_id, role) do update set account = excluded.account",
        (company_id, role, account),
    )


def has_postings(session: Connection, company_id: int, code: str) -> bool:
    """Whether anything was ever posted to the account; asks the stored balances."""
    return bool(
        session.exec_driver_sql(
            "select exists (select 1 from app.balance where company_id = %s and account = %s)", (company_id, code)
        ).scalar_one()
    )


_charts: dict[UUID, Chart] = {}
"""Charts by version. A version is random and changes with its chart, so what is kept here can never be out of date."""
CHARTS_KEPT = 5000


def charts(session: Connection, versions: dict[int, UUID]) -> dict[int, Chart]:
    """The charts of companies, each read once a version."""
    unread = [company for company, version in versions.items() if version not in _charts]
    if unread:
        _read_charts(session, unread)
    return {company: _charts[version] for company, version in versions.items()}


def _read_charts(session: Connection, companies: list[int]) -> None:
    if len(_charts) + len(companies) > CHARTS_KEPT:
        _charts.clear()
    # versions are read again, in the same statement as what they stand for
    rows = session.exec_driver_sql(
        "select c.version, array(select role from app.role r where r.company_id = c.company_id order by role), "
        "array(select account from app.role r where r.company_id = c.company_id order by role), "
        "array(select code from app.account a where a.company_id = c.company_id and control = any(%s)) "
        "from app.chart c where c.company_id = any(%s::bigint[])",
        (list(BY_CUSTOMER), arrays.plain(companies)),
    )
    for version, names, filled_by, by_customer in rows:
        _charts[version] = Chart(dict(zip(names, filled_by, strict=True)), frozenset(by_customer))
