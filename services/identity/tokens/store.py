"""Signing keys and what sign-in looks up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from shared.contracts import encode


@dataclass(frozen=True, slots=True)
class SigningKey:
    key_id: str
    private_pem: str


def signing_key(session: Connection, now: datetime) -> SigningKey | None:
    """The newest key that may sign."""
    row = session.exec_driver_sql(
        "select key_id, private_pem from app.signing_key where signs_until > %s order by created_at desc limit 1", (now,)
    ).one_or_none()
    return SigningKey(*row) if row else None


def add_signing_key(
    session: Connection, key_id: str, pem: str, jwk: dict[str, Any], signs_until: datetime, published_until: datetime
) -> None:
    session.exec_driver_sql(
        "insert into app.signing_key (key_id, private_pem, public_jwk, signs_until, published_until) values (%s, %s, %s::jsonb, %s, %s)",
        (key_id, pem, encode(jwk).decode(), signs_until, published_until),
    )


def published_jwks(session: Connection, now: datetime) -> list[dict[str, Any]]:
    rows = session.exec_driver_sql(
        "select public_jwk from app.signing_key where published_until > %s order by created_at desc", (now,)
    )
    return [row[0] for row in rows]
