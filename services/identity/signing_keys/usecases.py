"""Keys that tokens are signed with. Each signs for 30 days, and is published from a day before until a day after."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from sqlalchemy import Connection

from services.identity.signing_keys import store
from shared.ids import new_id

SIGNS_FOR = timedelta(days=30)
PUBLISHED_BEFORE = timedelta(days=1)
PUBLISHED_AFTER = timedelta(days=1)
"""Longer than a token lives and than services keep the keys they fetched."""


def keys_to_publish(session: Connection) -> list[dict[str, Any]]:
    """The keys that are published at this moment."""
    return published_keys(session, store.now(session))


def signing_key(session: Connection, now: datetime) -> store.SigningKey:
    """The key that signs now. Where there is none (a new installation), one is made that signs at once."""
    found = store.signing_key(session, now)
    if found is None:
        store.one_rotation_at_a_time(session)
        found = store.signing_key(session, now) or _add_key(session, now, now)
    return found


def published_keys(session: Connection, now: datetime) -> list[dict[str, Any]]:
    """The public keys, as JWKs, that tokens may be signed with, now or within a day."""
    signing_key(session, now)
    return store.published(session, now)


def rotate_ahead(session: Connection, now: datetime) -> None:
    """Makes the next key a day before it signs, and removes those that no token needs any more.

    Any number of replicas may run this at any time: there is one next key.
    """
    if _next_is_due(session, now):
        store.one_rotation_at_a_time(session)
        if _next_is_due(session, now):
            until = store.signed_for_until(session)
            _add_key(session, now, max(now, until) if until else now)
    store.remove_unpublished(session, now)


def replace_all_keys(session: Connection) -> None:
    """For a private key that got into wrong hands: tokens of every key there was are refused within five minutes, which
    is how long services keep the keys they fetched."""
    store.one_rotation_at_a_time(session)
    key, public = _new_key()
    now = store.now(session)
    store.replace_all(session, key, public, now, now + SIGNS_FOR, now + SIGNS_FOR + PUBLISHED_AFTER)


def _next_is_due(session: Connection, now: datetime) -> bool:
    until = store.signed_for_until(session)
    return until is None or until <= now + PUBLISHED_BEFORE


def _add_key(session: Connection, now: datetime, signs_from: datetime) -> store.SigningKey:
    key, public = _new_key()
    until = signs_from + SIGNS_FOR
    store.add(session, key, public, now, signs_from, until, until + PUBLISHED_AFTER)
    return key


def _new_key() -> tuple[store.SigningKey, dict[str, Any]]:
    """A new key, and what is published of it."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    key = store.SigningKey(new_id("key"), pem)
    public: dict[str, Any] = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return key, public | {"kid": key.key_id, "use": "sig", "alg": "EdDSA"}
