"""Routes of payment types."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.payments.payment_types import store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Id, In, Out, Text

routes = Routes("payments_payment_types", __name__, description="How money comes in, and where it waits until it is in the bank")


class PaymentTypeIn(In):
    id = Id("pty", metadata={"description": "made by the client, for a safe retry"})
    name = Text(60, required=True, empty=False)
    needs_deposit = fields.Boolean(
        required=True, metadata={"description": "whether its receipts are taken to the bank in deposits"}
    )
    cash_account = Text(
        40,
        load_default=None,
        allow_none=True,
        empty=False,
        metadata={"description": "the clearing account of a type that needs no deposit; null stands for undeposited funds"},
    )
    allows_cash_account_override = fields.Boolean(load_default=False)
    deposit_group = Text(60, load_default=None, allow_none=True, empty=False)
    needs_check_number = fields.Boolean(load_default=False)
    active = fields.Boolean(load_default=True)


class PaymentTypeChange(In):
    version = fields.Integer(required=True, strict=True)
    name = Text(60, empty=False)
    needs_deposit = fields.Boolean()
    cash_account = Text(40, allow_none=True, empty=False)
    allows_cash_account_override = fields.Boolean()
    deposit_group = Text(60, allow_none=True, empty=False)
    needs_check_number = fields.Boolean()
    active = fields.Boolean()


class PaymentTypeOut(Out):
    id = fields.String(required=True)
    name = fields.String(required=True)
    needs_deposit = fields.Boolean(required=True)
    cash_account = fields.String(allow_none=True)
    allows_cash_account_override = fields.Boolean(required=True)
    deposit_group = fields.String(allow_none=True)
    needs_check_number = fields.Boolean(required=True)
    active = fields.Boolean(required=True)
    version = fields.Integer(required=True)


class PaymentTypeQuery(ListQuery):
    active = fields.Boolean(load_default=None)
    sort = sort_field("name", default="name")


LISTING = Listing(
    sorts={"name": store.payment_type.c.name},
    key=store.payment_type.c.id,
    filters={"active": lambda wanted: store.payment_type.c.active == wanted},
)


@routes.get("/payment-types", permission="payments.payment_type.read")
@routes.arguments(PaymentTypeQuery, location="query")
@routes.response(200, page_of(PaymentTypeOut))
def list_payment_types(query: dict[str, Any]) -> dict[str, Any]:
    """The company's payment types"""
    return LISTING.page(ctx().session, store.all_types(ctx().company_id), query)


@routes.post("/payment-types", permission="payments.payment_type.write")
@routes.arguments(PaymentTypeIn)
@routes.response(201, PaymentTypeOut)
@routes.alt_response(200, schema=PaymentTypeOut, description="the payment type that was made under this id before", success=True)
def create_payment_type(body: dict[str, Any]) -> Any:
    """Create a payment type"""
    made, new = usecases.create_payment_type(ctx(), body)
    return made, 201 if new else 200


@routes.get("/payment-types/<payment_type_id>", permission="payments.payment_type.read")
@routes.response(200, PaymentTypeOut)
def get_payment_type(payment_type_id: str) -> Any:
    """One payment type"""
    return usecases.get_payment_type(ctx(), payment_type_id)


@routes.patch("/payment-types/<payment_type_id>", permission="payments.payment_type.write")
@routes.arguments(PaymentTypeChange)
@routes.response(200, PaymentTypeOut)
def change_payment_type(body: dict[str, Any], payment_type_id: str) -> Any:
    """Change a payment type for the receipts from now on"""
    return usecases.change_payment_type(ctx(), payment_type_id, body.pop("version"), body)
