"""What notifications takes in: the facts that touch a customer. It folds only."""

from __future__ import annotations

from services.notifications.timeline import store
from services.notifications.timeline.domain import DOCUMENTS, item_touches, touch
from shared.common_handlers import keep_identity
from shared.context import Context
from shared.contracts import Event
from shared.contracts.banking import DepositPosted, DepositVoided, ItemReturned
from shared.contracts.payments import ReceiptPosted
from shared.log.handlers import Handlers

handlers = Handlers()
keep_identity(handlers)


@handlers.fold(*DOCUMENTS, batch=True)
def fold_touches(ctx: Context, events: list[Event]) -> None:
    store.add_touches(ctx.session, [touch(event) for event in events])


@handlers.fold(ReceiptPosted, batch=True)
def fold_customers_of_receipts(ctx: Context, events: list[Event]) -> None:
    store.keep_customers_of_receipts(
        ctx.session, [(event.company_id, event.data.receipt_id, event.data.customer_id) for event in events]
    )


@handlers.fold(DepositPosted, DepositVoided, ItemReturned, batch=True)
def fold_items(ctx: Context, events: list[Event]) -> None:
    store.add_items(ctx.session, [item for event in events for item in item_touches(event)])
