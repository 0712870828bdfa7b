"""Sign-in and the published keys."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from services.identity.people.api import email_field, password_field
from services.identity.signing_keys.usecases import keys_to_publish
from services.identity.tokens import usecases
from shared.http.edge import Routes, ctx
from shared.http.schemas import In, Out

routes = Routes("identity_tokens", __name__, description="Tokens and the keys that they are checked with")


class SignIn(In):
    email = email_field()
    password = password_field()
    api_key = fields.String(metadata={"format": "password"}, validate=lambda key: len(key) <= 200)

    @validates_schema(skip_on_field_errors=True)
    def one_way(self, given: dict[str, Any], **_: Any) -> None:
        if set(given) not in ({"email", "password"}, {"api_key"}):
            raise ValidationError("send either email and password, or api_key")


class TokenOut(Out):
    token = fields.String(required=True)
    expires_in_s = fields.Integer(required=True)
    company_id = fields.Integer(required=True)
    permissions = fields.List(fields.String(), required=True)


class JwksOut(Out):
    keys = fields.List(fields.Dict(), required=True)


@routes.post("/tokens", permission=None)
@routes.arguments(SignIn)
@routes.response(200, TokenOut)
def sign_in(body: dict[str, Any]) -> usecases.Minted:
    """Sign in with e-mail address and password, or exchange an API key"""
    return usecases.exchange_api_key(ctx(), **body) if "api_key" in body else usecases.sign_in(ctx(), **body)


@routes.get("/jwks", permission=None)
@routes.response(200, JwksOut)
def jwks() -> dict[str, Any]:
    """The public keys that tokens are checked with"""
    return {"keys": keys_to_publish(ctx().session)}
