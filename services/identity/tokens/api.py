"""Published keys."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.identity.tokens import usecases
from shared.clock import Clock
from shared.http.edge import Routes, ctx
from shared.http.schemas import Out

routes = Routes("tokens", __name__, description="Tokens and the keys that they are checked with")


class JwksOut(Out):
    keys = fields.List(fields.Dict(), required=True)


@routes.get("/jwks", permission=None)
@routes.response(200, JwksOut)
def jwks() -> dict[str, Any]:
    """The public keys that tokens are checked with"""
    return usecases.published_keys(ctx().session, Clock().now())
