"""Routes of roles and of the permissions they are made of."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.identity.roles import store, usecases
from services.identity.roles.catalogue import PERMISSIONS
from shared.http.edge import Routes, ctx
from shared.http.schemas import In, Out, Text

routes = Routes("identity_roles", __name__, description="Roles: what people and API keys may do")

MOST_PERMISSIONS = 300


def _permissions() -> fields.List[Any]:
    return fields.List(
        Text(100, empty=False),
        required=True,
        validate=validate.Length(1, MOST_PERMISSIONS),
        metadata={"description": "names, or patterns such as billing.* and billing.invoice.*"},
    )


class RoleIn(In):
    name = Text(40, required=True, empty=False)
    permissions = _permissions()


class RoleChange(In):
    permissions = _permissions()


class RoleOut(Out):
    name = fields.String(required=True)
    permissions = fields.List(fields.String(), required=True)
    built_in = fields.Boolean(required=True)


class RoleList(Out):
    items = fields.List(fields.Nested(RoleOut), required=True)


class PermissionList(Out):
    items = fields.List(fields.String(), required=True)


@routes.get("/permissions", permission="identity.role.read")
@routes.response(200, PermissionList)
def permissions() -> dict[str, Any]:
    """Every permission that a role can hold"""
    return {"items": sorted(PERMISSIONS)}


@routes.get("/roles", permission="identity.role.read")
@routes.response(200, RoleList)
def roles() -> dict[str, Any]:
    """The company's roles, the built-in ones first"""
    return {"items": store.every(ctx().session, ctx().company_id)}


@routes.get("/roles/<name>", permission="identity.role.read")
@routes.response(200, RoleOut)
def role(name: str) -> store.Role:
    """One role"""
    return usecases.role_of(ctx(), name)


@routes.post("/roles", permission="identity.role.create")
@routes.arguments(RoleIn)
@routes.response(201, RoleOut)
def create_role(body: dict[str, Any]) -> store.Role:
    """Make a role of the company's own; nobody grants more than they may do"""
    return usecases.create_role(ctx(), **body)


@routes.patch("/roles/<name>", permission="identity.role.change")
@routes.arguments(RoleChange)
@routes.response(200, RoleOut)
def change_role(body: dict[str, Any], name: str) -> store.Role:
    """Change a role's permissions; whoever holds it signs in again"""
    return usecases.change_role(ctx(), name, **body)
