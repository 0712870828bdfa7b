"""Routes of the sub-ledger: open items, aging, customer ledgers, roll-forward."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import msgspec
from flask import Response
from marshmallow import ValidationError, fields, validate

from services.billing.invoices.domain import is_overdue
from services.billing.invoices.usecases import with_entry
from services.billing.receivables import store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Currency, Day, Id, In, MoneyField, Out, RowMoney, one_of

routes = Routes("billing_receivables", __name__, description="Who owes what: open items, aging, ledgers of customers")

LONGEST_AGING_PAGE = 20_000
_MONTH = re.compile(r"^(19|2\d)\d\d-(0[1-9]|1[0-2])$")


class BucketEnds(fields.String):
    """Days at which buckets end: 30,60,90."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        written = super()._deserialize(value, attr, data, **kwargs)
        if not re.fullmatch(r"\d{1,5}(,\d{1,5}){0,23}", written):
            raise ValidationError("must be rising numbers of days separated by commas, such as 30,60,90")
        return [int(part) for part in written.split(",")]


class Month(fields.String):
    """A month, `2026-01`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        written = super()._deserialize(value, attr, data, **kwargs)
        if not _MONTH.match(written):
            raise ValidationError("must be a month such as 2026-01")
        return date.fromisoformat(written + "-01")


class OpenItemQuery(ListQuery):
    sort = sort_field("due_on", "issued_on", "number", default="due_on")
    customer_id = Id("cus", load_default=None)
    currency = Currency(load_default=None)
    overdue = fields.Boolean(load_default=None)
    as_of = Day(load_default=None, metadata={"description": "balances at the end of this day; today by default"})


class OpenItemOut(Out):
    invoice_id = fields.String(required=True)
    number = fields.String(required=True)
    customer_id = fields.String(required=True)
    customer_code = fields.String(required=True)
    customer_name = fields.String(required=True)
    issued_on = fields.Date(required=True)
    due_on = fields.Date(required=True)
    total = RowMoney(required=True)
    balance = RowMoney(required=True, metadata={"description": "below zero where more is applied than is owed"})
    overdue = fields.Boolean(required=True)
    days_overdue = fields.Integer(required=True)


class AgingQuery(In):
    as_of = Day(load_default=None)
    basis = fields.String(load_default="due", validate=one_of("due", "invoice"))
    buckets = BucketEnds(
        load_default=[],
        metadata={"description": "last day of each bucket; 30,60,90 by due date, 30,60,90,120,180 by invoice date"},
    )
    by = fields.String(load_default="total", validate=one_of("total", "customer"))
    currency = Currency(load_default=None)
    limit = fields.Integer(load_default=200, validate=validate.Range(1, LONGEST_AGING_PAGE))
    cursor = fields.String(load_default=None, validate=validate.Length(max=1000))


class AgedOut(Out):
    bucket = fields.String(required=True)
    amount = MoneyField(required=True)
    invoices = fields.Integer(required=True)


class AgingTotalOut(Out):
    currency = fields.String(required=True)
    balance = MoneyField(required=True)
    invoices = fields.Integer(required=True)
    customers = fields.Integer(required=True, metadata={"description": "customers with an open invoice"})
    buckets = fields.List(fields.Nested(AgedOut), required=True)


class AgingCustomerOut(Out):
    customer_id = fields.String(required=True)
    customer_code = fields.String(required=True)
    customer_name = fields.String(required=True)
    balance = MoneyField(required=True)
    invoices = fields.Integer(required=True)
    buckets = fields.List(fields.Nested(AgedOut), required=True)


class AgingOut(Out):
    as_of = fields.Date(required=True)
    basis = fields.String(required=True)
    totals = fields.List(fields.Nested(AgingTotalOut), metadata={"description": "by=total: one for each currency"})
    items = fields.List(fields.Nested(AgingCustomerOut), metadata={"description": "by=customer: a page in the order of codes"})
    next_cursor = fields.String(allow_none=True)


class LedgerQuery(In):
    from_ = Day(load_default=None, data_key="from")
    as_of = Day(load_default=None)
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))
    cursor = fields.String(load_default=None, validate=validate.Length(max=1000))


class PostingOut(Out):
    kind = fields.String(required=True)
    occurred_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    invoice_id = fields.String(required=True)
    document_id = fields.String(required=True)
    application_id = fields.String(required=True, metadata={"description": "empty for an invoice and its void"})
    amount = RowMoney(required=True)
    event_id = fields.String(required=True)
    entry_id = fields.String(required=True, metadata={"description": "the journal entry in the ledger"})
    entry = fields.Function(lambda posting: f"/api/ledger/entries/{posting['entry_id']}", metadata={"type": "string"})


class LedgerLineOut(PostingOut):
    number = fields.String(required=True, metadata={"description": "of the invoice"})
    balance = RowMoney(required=True, metadata={"description": "of the customer in this currency, after this posting"})


class LedgerBalanceOut(Out):
    currency = fields.String(required=True)
    opening = RowMoney(required=True)
    closing = RowMoney(required=True)


class LedgerOut(Out):
    customer_id = fields.String(required=True)
    balances = fields.List(fields.Nested(LedgerBalanceOut), required=True)
    items = fields.List(fields.Nested(LedgerLineOut), required=True)
    next_cursor = fields.String(allow_none=True)


class BalanceOut(Out):
    currency = fields.String(required=True)
    balance = RowMoney(required=True)
    overdue = RowMoney(required=True)
    open_invoices = fields.Integer(required=True)
    oldest_due_on = fields.Date(required=True)


class CustomerBalanceOut(Out):
    customer_id = fields.String(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    balances = fields.List(
        fields.Nested(BalanceOut), required=True, metadata={"description": "one for each currency that is owed"}
    )


class RollForwardQuery(In):
    from_ = Month(required=True, data_key="from")
    to = Month(required=True)
    currency = Currency(load_default=None)


class RolledMonthOut(Out):
    month = fields.String(required=True)
    opening = RowMoney(required=True)
    billed = RowMoney(required=True)
    invoices = fields.Integer(required=True)
    received = RowMoney(required=True)
    applications = fields.Integer(required=True)
    other = RowMoney(required=True, metadata={"description": "voids, displaced money, voided receipts"})
    closing = RowMoney(required=True)


class RollForwardOut(Out):
    currency = fields.String(required=True)
    months = fields.List(fields.Nested(RolledMonthOut), required=True)


@routes.get("/open-items", permission="billing.report.read")
@routes.arguments(OpenItemQuery, location="query")
@routes.response(200, page_of(OpenItemOut))
def list_open_items(query: dict[str, Any]) -> Any:
    """Invoices with a balance at the end of a day"""
    day = query["as_of"] or ctx().today()
    select, item = store.open_items(ctx().session, ctx().company_id, day)
    listing = Listing(
        sorts={"due_on": item.c.due_on, "issued_on": item.c.issued_on, "number": item.c.number},
        key=item.c.invoice_id,
        filters={
            "customer_id": lambda value: item.c.customer_id == value,
            "currency": lambda value: item.c.currency == value,
            "overdue": lambda value: (
                (item.c.due_on < day) & (item.c.balance > 0) if value else (item.c.due_on >= day) | (item.c.balance <= 0)
            ),
        },
    )
    page = listing.page(ctx().session, select, query)
    return {**page, "items": [_with_overdue(row, day) for row in page["items"]]}


@routes.get("/aging", permission="billing.report.read")
@routes.arguments(AgingQuery, location="query")
@routes.response(200, AgingOut)
def aging(query: dict[str, Any]) -> Any:
    """Open balances by age, in all or by customer, with any buckets at the end of any day"""
    asked = (ctx(), query["as_of"], query["basis"], query["buckets"], query["currency"])
    if query["by"] == "total":
        answer = usecases.age(*asked)
    else:
        answer = usecases.age_by_customer(*asked, query["cursor"], query["limit"])
    # thousands of customers: written by msgspec, as the schema says it
    return Response(msgspec.json.encode(answer), mimetype="application/json")


@routes.get("/customers/<customer_id>/ledger", permission="billing.report.read")
@routes.arguments(LedgerQuery, location="query")
@routes.response(200, LedgerOut)
def customer_ledger(query: dict[str, Any], customer_id: str) -> Any:
    """A customer's postings by date with the running balance"""
    ledger = usecases.customer_ledger(ctx(), customer_id, query["from_"], query["as_of"], query["cursor"], query["limit"])
    return {**ledger, "items": [with_entry(line) for line in ledger["items"]]}


@routes.get("/customers/<customer_id>/balance", permission="billing.report.read")
@routes.response(200, CustomerBalanceOut)
def customer_balance(customer_id: str) -> Any:
    """What a customer owes today"""
    return usecases.customer_balance(ctx(), customer_id)


@routes.get("/roll-forward", permission="billing.report.read")
@routes.arguments(RollForwardQuery, location="query")
@routes.response(200, RollForwardOut)
def roll_forward(query: dict[str, Any]) -> Any:
    """opening + billed - received + other = closing, month by month"""
    return usecases.roll_forward(ctx(), query["from_"], query["to"], query["currency"])


def _with_overdue(row: Any, day: date) -> dict[str, Any]:
    overdue = is_overdue(row["balance"], row["due_on"], day)
    return {**row, "overdue": overdue, "days_overdue": (day - row["due_on"]).days if overdue else 0}
