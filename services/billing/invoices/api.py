"""Routes of invoices."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.billing.fields import DecimalText
from services.billing.invoices import store, usecases
from services.billing.receivables.api import PostingOut
from services.billing.receivables.store import open_item
from shared.context import Context
from shared.http.auth import PermissionMissing
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Currency, Day, Id, In, MoneyField, Out, RowMoney, Text, lines, one_of

routes = Routes("billing_invoices", __name__, description="Invoices: drafted, issued, voided")

ISSUE = "billing.invoice.issue"
MAY_ISSUE = frozenset({ISSUE, "billing.invoice.*", "billing.*", "*"})

LISTING = Listing(
    sorts={"issued_on": store.invoice.c.issued_on, "created_at": store.invoice.c.created_at},
    key=store.invoice.c.id,
    filters={
        "customer_id": lambda value: store.invoice.c.customer_id == value,
        "number": lambda value: store.invoice.c.number == value,
        "currency": lambda value: store.invoice.c.currency == value,
        "state": store.in_state,
        "from_": lambda value: store.invoice.c.issued_on >= value,
        "to": lambda value: store.invoice.c.issued_on <= value,
        "open": lambda value: open_item.c.balance != 0 if value else open_item.c.balance == 0,
    },
)


class LineIn(In):
    description = Text(500, required=True, empty=False)
    quantity = DecimalText(required=True, above="0")
    unit_price = DecimalText(required=True, least="0", metadata={"description": 'in major units: "12.50"'})
    discount_percent = DecimalText(least="0", most="100", metadata={"description": "a trade discount of this line"})
    account = Text(
        40, empty=False, allow_none=True, metadata={"description": "ledger account; the role `sales` where none is given"}
    )
    tax_rate = DecimalText(least="0", most="100", metadata={"description": "percent of the line's amount"})


class InvoiceContentIn(In):
    customer_id = Id("cus", required=True)
    currency = Currency(metadata={"description": "the customer's by default"})
    issued_on = Day(metadata={"description": "the invoice's date; today by default"})
    due_on = Day(metadata={"description": "by the terms where it is not given"})
    terms_id = Id("trm", metadata={"description": "the customer's by default, else the company's"})
    customer_reference = Text(100, metadata={"description": "the customer's own order number"})
    notes = Text(5000, multiline=True)
    freight = MoneyField(at_least_zero=True, metadata={"description": "bears no tax"})
    lines = lines(LineIn, required=True)


class InvoiceIn(InvoiceContentIn):
    id = Id("inv", metadata={"description": "made by the client, for a safe retry"})
    issue = fields.Boolean(load_default=False, metadata={"description": f"issues it at once; needs {ISSUE}"})
    number = Text(60, empty=False, metadata={"description": "a number from outside; the next of the company's series by default"})


class InvoiceChangeIn(InvoiceContentIn):
    version = fields.Integer(strict=True, required=True)


class IssueIn(In):
    number = Text(60, empty=False)


class VoidIn(In):
    voided_on = Day(metadata={"description": "today by default; not before the invoice's date nor any posting on it"})
    reason = Text(500, required=True, empty=False)


class LineOut(Out):
    line = fields.Integer(required=True)
    description = fields.String(required=True)
    quantity = DecimalText(required=True)
    unit_price = DecimalText(required=True)
    discount_percent = DecimalText(required=True)
    account = fields.String(allow_none=True)
    tax_rate = DecimalText(required=True)
    amount = RowMoney(required=True)
    tax = RowMoney(required=True)


class InvoiceRowOut(Out):
    id = fields.String(required=True)
    number = fields.String(allow_none=True)
    series = fields.String(allow_none=True)
    state = fields.String(required=True, metadata={"enum": ["draft", "issued", "void"]})
    payment_state = fields.String(allow_none=True, metadata={"enum": ["unpaid", "partly_paid", "paid", None]})
    overdue = fields.Boolean(required=True)
    customer_id = fields.String(required=True)
    customer_code = fields.String(required=True)
    customer_name = fields.String(required=True)
    currency = fields.String(required=True)
    issued_on = fields.Date(required=True)
    due_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    terms_id = fields.String(allow_none=True)
    customer_reference = fields.String(required=True)
    total = RowMoney(required=True)
    balance = RowMoney(
        allow_none=True, metadata={"description": "null for a draft; below zero where more is applied than is owed"}
    )
    version = fields.Integer(required=True)


class VoidOut(Out):
    voided_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    reason = fields.String(required=True)
    event_id = fields.String(required=True)
    voided_by = fields.String(required=True)
    voided_at = fields.DateTime(required=True)


class InvoiceOut(InvoiceRowOut):
    notes = fields.String(required=True)
    lines_total = RowMoney(required=True)
    freight = RowMoney(required=True)
    tax = RowMoney(required=True)
    lines = fields.List(fields.Nested(LineOut), required=True)
    postings = fields.List(fields.Nested(PostingOut), metadata={"description": "in the sub-ledger, with their journal entries"})
    settled_on = fields.Date(allow_none=True, metadata={"description": "since when nothing is owed"})
    void = fields.Nested(VoidOut, allow_none=True)


class InvoiceQuery(ListQuery):
    sort = sort_field("issued_on", "created_at", default="-issued_on")
    customer_id = Id("cus", load_default=None)
    number = Text(60, load_default=None)
    currency = Currency(load_default=None)
    state = fields.String(load_default=None, validate=one_of("draft", "issued", "void"))
    open = fields.Boolean(load_default=None, metadata={"description": "whether there is a balance"})
    from_ = Day(load_default=None, data_key="from")
    to = Day(load_default=None)


class DeleteQuery(In):
    version = fields.Integer(required=True)


@routes.get("/invoices", permission="billing.invoice.read")
@routes.arguments(InvoiceQuery, location="query")
@routes.response(200, page_of(InvoiceRowOut))
def list_invoices(query: dict[str, Any]) -> Any:
    """Invoices of every state"""
    page = LISTING.page(ctx().session, store.all_invoices(ctx().company_id), query)
    return {**page, "items": [usecases.with_derived(ctx(), row) for row in page["items"]]}


@routes.post("/invoices", permission="billing.invoice.create", money=True)
@routes.arguments(InvoiceIn())  # an instance: a class is made into one again for every request
@routes.response(201, InvoiceOut)
@routes.alt_response(200, schema=InvoiceOut, description="the invoice that was made under this id before", success=True)
def create_invoice(body: dict[str, Any]) -> Any:
    """Draft an invoice, or issue it at once"""
    if body["issue"]:
        _require_issue(ctx())
    made, new = usecases.create_invoice(ctx(), body)
    return made, 201 if new else 200


@routes.get("/invoices/<invoice_id>", permission="billing.invoice.read")
@routes.response(200, InvoiceOut)
def get_invoice(invoice_id: str) -> Any:
    """An invoice with its lines, its postings and what follows from them"""
    return usecases.get_invoice(ctx(), invoice_id)


@routes.put("/invoices/<invoice_id>", permission="billing.invoice.create")
@routes.arguments(InvoiceChangeIn)
@routes.response(200, InvoiceOut)
def change_draft(body: dict[str, Any], invoice_id: str) -> Any:
    """Change a draft; `version` is the one that was read"""
    return usecases.change_draft(ctx(), invoice_id, body)


@routes.delete("/invoices/<invoice_id>", permission="billing.invoice.create")
@routes.arguments(DeleteQuery, location="query")
@routes.response(204)
def delete_draft(query: dict[str, Any], invoice_id: str) -> None:
    """Delete a draft"""
    usecases.delete_draft(ctx(), invoice_id, query["version"])


@routes.post("/invoices/<invoice_id>/issue", permission=ISSUE, money=True)
@routes.arguments(IssueIn)
@routes.response(200, InvoiceOut)
def issue_invoice(body: dict[str, Any], invoice_id: str) -> Any:
    """Issue a draft: it gets its number and never changes again"""
    return usecases.issue_invoice(ctx(), invoice_id, body.get("number"))


@routes.post("/invoices/<invoice_id>/void", permission="billing.invoice.void", money=True)
@routes.arguments(VoidIn)
@routes.response(200, InvoiceOut)
def void_invoice(body: dict[str, Any], invoice_id: str) -> Any:
    """Void an issued invoice to which no money is applied"""
    return usecases.void_invoice(ctx(), invoice_id, body)


def _require_issue(context: Context) -> None:
    if not context.permissions & MAY_ISSUE:
        raise PermissionMissing(permission=ISSUE)
