"""The tables of API keys and of the hashes of their secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import BigInteger, Column, Connection, Date, DateTime, LargeBinary, MetaData, Select, Table, Text, select

from shared.http.paging import Listing

api_key = Table(
    "api_key",
    MetaData(),
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_on", Date),
    Column("revoked_at", DateTime(timezone=True)),
    Column("valid_after", DateTime(timezone=True)),
    schema="app",
)

api_key_secret = Table(
    "api_key_secret",
    api_key.metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("api_key_id", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    schema="app",
)

listing = Listing(
    sorts={"name": api_key.c.name, "created_at": api_key.c.created_at},
    key=api_key.c.id,
    filters={
        "role": lambda role: api_key.c.role == role,
        "revoked": lambda revoked: api_key.c.revoked_at.is_not(None) if revoked else api_key.c.revoked_at.is_(None),
    },
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    name: str
    role: str
    created_at: datetime
    expires_on: date | None
    revoked_at: datetime | None


_COLUMNS = "id, name, role, created_at, expires_on, revoked_at"


def keys(company_id: int) -> Select[tuple[object, ...]]:
    column = api_key.c
    return select(column.id, column.name, column.role, column.created_at, column.expires_on, column.revoked_at).where(
        column.company_id == company_id
    )


def add(
    session: Connection, company_id: int, id: str, name: str, role: str, secret_hash: bytes, expires_on: date | None
) -> ApiKey:
    row = session.exec_driver_sql(
        f"insert into app.api_key (company_id, id, name, role, expires_on) values (%s, %s, %s, %s, %s) returning {_COLUMNS}",
        (company_id, id, name, role, expires_on),
    ).one()
    session.exec_driver_sql(
        "insert into app.api_key_secret (company_id, api_key_id, hash) values (%s, %s, %s)", (company_id, id, secret_hash)
    )
    return ApiKey(*row)


def of_for_update(session: Connection, company_id: int, id: str) -> ApiKey | None:
    """The key, which is exchanged for no token until this transaction has ended."""
    row = session.exec_driver_sql(
        f"select {_COLUMNS} from app.api_key where company_id = %s and id = %s for update", (company_id, id)
    ).one_or_none()
    return ApiKey(*row) if row else None


def revoke(session: Connection, company_id: int, id: str) -> datetime:
    """The row must be locked. Returns valid_after."""
    valid_after: datetime = session.exec_driver_sql(
        "update app.api_key set revoked_at = clock_timestamp(), valid_after = app.withdrawn_at(valid_after) "
        "where company_id = %s and id = %s returning valid_after",
        (company_id, id),
    ).scalar_one()
    return valid_after
