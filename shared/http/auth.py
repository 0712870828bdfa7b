"""Who asks, and what they may: tokens of identity, checked offline with its published keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import jwt
from flask import request

from shared.clock import Clock
from shared.contracts import Origin
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.ids import is_id
from shared.tokens import LEEWAY_S, claims_of

ISSUER = "duebook-identity"
AUDIENCE = "duebook"
TOKEN_LIFE_S = 300
KEYS_KEPT_S = 300
QUIET_S = 2.0
"""How long keys are not fetched again, whatever the last answer was: forged tokens shall not make identity busy."""
WAIT_FOR_KEYS_S = 2.0
"""How long a request waits for keys that another one is fetching."""
REMEMBERED = 4096


class PermissionMissing(Forbidden):
    """The token does not carry the permission that this request needs."""

    code = "permission-missing"


class KeysUnavailable(Unavailable):
    """The keys that tokens are checked with could not be had just now."""

    code = "keys-unavailable"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or an API key, as its token says. `company_id` 0: the installation's administrator."""

    id: str
    company_id: int
    permissions: frozenset[str]
    issued_at: datetime
    expires_at: float
    origin: Origin = "live"
    """What this principal's facts are marked with: those of a demo are never reacted to outwardly."""

    def may(self, permission: str) -> bool:
        """`billing.invoice.issue` is granted by itself, by `billing.invoice.*`, `billing.*` and `*`."""
        if permission in self.permissions or "*" in self.permissions:
            return True
        parts = permission.split(".")
        return any(".".join(parts[:n]) + ".*" in self.permissions for n in range(1, len(parts)))


class TokenChecker:
    """Checks tokens with keys that are fetched when an unknown one is met or the known ones are old.

    A good token is never answered 401 because its key is new: it is checked with the new key, or told to come again.
    """

    def __init__(self, fetch_keys: Callable[[], dict[str, Any]], clock: Clock):
        self.fetch_keys, self.clock = fetch_keys, clock
        self.keys: dict[str, Any] = {}
        self.fetched_at = self.asked_at = -KEYS_KEPT_S * 2.0
        self.lock = Lock()
        self.remembered: dict[str, Principal] = {}
        self.refused: set[str] = set()
        """Keys that were not among those fetched after a token had named them. Its key is published before any token is."""

    def key(self, key_id: str) -> Any:
        """The public key of this id. Raises Unauthenticated, KeysUnavailable."""
        if is_id(key_id, "key") and key_id not in self.refused:
            if key_id not in self.keys or self._old():
                self._fetch_for(key_id)
            found = self.keys.get(key_id)
            if found is not None:
                return found
        raise Unauthenticated("the token is signed with a key that is not published")

    def _old(self) -> bool:
        return time.monotonic() - self.fetched_at > KEYS_KEPT_S

    def _fetch_for(self, key_id: str) -> None:
        """Who knows the key already never waits for another's fetch, and goes on with it where identity is away."""
        if not self.lock.acquire(timeout=0 if key_id in self.keys else WAIT_FOR_KEYS_S):
            if key_id in self.keys:
                return
            raise KeysUnavailable()
        try:
            if key_id not in self.keys or self._old():  # another thread may have fetched them meanwhile
                self._fetch(key_id)
        except KeysUnavailable:
            if key_id not in self.keys:
                raise
        finally:
            self.lock.release()

    def _fetch(self, key_id: str) -> None:
        if time.monotonic() - self.asked_at <= QUIET_S:
            raise KeysUnavailable()
        try:
            found = jwt.PyJWKSet.from_dict(self.fetch_keys())
        except Exception as error:
            raise KeysUnavailable() from error
        finally:
            self.asked_at = time.monotonic()
        self.keys = {str(item.key_id): item.key for item in found.keys}
        self.fetched_at = time.monotonic()
        self.remembered.clear()
        if key_id not in self.keys:
            if len(self.refused) >= REMEMBERED:
                self.refused.clear()
            self.refused.add(key_id)

    def check(self, token: str) -> Principal:
        """The principal of a good token. Raises Unauthenticated, KeysUnavailable."""
        now = self.clock.now()
        known = self.remembered.get(token)
        if known is not None and known.expires_at > now.timestamp() - LEEWAY_S:
            return known
        try:
            key_id = jwt.get_unverified_header(token).get("kid", "")
            claims = claims_of(token, self.key(key_id), "EdDSA", now, audience=AUDIENCE, issuer=ISSUER)
            principal = Principal(
                id=str(claims["sub"]),
                company_id=int(claims["cid"]),
                permissions=frozenset(claims["perms"]),
                issued_at=datetime.fromtimestamp(claims["iat"], UTC),
                expires_at=float(claims["exp"]),
                origin="demo" if claims.get("origin") == "demo" else "live",
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
            raise Unauthenticated(f"the token is not good: {error}") from None
        if len(self.remembered) >= REMEMBERED:
            self.remembered.clear()
        self.remembered[token] = principal
        return principal


def bearer_token() -> str:
    """The token of the request. Raises Unauthenticated where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("send a token: Authorization: Bearer …")
    return token.strip()
