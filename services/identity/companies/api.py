"""Routes of companies."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.identity.companies import store, usecases
from services.identity.people.api import email_field, password_field
from shared.http.edge import Routes, ctx
from shared.http.schemas import In, Out, Text

routes = Routes("identity_companies", __name__, description="Companies: name, time zone, currency")


class OwnerIn(In):
    email = email_field(required=True)
    name = Text(200, required=True, empty=False)
    password = password_field(required=True)


class CompanyIn(In):
    name = Text(200, required=True, empty=False)
    time_zone = Text(64, required=True, metadata={"example": "America/New_York"})
    currency = Text(3, required=True, metadata={"example": "USD"})
    owner = fields.Nested(OwnerIn, load_default=None, metadata={"description": "the first person, who may do everything"})


class CompanyChange(In):
    name = Text(200, empty=False)
    time_zone = Text(64)


class CompanyOut(Out):
    company_id = fields.Integer(required=True)
    name = fields.String(required=True)
    time_zone = fields.String(required=True)
    currency = fields.String(required=True)
    created_at = fields.DateTime(required=True)


@routes.post("/companies", permission="identity.company.create", installation=True)
@routes.arguments(CompanyIn)
@routes.response(201, CompanyOut)
def create_company(body: dict[str, Any]) -> store.Company:
    """Create a company; for the administrator of the installation"""
    return usecases.found_company(ctx(), **body)


@routes.get("/companies/<int:company_id>", permission="identity.company.read")
@routes.response(200, CompanyOut)
def company(company_id: int) -> store.Company:
    """Your company"""
    return usecases.own_company(ctx(), company_id)


@routes.patch("/companies/<int:company_id>", permission="identity.company.change")
@routes.arguments(CompanyChange)
@routes.response(200, CompanyOut)
def change_company(body: dict[str, Any], company_id: int) -> store.Company:
    """Change your company's name or time zone; its currency never changes"""
    return usecases.change_company(ctx(), company_id, **body)
