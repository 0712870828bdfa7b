"""Routes of invoices that can be paid."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.payments.invoices import store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Day, Id, Out, RowMoney, Text

routes = Routes("payments_invoices", __name__, description="Invoices as payments knows them: what is applied and what is open")


class OpenInvoiceOut(Out):
    invoice_id = fields.String(required=True)
    invoice_number = fields.String(required=True)
    customer_id = fields.String(required=True)
    customer_code = fields.String(allow_none=True)
    customer_name = fields.String(allow_none=True)
    issued_on = fields.Date(required=True)
    due_on = fields.Date(required=True)
    total = RowMoney(required=True)
    applied = RowMoney(required=True)
    open = RowMoney(required=True)


class InvoiceApplicationOut(Out):
    id = fields.String(required=True)
    receipt_id = fields.String(required=True)
    payer_name = fields.String(required=True)
    check_number = fields.String(required=True)
    prepayment_id = fields.String(allow_none=True, metadata={"description": "the prepayment whose money was applied"})
    amount = RowMoney(required=True)
    live = RowMoney(
        required=True, metadata={"description": "what still counts: less what was displaced, zero once the receipt is void"}
    )
    posting_on = fields.Date(required=True)
    entry_id = fields.String(required=True)


class InvoiceOut(OpenInvoiceOut):
    voided = fields.Boolean(required=True)
    applications = fields.List(fields.Nested(InvoiceApplicationOut), required=True)


class OpenInvoiceQuery(ListQuery):
    customer_id = Id("cus", load_default=None)
    invoice_number = Text(100, load_default=None)
    due_until = Day(load_default=None)
    sort = sort_field("due_on", default="due_on")


LISTING = Listing(
    sorts={"due_on": store.open_invoice.c.due_on},
    key=store.open_invoice.c.invoice_id,
    filters={
        "customer_id": lambda wanted: store.open_invoice.c.customer_id == wanted,
        "invoice_number": lambda wanted: store.invoice.c.number == wanted,
        "due_until": lambda wanted: store.open_invoice.c.due_on <= wanted,
    },
)


@routes.get("/open-invoices", permission="payments.receipt.read")
@routes.arguments(OpenInvoiceQuery, location="query")
@routes.response(200, page_of(OpenInvoiceOut))
def list_open_invoices(query: dict[str, Any]) -> dict[str, Any]:
    """Invoices that money can be applied to, by due date"""
    return LISTING.page(ctx().session, store.payable(ctx().company_id), query)


@routes.get("/invoices/<invoice_id>", permission="payments.receipt.read")
@routes.response(200, InvoiceOut)
def get_invoice(invoice_id: str) -> dict[str, Any]:
    """One invoice with all that was applied to it"""
    return usecases.get_invoice(ctx(), invoice_id)
