"""Deposit groups over HTTP."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.banking.deposit_groups import store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import ListQuery, page_of, sort_field
from shared.http.schemas import Id, In, Out, Text

routes = Routes("banking_deposit_groups", __name__, description="Deposit groups batch receipts into deposits")


class DepositGroupIn(In):
    id = Id("dgr", load_default=None)
    description = Text(100, required=True, empty=False)


class DepositGroupOut(Out):
    id = fields.String(required=True)
    description = fields.String(required=True)


class DepositGroupQuery(ListQuery):
    sort = sort_field("description", default="description")


@routes.post("/deposit-groups", permission="banking.deposit_group.write")
@routes.arguments(DepositGroupIn)
@routes.response(201, DepositGroupOut)
@routes.alt_response(200, schema=DepositGroupOut, description="the group that was made under this id before", success=True)
def create_deposit_group(body: dict[str, Any]) -> Any:
    """Create a deposit group"""
    made, new = usecases.create_deposit_group(ctx(), body["description"], body["id"])
    return made, 201 if new else 200


@routes.get("/deposit-groups", permission="banking.deposit_group.read")
@routes.arguments(DepositGroupQuery, location="query")
@routes.response(200, page_of(DepositGroupOut))
def deposit_groups(query: dict[str, Any]) -> dict[str, Any]:
    """Deposit groups by description"""
    return store.page(ctx().session, ctx().company_id, query)
