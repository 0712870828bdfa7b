"""The route by which an administrator replaces keys that got into wrong hands."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.identity.signing_keys import usecases
from shared.http.edge import Routes, ctx
from shared.http.schemas import Out

routes = Routes("identity_signing_keys", __name__, description="Keys that tokens are signed with")


class ReplacedOut(Out):
    keys = fields.List(fields.Dict(), required=True)


@routes.post("/signing-keys/replace", permission="identity.signing_key.replace", installation=True)
@routes.response(200, ReplacedOut)
def replace_all_keys() -> dict[str, Any]:
    """Replace every signing key at once; all tokens end within five minutes"""
    usecases.replace_all_keys(ctx().session)
    return {"keys": usecases.keys_to_publish(ctx().session)}
