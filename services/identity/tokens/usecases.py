"""Tokens: five minutes long, signed with a key that is published before it signs and after it stopped."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from sqlalchemy import Connection

from services.identity.tokens import store
from shared.clock import Clock
from shared.contracts import Origin
from shared.http.auth import AUDIENCE, ISSUER, TOKEN_LIFE_S
from shared.ids import new_id

SIGNS_FOR = timedelta(days=30)
PUBLISHED_AFTER = timedelta(days=1)


def mint_token(
    session: Connection, principal: str, company_id: int, permissions: list[str], origin: Origin = "live"
) -> str:
    """A token for `principal` with these permissions, good for TOKEN_LIFE_S seconds from now.

    Signed by the machine's clock, never a moved one: a token is about real seconds.
    """
    now = Clock().now()
    key = store.signing_key(session, now) or rotate_signing_key(session)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": principal,
        "cid": company_id,
        "perms": permissions,
        "origin": origin,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + TOKEN_LIFE_S,
    }
    return jwt.encode(claims, key.private_pem, algorithm="EdDSA", headers={"kid": key.key_id})


def rotate_signing_key(session: Connection) -> store.SigningKey:
    """A new key that signs from now on; tokens of the one before stay good, since it is still published."""
    now = Clock().now()
    private = Ed25519PrivateKey.generate()
    key_id = new_id("key")
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public: dict[str, Any] = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    public |= {"kid": key_id, "use": "sig", "alg": "EdDSA"}
    store.add_signing_key(session, key_id, pem, public, now + SIGNS_FOR, now + SIGNS_FOR + PUBLISHED_AFTER)
    return store.SigningKey(key_id, pem)


def published_keys(session: Connection, now: datetime) -> dict[str, Any]:
    """The public keys that tokens may be signed with, as a JWK set; the first one is made when there is none."""
    keys = store.published_jwks(session, now)
    if not keys:
        rotate_signing_key(session)
        keys = store.published_jwks(session, now)
    return {"keys": keys}
