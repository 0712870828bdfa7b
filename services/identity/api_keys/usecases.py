"""API keys: how a program signs in. The secret is told once; only its hash is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.identity.api_keys import domain, store
from services.identity.roles.usecases import role_to_grant
from shared.context import Context
from shared.contracts.identity import PrincipalChanged
from shared.errors import Faults, Invalid, NotFound
from shared.ids import new_id


class ApiKeyNotFound(NotFound):
    """There is no such API key in this company."""

    code = "api-key-not-found"


class ExpiresTooEarly(Invalid):
    """An API key cannot expire before today."""

    code = "expires-too-early"


@dataclass(frozen=True, slots=True)
class NewKey:
    key: store.ApiKey
    api_key: str
    """The whole key, `<id>.<secret>`, which nobody can tell again."""


def create_api_key(ctx: Context, name: str, role: str, expires_on: date | None = None) -> NewKey:
    """A key for a program, with the permissions of the role; good through `expires_on` in the company's time zone.

    Raises FaultsFound, GrantBeyondOwn.
    """
    with Faults() as faults:
        if expires_on is not None and expires_on < ctx.today():
            faults.add("/expires_on", ExpiresTooEarly())
        role_to_grant(ctx, role, faults)
    id, secret = new_id("apk"), domain.new_secret()
    key = store.add(ctx.session, ctx.company_id, id, name, role, domain.secret_hash(secret), expires_on)
    return NewKey(key, f"{id}.{secret}")


def revoke_api_key(ctx: Context, id: str) -> store.ApiKey:
    """The key gets no token any more, and those it got are withdrawn; again changes nothing. Raises ApiKeyNotFound."""
    key = store.of_for_update(ctx.session, ctx.company_id, id)
    if key is None:
        raise ApiKeyNotFound()
    if key.revoked_at is None:
        valid_after = store.revoke(ctx.session, ctx.company_id, id)
        ctx.state(PrincipalChanged(principal=id, valid_after=valid_after), subject=id)
        key = store.of_for_update(ctx.session, ctx.company_id, id)
        assert key is not None
    return key
