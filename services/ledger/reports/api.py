"""Routes of the general ledger's reports."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.ledger.accounts.api import AccountOut
from services.ledger.reports import usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import ListQuery
from shared.http.schemas import Currency, Day, Id, In, MoneyObject, Out, Text

routes = Routes("ledger_reports", __name__, description="Trial balance and accounts")


class AsOfQuery(In):
    as_of = Day(load_default=None, metadata={"description": "the end of this day; today by default"})


class StandingOut(Out):
    currency = fields.String(required=True)
    debits = fields.Nested(MoneyObject, required=True)
    credits = fields.Nested(MoneyObject, required=True)
    side = fields.String(allow_none=True, required=True, metadata={"description": "of the balance; null where it is zero"})
    balance = fields.Nested(MoneyObject, required=True)


class TrialBalanceLineOut(StandingOut):
    code = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    control = fields.String(allow_none=True)


class TotalOut(Out):
    currency = fields.String(required=True)
    debits = fields.Nested(MoneyObject, required=True)
    credits = fields.Nested(MoneyObject, required=True)
    debit_balances = fields.Nested(MoneyObject, required=True)
    credit_balances = fields.Nested(MoneyObject, required=True)


class TrialBalanceOut(Out):
    as_of = fields.Date(required=True)
    items = fields.List(fields.Nested(TrialBalanceLineOut), required=True)
    totals = fields.List(fields.Nested(TotalOut), required=True)


class AccountBalanceOut(AccountOut):
    as_of = fields.Date(required=True)
    balances = fields.List(fields.Nested(StandingOut), required=True)


class PostingsQuery(ListQuery):
    from_ = Day(data_key="from")
    to = Day()
    customer_id = Id("cus", metadata={"description": "in receivables, retention and prepayments"})
    document_id = Text(40, empty=False)
    currency = Currency(metadata={"description": "the company's by default"})


class PostingOut(Out):
    posting_on = fields.Date(required=True)
    occurred_on = fields.Date(required=True)
    entry_id = fields.String(required=True)
    entry_number = fields.Integer(required=True)
    line = fields.Integer(required=True)
    kind = fields.String(required=True)
    document_id = fields.String(required=True)
    document = fields.String(required=True)
    document_link = fields.String(allow_none=True)
    event_link = fields.String(required=True)
    description = fields.String(required=True)
    customer_id = fields.String(allow_none=True)
    side = fields.String(required=True)
    amount = fields.Nested(MoneyObject, required=True)
    balance = fields.Nested(MoneyObject, required=True, metadata={"description": "after this posting, to the normal side"})


class PostingPage(Out):
    account = fields.String(required=True)
    currency = fields.String(required=True)
    opening_balance = fields.Nested(MoneyObject, required=True)
    items = fields.List(fields.Nested(PostingOut), required=True)
    next_cursor = fields.String(allow_none=True, metadata={"description": "null at the end"})


@routes.get("/trial-balance", permission="ledger.report.read")
@routes.arguments(AsOfQuery, location="query")
@routes.response(200, TrialBalanceOut)
def trial_balance(query: dict[str, Any]) -> dict[str, Any]:
    """Every account's balance at the end of any day"""
    return usecases.trial_balance(ctx(), query["as_of"])


@routes.get("/accounts/<code>", permission="ledger.account.read")
@routes.arguments(AsOfQuery, location="query")
@routes.response(200, AccountBalanceOut)
def get_account(query: dict[str, Any], code: str) -> dict[str, Any]:
    """An account and its balance at the end of any day"""
    return usecases.get_account(ctx(), code, query["as_of"])


@routes.get("/accounts/<code>/postings", permission="ledger.entry.read")
@routes.arguments(PostingsQuery, location="query")
@routes.response(200, PostingPage)
def account_postings(query: dict[str, Any], code: str) -> dict[str, Any]:
    """An account's postings by date, with running balance"""
    return usecases.account_postings(ctx(), code, query)
