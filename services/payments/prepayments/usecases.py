"""Prepayments: apply them to invoices, take money back that did not fit an invoice, say what remains."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.payments.content import IdInUse, content_hash
from services.payments.customers import store as customers
from services.payments.invoices import store as invoices
from services.payments.prepayments import store
from services.payments.prepayments.domain import AskedApplication, NoSuchPrepaymentApplication, apply_lots
from services.payments.refusals import CustomerUnknown, check_date, refuse
from shared.context import Context
from shared.contracts.billing import ApplicationOverapplied
from shared.contracts.payments import ApplicationDisplaced, PrepaymentApplication, PrepaymentApplied
from shared.errors import Faults
from shared.ids import derived_id, new_id
from shared.periods import first_open_day


def apply_prepayments(
    ctx: Context,
    customer_id: str,
    applied_on: date,
    asked: Sequence[AskedApplication],
    prepayment_application_id: str | None = None,
) -> tuple[dict[str, Any], bool]:
    """The customer's prepaid money, set against invoices, and that it is new; or, where the id was used with this content
    before, that application.

    No prepayment gives more than remains of it and no invoice gets more than is open on it, however many apply at once
    (BR-AR-C2). Raises FaultsFound with every fault; PrepaymentExceeded or ApplicationExceedsBalance where nothing
    is wrong but that; IdInUse.
    """
    asked_hash = content_hash(customer_id, applied_on, asked)
    if prepayment_application_id is not None:
        known = store.get_application(ctx.session, ctx.company_id, prepayment_application_id)
        if known is not None:
            if known["content_hash"] != asked_hash:
                raise IdInUse(pointer="/id")
            return get_prepayment_application(ctx, prepayment_application_id), False
    faults = Faults()
    posting_on = check_date(ctx, applied_on, "/applied_on", faults)
    if customers.lock(ctx.session, ctx.company_id, customer_id) is None:
        faults.add("/customer_id", CustomerUnknown(f"there is no customer {customer_id}"))
    lots = store.lock_lots(ctx.session, ctx.company_id, customer_id, sorted({each.amount.currency for each in asked}))
    open_invoices = invoices.lock(ctx.session, ctx.company_id, [each.invoice for each in asked])
    applied = apply_lots(asked, lots, open_invoices, customer_id, applied_on, faults)
    refuse(faults)
    made_id = prepayment_application_id or new_id("pra")
    amount, currency = sum(each.amount for each in applied), asked[0].amount.currency
    event_id = ctx.state(
        PrepaymentApplied(
            prepayment_application_id=made_id,
            customer_id=customer_id,
            currency=currency,
            occurred_on=applied_on,
            posting_on=posting_on,
            amount=amount,
            applications=[
                PrepaymentApplication(
                    application_id=each.application_id,
                    prepayment_id=each.prepayment_id,
                    receipt_id=each.receipt_id,
                    invoice_id=each.invoice_id,
                    amount=each.amount,
                )
                for each in applied
            ],
        ),
        subject=made_id,
    )
    row = {
        "company_id": ctx.company_id,
        "id": made_id,
        "customer_id": customer_id,
        "currency": currency,
        "amount": amount,
        "applied_on": applied_on,
        "posting_on": posting_on,
        "content_hash": asked_hash,
        "event_id": event_id,
        "created_by": ctx.actor,
    }
    store.add_application(ctx.session, row, applied)
    made = {
        **row,
        "entry_id": derived_id("je", event_id),
        "remaining": sum(lot.remaining for lot in lots),
        "applications": [
            {
                "id": each.application_id,
                "prepayment_id": each.prepayment_id,
                "receipt_id": each.receipt_id,
                "invoice_id": each.invoice_id,
                "invoice_number": each.invoice_number,
                "currency": currency,
                "amount": each.amount,
                "live": each.amount,
            }
            for each in applied
        ],
    }
    return made, True


def get_prepayment_application(ctx: Context, prepayment_application_id: str) -> dict[str, Any]:
    """The application with its parts, live or not. Raises NoSuchPrepaymentApplication."""
    row = store.get_application(ctx.session, ctx.company_id, prepayment_application_id)
    if row is None:
        raise NoSuchPrepaymentApplication()
    parts = store.applications_of(ctx.session, ctx.company_id, prepayment_application_id)
    return {**row, "entry_id": derived_id("je", row["event_id"]), "applications": [each._mapping for each in parts]}


def displace_application(ctx: Context, overapplied: ApplicationOverapplied, caused_by: str) -> str | None:
    """Money that did not fit its invoice becomes a prepayment of the customer again: once an application, never more of it
    than is live, never dated before it was applied, on the first open day. Returns the new prepayment's id.

    None, and nothing is changed, where the application was displaced before or nothing of it is live (its receipt was voided).
    """
    known = store.application(ctx.session, ctx.company_id, overapplied.application_id)
    assert known is not None, f"billing names an application that payments never stated: {overapplied.application_id}"
    occurred_on = max(overapplied.occurred_on, known.posting_on)
    posting_on = first_open_day(ctx, occurred_on)
    customers.lock(ctx.session, ctx.company_id, known.customer_id)
    present = store.application(ctx.session, ctx.company_id, overapplied.application_id)
    assert present is not None
    amount = min(overapplied.amount, present.live)
    if present.displaced or not amount:
        return None
    prepayment_id = new_id("ppy")
    event_id = ctx.state(
        ApplicationDisplaced(
            application_id=present.id,
            receipt_id=present.receipt_id,
            invoice_id=present.invoice_id,
            prepayment_id=prepayment_id,
            customer_id=present.customer_id,
            currency=present.currency,
            occurred_on=occurred_on,
            posting_on=posting_on,
            amount=amount,
        ),
        subject=present.receipt_id,
    )
    store.add_displacement(
        ctx.session,
        ctx.company_id,
        present,
        amount=amount,
        prepayment_id=prepayment_id,
        caused_by=caused_by,
        occurred_on=occurred_on,
        posting_on=posting_on,
        event_id=event_id,
    )
    return prepayment_id
