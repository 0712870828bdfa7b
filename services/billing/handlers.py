"""What billing takes in: companies, accounts, periods, and the money that payments applied to invoices."""

from __future__ import annotations

from services.billing.receivables.usecases import take_applied_money
from services.billing.terms.usecases import add_default_terms
from shared.common_handlers import keep_accounts, keep_identity, keep_periods
from shared.context import Context
from shared.contracts import Event
from shared.contracts.identity import CompanyCreated
from shared.contracts.payments import ApplicationDisplaced, PrepaymentApplied, ReceiptPosted, ReceiptVoided
from shared.log.handlers import Handlers

handlers = Handlers()
keep_identity(handlers)
keep_accounts(handlers)
keep_periods(handlers)


@handlers.react(CompanyCreated)
def on_company_created(ctx: Context, event: Event) -> None:
    """A new company begins with the usual terms."""
    add_default_terms(ctx)


@handlers.react(ReceiptPosted, ReceiptVoided, PrepaymentApplied, ApplicationDisplaced, batch=True)
def on_money_applied(ctx: Context, events: list[Event]) -> None:
    """Money was applied to invoices, or taken off them again."""
    take_applied_money(ctx, events)
