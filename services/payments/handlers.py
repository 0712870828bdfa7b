"""What payments takes in: companies, the chart, periods, customers, invoices, deposits, and money that did not fit."""

from __future__ import annotations

from services.payments.customers import store as customers
from services.payments.invoices import store as invoices
from services.payments.payment_types.usecases import create_default_payment_types
from services.payments.prepayments.usecases import displace_application
from services.payments.receipts import store as receipts
from shared.common_handlers import keep_accounts, keep_identity, keep_periods
from shared.context import Context
from shared.contracts import Event
from shared.contracts.banking import DepositPosted, DepositVoided, ItemReturned
from shared.contracts.billing import ApplicationOverapplied, CustomerChanged, CustomerCreated, InvoiceIssued, InvoiceVoided
from shared.contracts.identity import CompanyCreated
from shared.log.handlers import Handlers

handlers = Handlers()
keep_identity(handlers)
keep_accounts(handlers)
keep_periods(handlers)


@handlers.react(CompanyCreated)
def on_company_created(ctx: Context, event: Event) -> None:
    create_default_payment_types(ctx)


@handlers.fold(CustomerCreated, CustomerChanged, batch=True)
def on_customer_changed(ctx: Context, events: list[Event]) -> None:
    customers.keep(ctx.session, events)


@handlers.fold(InvoiceIssued, batch=True)
def on_invoice_issued(ctx: Context, events: list[Event]) -> None:
    invoices.keep_issued(ctx.session, events)


@handlers.react(InvoiceIssued, batch=True)
def open_invoice_issued(ctx: Context, events: list[Event]) -> None:
    invoices.open_issued(ctx.session, events)


@handlers.fold(InvoiceVoided, batch=True)
def on_invoice_voided(ctx: Context, events: list[Event]) -> None:
    invoices.keep_voided(ctx.session, events)


@handlers.fold(DepositPosted, batch=True)
def on_deposit_posted(ctx: Context, events: list[Event]) -> None:
    receipts.keep_deposited(ctx.session, events)


@handlers.fold(DepositVoided)
def on_deposit_voided(ctx: Context, event: Event) -> None:
    receipts.forget_deposit(ctx.session, event.company_id, event.data.deposit_id)


@handlers.fold(ItemReturned)
def on_item_returned(ctx: Context, event: Event) -> None:
    receipts.keep_returned(ctx.session, event.company_id, event.data.receipt_id)


@handlers.react(ApplicationOverapplied)
def on_application_overapplied(ctx: Context, event: Event) -> None:
    displace_application(ctx, event.data, caused_by=event.id)
