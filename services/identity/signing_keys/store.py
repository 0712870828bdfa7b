"""The table of signing keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, DateTime, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from shared.contracts import encode

ROTATION_LOCK = 7002

signing_key_table = Table(
    "signing_key",
    MetaData(),
    Column("key_id", Text, primary_key=True),
    Column("private_pem", Text, nullable=False),
    Column("public_jwk", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("signs_from", DateTime(timezone=True), nullable=False),
    Column("signs_until", DateTime(timezone=True), nullable=False),
    Column("published_until", DateTime(timezone=True), nullable=False),
    schema="app",
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    key_id: str
    private_pem: str


def now(session: Connection) -> datetime:
    """The database's clock, which all replicas share."""
    instant: datetime = session.exec_driver_sql("select clock_timestamp()").scalar_one()
    return instant


def signing_key(session: Connection, now: datetime) -> SigningKey | None:
    """The newest key that signs now."""
    row = session.exec_driver_sql(
        "select key_id, private_pem from app.signing_key where signs_from <= %(now)s and signs_until > %(now)s "
        "order by signs_from desc, key_id desc limit 1",
        {"now": now},
    ).one_or_none()
    return SigningKey(*row) if row else None


def one_rotation_at_a_time(session: Connection) -> None:
    """Waits for the one who makes a key just now; holds until the transaction has ended."""
    session.exec_driver_sql("select pg_advisory_xact_lock(%s)", (ROTATION_LOCK,))


def signed_for_until(session: Connection) -> datetime | None:
    """The instant up to which there is a key to sign with."""
    until: datetime | None = session.exec_driver_sql("select max(signs_until) from app.signing_key").scalar_one()
    return until


def add(
    session: Connection,
    key: SigningKey,
    jwk: dict[str, Any],
    created_at: datetime,
    signs_from: datetime,
    signs_until: datetime,
    published_until: datetime,
) -> None:
    session.exec_driver_sql(
        "insert into app.signing_key (key_id, private_pem, public_jwk, created_at, signs_from, signs_until, published_until) "
        "values (%s, %s, %s::jsonb, %s, %s, %s, %s)",
        (key.key_id, key.private_pem, encode(jwk).decode(), created_at, signs_from, signs_until, published_until),
    )


def published(session: Connection, now: datetime) -> list[dict[str, Any]]:
    rows = session.exec_driver_sql(
        "select public_jwk from app.signing_key where published_until > %s order by signs_from desc", (now,)
    )
    return [row[0] for row in rows]


def remove_unpublished(session: Connection, now: datetime) -> None:
    session.exec_driver_sql("delete from app.signing_key where published_until <= %s", (now,))


def replace_all(
    session: Connection, key: SigningKey, jwk: dict[str, Any], now: datetime, signs_until: datetime, published_until: datetime
) -> None:
    """Removes every key, adds this one, and leaves an entry in the audit trail."""
    session.exec_driver_sql(
        "select app.replace_signing_keys(%s, %s, %s::jsonb, %s, %s, %s)",
        (key.key_id, key.private_pem, encode(jwk).decode(), now, signs_until, published_until),
    )
