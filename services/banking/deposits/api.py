"""Deposits over HTTP."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.banking.deposits import usecases
from services.banking.deposits.domain import RECEIPTS_AT_MOST, WantedDeposit
from shared.http.edge import Routes, ctx
from shared.http.paging import ListQuery, page_of, sort_field
from shared.http.schemas import Day, Id, In, MoneyField, Out, Text, one_of

routes = Routes("banking_deposits", __name__, description="Deposits take receipts to the bank together")

RECEIPT_COUNT = validate.Length(1, RECEIPTS_AT_MOST, error=f"must have 1 to {RECEIPTS_AT_MOST} entries")


class DepositIn(In):
    id = Id("dep", load_default=None)
    bank_account_id = Id("ban", required=True)
    posting_on = Day(required=True)
    receipt_ids = fields.List(Id("rct"), load_default=None, validate=RECEIPT_COUNT)
    deposit_group = Text(
        100, load_default=None, empty=False, metadata={"description": "all of this group that wait, oldest first"}
    )
    received_through = Day(load_default=None, metadata={"description": "with deposit_group: received up to this day"})
    fee = MoneyField(load_default=None, at_least_zero=True)
    fee_account = Text(20, load_default=None, empty=False, metadata={"description": "the bank account's where none is named"})
    reference = Text(100, load_default="")
    notes = Text(2000, load_default="", multiline=True)


class VoidIn(In):
    voided_on = Day(load_default=None, metadata={"description": "today where none is named"})
    reason = Text(500, required=True, empty=False)


class ReturnOut(Out):
    occurred_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    event_id = fields.String(required=True)
    entry_id = fields.String(required=True)


class DepositItemOut(Out):
    receipt_id = fields.String(required=True)
    amount = MoneyField(required=True)
    customer_id = fields.String(required=True)
    customer_code = fields.String(allow_none=True)
    customer_name = fields.String(allow_none=True)
    occurred_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    payment_type = fields.String(required=True)
    deposit_group = fields.String(allow_none=True)
    check_number = fields.String(required=True)
    entry_id = fields.String(required=True, metadata={"description": "the receipt's journal entry"})
    returned = fields.Nested(
        ReturnOut, allow_none=True, metadata={"description": "set where the receipt was voided after it was banked"}
    )


class DepositVoidOut(Out):
    voided_on = fields.Date(required=True)
    reason = fields.String(required=True)
    created_by = fields.String(required=True)
    event_id = fields.String(required=True)
    entry_id = fields.String(required=True)


class ListedDepositOut(Out):
    id = fields.String(required=True)
    bank_account_id = fields.String(required=True)
    bank_account_name = fields.String(required=True)
    occurred_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    total = MoneyField(required=True)
    fee = MoneyField(required=True)
    net = MoneyField(required=True, metadata={"description": "total less fee: what the bank got"})
    returned = MoneyField(required=True, metadata={"description": "sum of the items that were returned since"})
    item_count = fields.Integer(required=True)
    reference = fields.String(required=True)
    state = fields.String(required=True, validate=one_of("posted", "voided"))
    event_id = fields.String(required=True)
    entry_id = fields.String(required=True)


class DepositOut(ListedDepositOut):
    account = fields.String(required=True)
    fee_account = fields.String(allow_none=True, metadata={"description": "null: the account of the role bank_fees"})
    notes = fields.String(required=True)
    created_by = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    void = fields.Nested(DepositVoidOut, allow_none=True)
    items = fields.List(fields.Nested(DepositItemOut), required=True)


class DepositQuery(ListQuery):
    sort = sort_field("posting_on", "total", default="-posting_on")
    bank_account_id = Id("ban", load_default=None)
    receipt_id = Id("rct", load_default=None)
    posting_from = Day(load_default=None)
    posting_to = Day(load_default=None)
    reference = Text(100, load_default=None, empty=False)
    state = fields.String(load_default=None, validate=one_of("posted", "voided"))


@routes.post("/deposits", permission="banking.deposit.post", money=True)
@routes.arguments(DepositIn)
@routes.response(201, DepositOut)
@routes.alt_response(200, schema=DepositOut, description="the deposit that was made under this id before", success=True)
def post_deposit(body: dict[str, Any]) -> Any:
    """Take receipts to the bank together"""
    deposit_id = body.pop("id")
    receipt_ids = tuple(body.pop("receipt_ids") or ())
    made, new = usecases.post_deposit(ctx(), WantedDeposit(receipt_ids=receipt_ids, **body), deposit_id)
    return made, 201 if new else 200


@routes.get("/deposits", permission="banking.deposit.read")
@routes.arguments(DepositQuery, location="query")
@routes.response(200, page_of(ListedDepositOut))
def deposits(query: dict[str, Any]) -> dict[str, Any]:
    """Deposits, newest first"""
    return usecases.deposits(ctx(), query)


@routes.get("/deposits/<deposit_id>", permission="banking.deposit.read")
@routes.response(200, DepositOut)
def deposit(deposit_id: str) -> dict[str, Any]:
    """A deposit with its receipts"""
    return usecases.deposit(ctx(), deposit_id)


@routes.post("/deposits/<deposit_id>/void", permission="banking.deposit.void", money=True)
@routes.arguments(VoidIn)
@routes.response(200, DepositOut)
def void_deposit(body: dict[str, Any], deposit_id: str) -> dict[str, Any]:
    """Void a deposit; its receipts wait again"""
    return usecases.void_deposit(ctx(), deposit_id, body["voided_on"], body["reason"])
