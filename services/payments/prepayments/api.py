"""Routes of prepayments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy import select

from services.payments.fields import named_invoice
from services.payments.prepayments import store, usecases
from services.payments.prepayments.domain import AskedApplication
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Day, Id, In, MoneyField, Out, RowMoney, Text, lines, one_of
from shared.ids import derived_id

routes = Routes("payments_prepayments", __name__, description="Money of customers that is applied to nothing yet")


class ApplicationIn(In):
    invoice_id = Id("inv")
    invoice_number = Text(100, empty=False)
    amount = MoneyField(required=True, positive=True)
    prepayment_id = Id("ppy", load_default=None, metadata={"description": "the oldest prepayments where it is left out"})

    @validates_schema
    def names_one_invoice(self, data: dict[str, Any], **_: Any) -> None:
        if ("invoice_id" in data) == ("invoice_number" in data):
            raise ValidationError({"invoice_id": ["name one invoice, by invoice_id or by invoice_number"]})


class PrepaymentApplicationIn(In):
    id = Id("pra", metadata={"description": "made by the client, for a safe retry"})
    customer_id = Id("cus", required=True)
    applied_on = Day(required=True, metadata={"description": "the date it counts for in the books; not after today"})
    applications = lines(ApplicationIn, required=True)


class AppliedOut(Out):
    id = fields.String(required=True)
    prepayment_id = fields.String(required=True)
    receipt_id = fields.String(required=True)
    invoice_id = fields.String(required=True)
    invoice_number = fields.String(allow_none=True)
    amount = RowMoney(required=True)
    live = RowMoney(
        required=True, metadata={"description": "what still counts: less what was displaced, zero once the receipt is void"}
    )


class PrepaymentApplicationSummaryOut(Out):
    id = fields.String(required=True)
    customer_id = fields.String(required=True)
    applied_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    amount = RowMoney(required=True)
    entry_id = fields.String(required=True)
    created_by = fields.String(required=True)


class PrepaymentApplicationOut(PrepaymentApplicationSummaryOut):
    applications = fields.List(fields.Nested(AppliedOut), required=True)


class PrepaymentAppliedOut(PrepaymentApplicationOut):
    remaining = RowMoney(
        metadata={"description": "what is left of the customer's prepayments in this currency; only where it was just applied"}
    )


class PrepaymentOut(Out):
    id = fields.String(required=True)
    receipt_id = fields.String(required=True)
    customer_id = fields.String(required=True)
    origin = fields.String(required=True, validate=one_of("line", "overpayment", "displacement"))
    amount = RowMoney(required=True)
    remaining = RowMoney(required=True)
    posting_on = fields.Date(required=True)
    entry_id = fields.String(required=True)


class PrepaymentBalanceOut(Out):
    customer_id = fields.String(required=True)
    customer_code = fields.String(allow_none=True)
    customer_name = fields.String(allow_none=True)
    remaining = RowMoney(required=True)
    prepayments = fields.Integer(required=True, metadata={"description": "how many hold something"})


class PrepaymentQuery(ListQuery):
    customer_id = Id("cus", load_default=None)
    available = fields.Boolean(load_default=None)
    sort = sort_field("posting_on", default="posting_on")


class PrepaymentApplicationQuery(ListQuery):
    customer_id = Id("cus", load_default=None)
    sort = sort_field("applied_on", default="-applied_on")


class BalanceQuery(ListQuery):
    customer_id = Id("cus", load_default=None)
    sort = sort_field("customer_id", default="customer_id")


LISTING = Listing(
    sorts={"posting_on": store.prepayment_balance.c.posting_on},
    key=store.prepayment_balance.c.prepayment_id,
    filters={
        "customer_id": lambda wanted: store.prepayment_balance.c.customer_id == wanted,
        "available": store.available,
    },
)
APPLICATIONS = Listing(
    sorts={"applied_on": store.prepayment_application.c.applied_on},
    key=store.prepayment_application.c.id,
    filters={"customer_id": lambda wanted: store.prepayment_application.c.customer_id == wanted},
)


def asked_application(body: Mapping[str, Any]) -> AskedApplication:
    return AskedApplication(named_invoice(body), body["amount"], body["prepayment_id"])


@routes.get("/prepayments", permission="payments.prepayment.read")
@routes.arguments(PrepaymentQuery, location="query")
@routes.response(200, page_of(PrepaymentOut))
def list_prepayments(query: dict[str, Any]) -> dict[str, Any]:
    """Prepayments one by one, oldest first: what came in, what remains"""
    page = LISTING.page(ctx().session, store.all_prepayments(ctx().company_id), query)
    return {**page, "items": [{**row, "entry_id": derived_id("je", row["event_id"])} for row in page["items"]]}


@routes.get("/prepayment-balances", permission="payments.prepayment.read")
@routes.arguments(BalanceQuery, location="query")
@routes.response(200, page_of(PrepaymentBalanceOut))
def list_prepayment_balances(query: dict[str, Any]) -> dict[str, Any]:
    """What remains of prepayments per customer and currency"""
    balance = store.balances(ctx().company_id)
    listing = Listing(
        sorts={"customer_id": balance.c.customer_id},
        key=balance.c.currency,
        filters={"customer_id": lambda wanted: balance.c.customer_id == wanted},
    )
    return listing.page(ctx().session, select(balance), query)


@routes.get("/prepayment-applications", permission="payments.prepayment.read")
@routes.arguments(PrepaymentApplicationQuery, location="query")
@routes.response(200, page_of(PrepaymentApplicationSummaryOut))
def list_prepayment_applications(query: dict[str, Any]) -> dict[str, Any]:
    """What was applied from prepayments"""
    page = APPLICATIONS.page(ctx().session, store.all_applications(ctx().company_id), query)
    return {**page, "items": [{**row, "entry_id": derived_id("je", row["event_id"])} for row in page["items"]]}


@routes.post("/prepayment-applications", permission="payments.prepayment.apply", money=True)
@routes.arguments(PrepaymentApplicationIn())  # an instance: a class is made into one again for every request
@routes.response(201, PrepaymentAppliedOut)
@routes.alt_response(200, schema=PrepaymentAppliedOut, description="what was made under this id before", success=True)
def apply_prepayments(body: dict[str, Any]) -> Any:
    """Apply a customer's prepayments to invoices, the oldest first where none is named"""
    asked = [asked_application(each) for each in body["applications"]]
    made, new = usecases.apply_prepayments(ctx(), body["customer_id"], body["applied_on"], asked, body.get("id"))
    return made, 201 if new else 200


@routes.get("/prepayment-applications/<prepayment_application_id>", permission="payments.prepayment.read")
@routes.response(200, PrepaymentApplicationOut)
def get_prepayment_application(prepayment_application_id: str) -> dict[str, Any]:
    """One application of prepayments with its parts"""
    return usecases.get_prepayment_application(ctx(), prepayment_application_id)
