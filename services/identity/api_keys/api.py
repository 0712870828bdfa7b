"""Routes of API keys."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.identity.api_keys import store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import ListQuery, page_of, sort_field
from shared.http.schemas import Day, In, Out, Text

routes = Routes("identity_api_keys", __name__, description="API keys of programs")


class ApiKeyIn(In):
    name = Text(200, required=True, empty=False)
    role = Text(40, required=True, empty=False)
    expires_on = Day(load_default=None, allow_none=True)


class ApiKeyOut(Out):
    id = fields.String(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    expires_on = fields.Date(allow_none=True)
    revoked_at = fields.DateTime(allow_none=True)


class NewKeyOut(Out):
    key = fields.Nested(ApiKeyOut, required=True)
    api_key = fields.String(required=True, metadata={"description": "told this once; exchange it at /tokens"})


class ApiKeysQuery(ListQuery):
    role = Text(40)
    revoked = fields.Boolean()
    sort = sort_field("name", "created_at", default="name")


@routes.post("/api-keys", permission="identity.api_key.create")
@routes.arguments(ApiKeyIn)
@routes.response(201, NewKeyOut)
def create_api_key(body: dict[str, Any]) -> usecases.NewKey:
    """Make a key for a program; its secret is told once"""
    return usecases.create_api_key(ctx(), **body)


@routes.get("/api-keys", permission="identity.api_key.read")
@routes.arguments(ApiKeysQuery, location="query")
@routes.response(200, page_of(ApiKeyOut))
def api_keys(query: dict[str, Any]) -> dict[str, Any]:
    """The company's API keys, without their secrets"""
    return store.listing.page(ctx().session, store.keys(ctx().company_id), query)


@routes.post("/api-keys/<id>/revoke", permission="identity.api_key.revoke")
@routes.response(200, ApiKeyOut)
def revoke_api_key(id: str) -> store.ApiKey:
    """End a key and the tokens that it got"""
    return usecases.revoke_api_key(ctx(), id)
