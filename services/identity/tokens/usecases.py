"""Tokens: five minutes long, for a person or an API key, with the permissions of its role."""

from __future__ import annotations

from dataclasses import dataclass

import jwt
from sqlalchemy import Connection

from services.identity.api_keys.domain import secret_fits
from services.identity.people.domain import password_fits
from services.identity.signing_keys.usecases import signing_key
from services.identity.tokens import failures, store
from shared.context import Context
from shared.contracts import Origin
from shared.errors import Unauthenticated
from shared.http.auth import AUDIENCE, ISSUER, TOKEN_LIFE_S


class SignInRefused(Unauthenticated):
    """E-mail address and password, or the API key, are not right."""

    code = "sign-in-refused"
    keeps_what_was_written = True


@dataclass(frozen=True, slots=True)
class Minted:
    token: str
    expires_in_s: int
    company_id: int
    permissions: list[str]


def mint_token(session: Connection, principal: str, company_id: int, permissions: list[str], origin: Origin = "live") -> str:
    """A token for `principal` with these permissions, good for TOKEN_LIFE_S seconds.

    By the database's clock, never a moved one: a token is about real seconds, and all replicas share it. It begins in
    whole seconds, never before the principal's `valid_after`; see README, "Withdrawn tokens".
    """
    now, issued_at = store.token_begins(session, company_id, principal)
    key = signing_key(session, now)
    begins = int(issued_at.timestamp())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": principal,
        "cid": company_id,
        "perms": permissions,
        "origin": origin,
        "iat": begins,
        "exp": begins + TOKEN_LIFE_S,
    }
    return jwt.encode(claims, key.private_pem, algorithm="EdDSA", headers={"kid": key.key_id})


def sign_in(ctx: Context, email: str, password: str) -> Minted:
    """A token for a person. An unknown address, a wrong password and an inactive person are refused alike.

    Raises SignInRefused, TooManySignIns.
    """
    email = email.lower()
    failures.refuse_if_too_many(ctx, email)
    person = store.person_to_sign_in(ctx.session, email)
    if not password_fits(person.hash if person else None, password) or person is None:
        failures.count(ctx, email)
        raise SignInRefused()
    return _minted(ctx, person.company_id, person.id, person.role)


def exchange_api_key(ctx: Context, api_key: str) -> Minted:
    """A token for an API key that is not revoked and not expired. Raises SignInRefused, TooManySignIns."""
    id, _, secret = api_key.partition(".")
    failures.refuse_if_too_many(ctx, id)
    key = store.key_to_exchange(ctx.session, id)
    if not secret_fits(key.secret_hash if key else None, secret) or key is None:
        failures.count(ctx, id)
        raise SignInRefused()
    if key.expires_on is not None and ctx.clock.today(key.time_zone) > key.expires_on:
        raise SignInRefused("the API key has expired")
    return _minted(ctx, key.company_id, key.id, key.role)


def _minted(ctx: Context, company_id: int, principal: str, role: str) -> Minted:
    permissions, origin = store.permissions_of(ctx.session, company_id, role)
    token = mint_token(ctx.session, principal, company_id, permissions, "demo" if origin == "demo" else "live")
    return Minted(token, TOKEN_LIFE_S, company_id, permissions)
