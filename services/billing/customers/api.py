"""Routes of customers."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.billing.customers import store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Currency, Id, In, Out, Text

routes = Routes("billing_customers", __name__, description="Customers")

LISTING = Listing(
    sorts={"name": store.customer.c.name, "code": store.customer.c.code},
    key=store.customer.c.id,
    filters={
        "q": store.found,
        "active": lambda value: store.customer.c.active == value,
        "code": lambda value: store.customer.c.code == value,
    },
)


class CustomerContent(In):
    name = Text(200, required=True, empty=False)
    currency = Currency(metadata={"description": "of its invoices where they say nothing else; the company's by default"})
    terms_id = Id("trm", allow_none=True, metadata={"description": "null: the company's default terms"})
    email = fields.Email(validate=validate.Length(max=254))
    phone = Text(50)
    address = Text(1000, multiline=True)
    notes = Text(5000, multiline=True)
    active = fields.Boolean()


class CustomerIn(CustomerContent):
    id = Id("cus", metadata={"description": "made by the client, for a safe retry"})
    code = Text(40, empty=False, metadata={"description": "the next of a series where none is given"})


class CustomerChangeIn(CustomerContent):
    code = Text(40, required=True, empty=False)
    version = fields.Integer(strict=True, required=True)


class CustomerOut(Out):
    id = fields.String(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    currency = fields.String(required=True)
    terms_id = fields.String(allow_none=True)
    email = fields.String(required=True)
    phone = fields.String(required=True)
    address = fields.String(required=True)
    notes = fields.String(required=True)
    active = fields.Boolean(required=True)
    version = fields.Integer(required=True)
    created_at = fields.DateTime(required=True)


class CustomerQuery(ListQuery):
    sort = sort_field("name", "code", default="name")
    q = Text(
        100,
        load_default=None,
        empty=False,
        metadata={"description": "part of a code, a name or an email, or a whole invoice number"},
    )
    code = Text(40, load_default=None)
    active = fields.Boolean(load_default=None)


@routes.get("/customers", permission="billing.customer.read")
@routes.arguments(CustomerQuery, location="query")
@routes.response(200, page_of(CustomerOut))
def list_customers(query: dict[str, Any]) -> Any:
    """Customers, also by a search"""
    return LISTING.page(ctx().session, store.all_customers(ctx().company_id), query)


@routes.post("/customers", permission="billing.customer.write")
@routes.arguments(CustomerIn)
@routes.response(201, CustomerOut)
@routes.alt_response(200, schema=CustomerOut, description="the customer that was made under this id before", success=True)
def create_customer(body: dict[str, Any]) -> Any:
    """Add a customer"""
    made, new = usecases.create_customer(ctx(), body)
    return made, 201 if new else 200


@routes.get("/customers/<customer_id>", permission="billing.customer.read")
@routes.response(200, CustomerOut)
def get_customer(customer_id: str) -> Any:
    """A customer by id"""
    return usecases.get_customer(ctx(), customer_id)


@routes.put("/customers/<customer_id>", permission="billing.customer.write")
@routes.arguments(CustomerChangeIn)
@routes.response(200, CustomerOut)
def change_customer(body: dict[str, Any], customer_id: str) -> Any:
    """Change a customer; `version` is the one that was read"""
    return usecases.change_customer(ctx(), customer_id, body)
