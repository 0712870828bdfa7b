"""Routes of terms."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.billing.fields import DecimalText
from services.billing.terms import store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Id, In, Out, Text, one_of

routes = Routes("billing_terms", __name__, description="Terms of payment: by which rule an invoice is due")

LISTING = Listing(
    sorts={"description": store.terms.c.description},
    key=store.terms.c.id,
    filters={"active": lambda value: store.terms.c.active == value},
)


class TermsContent(In):
    description = Text(100, required=True, empty=False)
    kind = fields.String(required=True, validate=one_of("net_days", "day_of_month", "on_receipt"))
    days = fields.Integer(strict=True, allow_none=True, validate=validate.Range(0, 3650))
    day = fields.Integer(strict=True, allow_none=True, validate=validate.Range(1, 31))
    cutoff_days = fields.Integer(strict=True, allow_none=True, validate=validate.Range(0, 31))
    months_to_add = fields.Integer(strict=True, allow_none=True, validate=validate.Range(0, 24))
    discount_enabled = fields.Boolean()
    discount_days = fields.Integer(strict=True, validate=validate.Range(0, 3650))
    discount_percent = DecimalText(least="0", most="100")
    is_default = fields.Boolean()
    active = fields.Boolean()


class TermsIn(TermsContent):
    id = Id("trm", metadata={"description": "made by the client, for a safe retry"})


class TermsChangeIn(TermsContent):
    version = fields.Integer(strict=True, required=True)


class TermsOut(Out):
    id = fields.String(required=True)
    description = fields.String(required=True)
    kind = fields.String(required=True)
    days = fields.Integer(allow_none=True)
    day = fields.Integer(allow_none=True)
    cutoff_days = fields.Integer(allow_none=True)
    months_to_add = fields.Integer(allow_none=True)
    discount_enabled = fields.Boolean(required=True)
    discount_days = fields.Integer(required=True)
    discount_percent = DecimalText(required=True)
    is_default = fields.Boolean(required=True)
    active = fields.Boolean(required=True)
    version = fields.Integer(required=True)


class TermsQuery(ListQuery):
    sort = sort_field("description", default="description")
    active = fields.Boolean(load_default=None)


@routes.get("/terms", permission="billing.terms.read")
@routes.arguments(TermsQuery, location="query")
@routes.response(200, page_of(TermsOut))
def list_terms(query: dict[str, Any]) -> Any:
    """Terms of the company"""
    return LISTING.page(ctx().session, store.all_terms(ctx().company_id), query)


@routes.post("/terms", permission="billing.terms.write")
@routes.arguments(TermsIn)
@routes.response(201, TermsOut)
@routes.alt_response(200, schema=TermsOut, description="the terms that were made under this id before", success=True)
def create_terms(body: dict[str, Any]) -> Any:
    """Add terms"""
    made, new = usecases.create_terms(ctx(), body)
    return made, 201 if new else 200


@routes.get("/terms/<terms_id>", permission="billing.terms.read")
@routes.response(200, TermsOut)
def get_terms(terms_id: str) -> Any:
    """Terms by id"""
    return usecases.get_terms(ctx(), terms_id)


@routes.put("/terms/<terms_id>", permission="billing.terms.write")
@routes.arguments(TermsChangeIn)
@routes.response(200, TermsOut)
def change_terms(body: dict[str, Any], terms_id: str) -> Any:
    """Change terms; invoices that exist keep their due dates"""
    return usecases.change_terms(ctx(), terms_id, body)
