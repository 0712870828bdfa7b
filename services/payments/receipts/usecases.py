"""Receipts: post one, void one, look at one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.payments.content import IdInUse, content_hash
from services.payments.customers import store as customers
from services.payments.invoices import store as invoices
from services.payments.receipts import store
from services.payments.receipts.domain import (
    AskedReceipt,
    Books,
    Live,
    NoSuchReceipt,
    Receipt,
    ReceiptVoidedAlready,
    VoidBeforeDocument,
    decide_receipt,
    taken_back,
)
from services.payments.refusals import check_date, refuse
from shared.accounts import accounts
from shared.context import Context
from shared.contracts.payments import ReceiptLine, ReceiptPosted, ReceiptVoided
from shared.errors import Faults
from shared.ids import derived_id, new_id


def post_receipt(ctx: Context, asked: AskedReceipt, receipt_id: str | None = None) -> tuple[dict[str, Any], bool]:
    """Money received, set against invoices, prepayments and accounts to the cent, and that it is new; or, where `receipt_id`
    was posted with this content before, that receipt.

    No invoice gets more than is open on it, however many post at once. Raises FaultsFound with every fault,
    ApplicationExceedsBalance where nothing is wrong but that, IdInUse.
    """
    asked_hash = content_hash(asked)
    if receipt_id is not None:
        known = store.get(ctx.session, ctx.company_id, receipt_id)
        if known is not None:
            if known["content_hash"] != asked_hash:
                raise IdInUse(pointer="/id")
            return get_receipt(ctx, receipt_id), False
    faults = Faults()
    posting_on = check_date(ctx, asked.received_on, "/received_on", faults)
    books = _books(ctx, asked)
    made = decide_receipt(receipt_id or new_id("rct"), asked, posting_on, books, "", faults)
    refuse(faults)
    assert made is not None
    event_id = state_posted(ctx, made)
    store.add(ctx.session, ctx.company_id, ctx.actor, [store.NewReceipt(made, event_id, asked_hash)])
    return _as_posted(ctx, made, event_id), True


def _books(ctx: Context, asked: AskedReceipt) -> Books:
    payment_type, customer_name, cash_account = store.for_posting(
        ctx.session, ctx.company_id, asked.payment_type, asked.customer_id, asked.cash_account
    )
    codes = [line.account for line in asked.lines if line.account is not None]
    named = accounts(ctx, codes) if codes else {}
    if cash_account is not None:
        named[cash_account.code] = cash_account
    # last, so that the invoices stay locked as short as can be
    locked = invoices.lock(ctx.session, ctx.company_id, [line.invoice for line in asked.lines if line.invoice is not None])
    return Books(
        payment_types={payment_type.name.lower(): payment_type} if payment_type else {},
        customers={asked.customer_id: customer_name} if asked.customer_id and customer_name is not None else {},
        invoices=locked,
        accounts=named,
    )


def state_posted(ctx: Context, made: Receipt) -> str:
    """States that the receipt was posted. Returns the event's id."""
    return ctx.state(
        ReceiptPosted(
            receipt_id=made.id,
            customer_id=made.customer_id,
            currency=made.currency,
            occurred_on=made.received_on,
            posting_on=made.posting_on,
            amount=made.amount,
            needs_deposit=made.payment_type.needs_deposit,
            cash_account=made.cash_account,
            lines=[
                ReceiptLine(
                    kind=line.kind,
                    amount=line.amount,
                    application_id=line.application_id,
                    invoice_id=line.invoice_id,
                    prepayment_id=line.prepayment_id,
                    account=line.account,
                )
                for line in made.lines
            ],
            payment_type=made.payment_type.name,
            deposit_group=made.deposit_group,
            check_number=made.check_number,
        ),
        subject=made.id,
    )


