"""Bank accounts over HTTP."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.banking.bank_accounts import store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import ListQuery, page_of, sort_field
from shared.http.schemas import Currency, Day, Id, In, MoneyField, Out, Text

routes = Routes("banking_bank_accounts", __name__, description="Bank accounts, their book balance and its postings")

LAST_DIGITS_ONLY = validate.Regexp(r"^[^0-9]*[0-9]{0,4}$", error="must show no more than the last four digits, such as ****6789")


class BankAccountIn(In):
    id = Id("ban", load_default=None)
    name = Text(100, required=True, empty=False)
    account = Text(20, required=True, empty=False, metadata={"description": "ledger account with control `bank`"})
    currency = Currency(load_default=None, metadata={"description": "the company's where none is named"})
    masked_number = Text(34, load_default="", validate=LAST_DIGITS_ONLY)
    fee_account = Text(
        20, load_default=None, empty=False, allow_none=True, metadata={"description": "default for the fees of its deposits"}
    )


class BankAccountChange(In):
    name = Text(100, empty=False)
    masked_number = Text(34, validate=LAST_DIGITS_ONLY)
    fee_account = Text(20, empty=False, allow_none=True)


class BankAccountOut(Out):
    id = fields.String(required=True)
    name = fields.String(required=True)
    account = fields.String(required=True)
    currency = fields.String(required=True)
    masked_number = fields.String(required=True)
    fee_account = fields.String(allow_none=True)
    is_default = fields.Boolean(required=True)


class BankAccountBalanceOut(BankAccountOut):
    as_of = fields.Date(required=True)
    book_balance = MoneyField(required=True)


class BankAccountQuery(ListQuery):
    sort = sort_field("name", default="name")


class BalanceQuery(In):
    as_of = Day(load_default=None, metadata={"description": "today where none is named"})


class PostingQuery(ListQuery):
    sort = sort_field("posting_on", default="-posting_on")
    posting_from = Day(load_default=None)
    posting_to = Day(load_default=None)


class BankPostingOut(Out):
    id = fields.Integer(required=True)
    occurred_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    kind = fields.String(required=True)
    amount = MoneyField(required=True, metadata={"description": "above zero: into the account"})
    balance = MoneyField(required=True, metadata={"description": "book balance after this posting, by days"})
    deposit_id = fields.String(required=True)
    receipt_id = fields.String(allow_none=True)
    event_id = fields.String(required=True)
    entry_id = fields.String(required=True)


@routes.post("/bank-accounts", permission="banking.bank_account.write")
@routes.arguments(BankAccountIn)
@routes.response(201, BankAccountOut)
@routes.alt_response(200, schema=BankAccountOut, description="the bank account that was made under this id before", success=True)
def create_bank_account(body: dict[str, Any]) -> Any:
    """Keep a bank account on its own ledger account"""
    made, new = usecases.create_bank_account(ctx(), body)
    return made, 201 if new else 200


@routes.get("/bank-accounts", permission="banking.bank_account.read")
@routes.arguments(BankAccountQuery, location="query")
@routes.response(200, page_of(BankAccountOut))
def bank_accounts(query: dict[str, Any]) -> dict[str, Any]:
    """Bank accounts by name"""
    return store.page(ctx().session, ctx().company_id, query)


@routes.get("/bank-accounts/<bank_account_id>", permission="banking.bank_account.read")
@routes.arguments(BalanceQuery, location="query")
@routes.response(200, BankAccountBalanceOut)
def bank_account(query: dict[str, Any], bank_account_id: str) -> dict[str, Any]:
    """A bank account with its book balance at the end of a day"""
    return usecases.bank_account(ctx(), bank_account_id, query["as_of"])


@routes.patch("/bank-accounts/<bank_account_id>", permission="banking.bank_account.write")
@routes.arguments(BankAccountChange)
@routes.response(200, BankAccountOut)
def change_bank_account(body: dict[str, Any], bank_account_id: str) -> dict[str, Any]:
    """Change a bank account's name, masked number or default fee account"""
    return usecases.change_bank_account(ctx(), bank_account_id, body)


@routes.get("/bank-accounts/<bank_account_id>/postings", permission="banking.bank_account.read")
@routes.arguments(PostingQuery, location="query")
@routes.response(200, page_of(BankPostingOut))
def postings(query: dict[str, Any], bank_account_id: str) -> dict[str, Any]:
    """Postings of a bank account with the running balance"""
    return usecases.postings(ctx(), bank_account_id, query)
