"""The list of receipts that wait for a deposit."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.banking.receipts import usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import ListQuery, page_of, sort_field
from shared.http.schemas import Currency, Day, Id, MoneyField, Out, Text

routes = Routes("banking_receipts", __name__, description="Receipts that wait for a deposit")


class UndepositedQuery(ListQuery):
    sort = sort_field("occurred_on", "amount", default="occurred_on")
    deposit_group = Text(100, load_default=None)
    customer_id = Id("cus", load_default=None)
    currency = Currency(load_default=None)
    occurred_from = Day(load_default=None)
    occurred_to = Day(load_default=None)


class UndepositedReceiptOut(Out):
    receipt_id = fields.String(required=True)
    customer_id = fields.String(required=True)
    customer_code = fields.String(allow_none=True)
    customer_name = fields.String(allow_none=True, metadata={"description": "null until billing's customer has arrived"})
    occurred_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    amount = MoneyField(required=True)
    payment_type = fields.String(required=True)
    deposit_group = fields.String(allow_none=True)
    check_number = fields.String(required=True)
    recorded_at = fields.DateTime(required=True)
    entry_id = fields.String(required=True)


class GroupTotalOut(Out):
    deposit_group = fields.String(allow_none=True)
    receipts = fields.Integer(required=True)
    total = MoneyField(required=True)


class CurrencyTotalOut(Out):
    receipts = fields.Integer(required=True)
    total = MoneyField(required=True)


class UndepositedPage(page_of(UndepositedReceiptOut)):  # type: ignore[misc]
    groups = fields.List(fields.Nested(GroupTotalOut), required=True)
    totals = fields.List(fields.Nested(CurrencyTotalOut), required=True)


@routes.get("/undeposited-receipts", permission="banking.deposit.read")
@routes.arguments(UndepositedQuery, location="query")
@routes.response(200, UndepositedPage)
def undeposited_receipts(query: dict[str, Any]) -> dict[str, Any]:
    """Receipts in no live deposit, with the sums of all of them per deposit group and currency"""
    return usecases.undeposited_receipts(ctx(), query)
