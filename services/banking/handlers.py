"""What banking takes in: companies, the chart and its periods, customers' names, and receipts that are to be banked."""

from __future__ import annotations

from services.banking.bank_accounts.usecases import DEFAULT_ACCOUNT, open_default_bank_account
from services.banking.deposit_groups.usecases import create_default_groups
from services.banking.deposits.usecases import return_voided_receipts
from services.banking.receipts import store as receipts
from shared.common_handlers import keep_accounts, keep_identity, keep_periods
from shared.context import Context
from shared.contracts import Event
from shared.contracts.billing import CustomerChanged, CustomerCreated
from shared.contracts.identity import CompanyCreated
from shared.contracts.ledger import AccountCreated
from shared.contracts.payments import ReceiptPosted, ReceiptVoided
from shared.log.handlers import Handlers

handlers = Handlers()
keep_identity(handlers)
keep_accounts(handlers)
keep_periods(handlers)


@handlers.fold(CustomerCreated, CustomerChanged, batch=True)
def fold_customers(ctx: Context, events: list[Event]) -> None:
    receipts.keep_customers(ctx.session, events)


@handlers.fold(ReceiptPosted, batch=True)
def fold_receipts_posted(ctx: Context, events: list[Event]) -> None:
    if banked := _to_be_banked(events):
        receipts.keep_receipts(ctx.session, banked)


@handlers.react(ReceiptPosted, batch=True)
def react_receipts_posted(ctx: Context, events: list[Event]) -> None:
    if banked := _to_be_banked(events):
        receipts.add_places(ctx.session, banked)


@handlers.react(ReceiptVoided, batch=True)
def react_receipts_voided(ctx: Context, events: list[Event]) -> None:
    return_voided_receipts(ctx, events)


@handlers.react(CompanyCreated)
def react_company_created(ctx: Context, event: Event) -> None:
    create_default_groups(ctx)
    # the chart may have arrived before the company: their producers are two
    open_default_bank_account(ctx)


@handlers.react(AccountCreated)
def react_account_created(ctx: Context, event: Event) -> None:
    if event.data.code == DEFAULT_ACCOUNT:
        open_default_bank_account(ctx)


def _to_be_banked(events: list[Event]) -> list[Event]:
    return [event for event in events if event.data.needs_deposit]