def void_receipt(ctx: Context, receipt_id: str, voided_on: date | None, reason: str) -> dict[str, Any]:
    """The receipt counts no longer from `voided_on` (today where None): its money is taken back from where it is now, also
    where its prepayments were applied or it was displaced. A receipt in a deposit is voided too; banking returns the item.

    Once only, never before the receipt or what became of its money (BR-AR-C4), into an open period.
    Raises NoSuchReceipt, ReceiptVoidedAlready, FaultsFound.
    """
    posted = store.get(ctx.session, ctx.company_id, receipt_id)
    if posted is None:
        raise NoSuchReceipt()
    voided_on = voided_on or ctx.today()
    faults = Faults()
    posting_on = check_date(ctx, voided_on, "/voided_on", faults)
    # from here on nobody applies, displaces or voids money of this customer
    customers.lock(ctx.session, ctx.company_id, posted["customer_id"])
    present = store.get(ctx.session, ctx.company_id, receipt_id)
    assert present is not None
    if present["state"] == "voided":
        raise ReceiptVoidedAlready(
            f"the receipt was voided on {present['voided_on']}", voided_on=present["voided_on"].isoformat()
        )
    earliest = max(filter(None, (present["posting_on"], store.last_movement(ctx.session, ctx.company_id, receipt_id))))
    if voided_on < earliest:
        faults.add(
            "/voided_on", VoidBeforeDocument(f"the void can be dated {earliest} or later", not_before=earliest.isoformat())
        )
    refuse(faults)
    store.lock_invoices_of(ctx.session, ctx.company_id, receipt_id)
    live = taken_back(present["amount"], store.live(ctx.session, ctx.company_id, receipt_id))
    event_id = ctx.state(
        ReceiptVoided(
            receipt_id=receipt_id,
            customer_id=present["customer_id"],
            currency=present["currency"],
            occurred_on=voided_on,
            posting_on=posting_on,
            amount=present["amount"],
            needs_deposit=present["needs_deposit"],
            cash_account=present["cash_account"],
            lines=[_line_of(part) for part in live],
            reverses=present["event_id"],
            reason=reason,
        ),
        subject=receipt_id,
    )
    store.add_void(ctx.session, ctx.company_id, receipt_id, voided_on, posting_on, reason, event_id, ctx.actor)
    return get_receipt(ctx, receipt_id)


def _line_of(part: Live) -> ReceiptLine:
    return ReceiptLine(
        kind=part.kind,
        amount=part.amount,
        application_id=part.application_id,
        invoice_id=part.invoice_id,
        prepayment_id=part.prepayment_id,
        account=part.account,
    )


def get_receipt(ctx: Context, receipt_id: str) -> dict[str, Any]:
    """The receipt with its lines, applications (live or not), prepayments, deposit and entries. Raises NoSuchReceipt."""
    row = store.get(ctx.session, ctx.company_id, receipt_id)
    if row is None:
        raise NoSuchReceipt()
    currency = row["currency"]
    return {
        **with_entries(row),
        "lines": _in_currency(store.lines(ctx.session, ctx.company_id, receipt_id), currency),
        "applications": _in_currency(store.applications(ctx.session, ctx.company_id, receipt_id), currency),
        "prepayments": _in_currency(store.prepayments(ctx.session, ctx.company_id, receipt_id), currency),
    }


def with_entries(row: Any) -> dict[str, Any]:
    """A receipt's row and the journal entries that its events make."""
    void_event_id = row["void_event_id"]
    return {
        **row,
        "entry_id": derived_id("je", row["event_id"]),
        "void_entry_id": derived_id("je", void_event_id) if void_event_id else None,
    }


def _in_currency(rows: Sequence[Any], currency: str) -> list[dict[str, Any]]:
    result = []
    for row in rows:
        mapping = {**row._mapping, "currency": currency}
        if "event_id" in mapping:
            mapping["entry_id"] = derived_id("je", mapping["event_id"])
        result.append(mapping)
    return result


def _as_posted(ctx: Context, made: Receipt, event_id: str) -> dict[str, Any]:
    """What `get_receipt` would answer, from what was just written."""
    entry_id = derived_id("je", event_id)
    common = {"currency": made.currency, "posting_on": made.posting_on, "entry_id": entry_id}
    return {
        "id": made.id,
        "customer_id": made.customer_id,
        "payer_name": made.payer_name,
        "received_on": made.received_on,
        "posting_on": made.posting_on,
        "payment_type": made.payment_type.name,
        "needs_deposit": made.payment_type.needs_deposit,
        "cash_account": made.cash_account,
        "deposit_group": made.deposit_group,
        "check_number": made.check_number,
        "currency": made.currency,
        "amount": made.amount,
        "notes": made.notes,
        "state": "posted",
        "deposit_state": "undeposited" if made.payment_type.needs_deposit else "not_needed",
        "deposit_id": None,
        "voided_on": None,
        "voided_by": None,
        "void_reason": None,
        "entry_id": entry_id,
        "void_entry_id": None,
        "created_by": ctx.actor,
        "lines": [
            {
                "line": number,
                "currency": made.currency,
                "kind": line.kind,
                "amount": line.amount,
                "application_id": line.application_id,
                "invoice_id": line.invoice_id,
                "invoice_number": line.invoice_number,
                "prepayment_id": line.prepayment_id,
                "account": line.account,
                "notes": line.notes,
            }
            for number, line in enumerate(made.lines, 1)
        ],
        "applications": [
            {
                **common,
                "id": line.application_id,
                "invoice_id": line.invoice_id,
                "invoice_number": line.invoice_number,
                "prepayment_id": None,
                "amount": line.amount,
                "live": line.amount,
                "displaced": 0,
            }
            for line in made.lines
            if line.kind == "invoice"
        ],
        "prepayments": [
            {**common, "id": line.prepayment_id, "origin": line.origin, "amount": line.amount, "remaining": line.amount}
            for line in sorted(made.lines, key=lambda line: line.prepayment_id or "")
            if line.kind == "prepayment"
        ],
    }
