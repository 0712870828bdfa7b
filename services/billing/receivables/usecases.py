"""The AR sub-ledger: takes applied money in, and answers who owes what at the end of any day."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from services.billing.customers.usecases import CustomerUnknown, get_customer
from services.billing.fields import wire_money
from services.billing.receivables import store
from services.billing.receivables.domain import Basis, Bucket, Movement, buckets, overapplied, thresholds
from shared.context import Context
from shared.contracts import Event
from shared.contracts.billing import ApplicationOverapplied
from shared.contracts.payments import ApplicationDisplaced, PrepaymentApplied, ReceiptPosted, ReceiptVoided
from shared.db import planned_for_values
from shared.errors import Invalid
from shared.http.paging import CursorUnusable
from shared.money import CurrencyMismatch

LONGEST_ROLL_FORWARD = 240
EARLIEST = date(1900, 1, 1)


class InvoiceOfMoneyUnknown(Invalid):
    """Money was applied to an invoice that billing never issued to that company."""

    code = "invoice-of-money-unknown"


class MonthsUnusable(Invalid):
    """A roll-forward goes from one month to the same or a later one, at most 240 of them."""

    code = "months-unusable"


def take_applied_money(ctx: Context, events: Sequence[Event]) -> None:
    """Posts what the events of a page did to invoices, in their order. Each event counts once for an application.

    An invoice may be owed less than was applied to it, since a void was on its way: the sub-ledger takes the posting, and
    billing.application.overapplied is stated with the amount that did not fit.
    """
    movements = [movement for place, event in enumerate(events) for movement in _movements(place, event)]
    if not movements:
        return
    with planned_for_values(ctx.session):
        items = store.lock_items(ctx.session, sorted({(m.company_id, m.invoice_id) for m in movements}))
    for movement in movements:
        item = items.get((movement.company_id, movement.invoice_id))
        if item is None:
            raise InvoiceOfMoneyUnknown(invoice_id=movement.invoice_id)
        if item.currency != movement.currency:
            raise CurrencyMismatch(invoice_id=movement.invoice_id, left=item.currency, right=movement.currency)
    added = store.add_movements(ctx.session, movements, events, items)
    fresh = [m for m in movements if (m.company_id, m.invoice_id, events[m.event].id, m.application_id) in added]
    if not fresh:
        return
    balances = {(m.company_id, m.invoice_id): int(items[m.company_id, m.invoice_id].balance) for m in fresh}
    unfitting = overapplied(fresh, balances)
    with planned_for_values(ctx.session):
        store.set_balances(ctx.session, balances)
    for movement, amount in unfitting:
        event = events[movement.event]
        ctx.reacting_to(event).state(
            ApplicationOverapplied(
                application_id=movement.application_id,
                invoice_id=movement.invoice_id,
                customer_id=items[movement.company_id, movement.invoice_id].customer_id,
                currency=movement.currency,
                amount=amount,
                occurred_on=event.data.occurred_on,
            ),
            subject=movement.application_id,
        )


def _movements(place: int, event: Event) -> list[Movement]:
    """What one event does to invoices. `place`: of the event in its page."""
    fact = event.data
    if isinstance(fact, ReceiptPosted):
        parts = [
            ("application", -line.amount, line.invoice_id, line.application_id) for line in fact.lines if line.kind == "invoice"
        ]
        document_id = fact.receipt_id
    elif isinstance(fact, ReceiptVoided):
        parts = [
            ("receipt_void", line.amount, line.invoice_id, line.application_id) for line in fact.lines if line.kind == "invoice"
        ]
        document_id = fact.receipt_id
    elif isinstance(fact, PrepaymentApplied):
        parts = [("application", -item.amount, item.invoice_id, item.application_id) for item in fact.applications]
        document_id = fact.prepayment_application_id
    else:
        assert isinstance(fact, ApplicationDisplaced)
        parts = [("displacement", fact.amount, fact.invoice_id, fact.application_id)]
        document_id = fact.receipt_id
    return [
        Movement(event.company_id, invoice_id or "", fact.currency, kind, amount, place, document_id, application_id or "")  # type: ignore[arg-type]
        for kind, amount, invoice_id, application_id in parts
    ]


def age(ctx: Context, as_of: date | None, basis: Basis, ends: Sequence[int], currency: str | None) -> dict[str, Any]:
    """Open balances at the end of `as_of` (today by default) by age, per currency. The total is the sub-ledger's balance.

    Raises BucketsUnusable.
    """
    day, found = as_of or ctx.today(), buckets(basis, ends)
    rows = store.aging(ctx.session, ctx.company_id, day, basis, thresholds(found), currency)
    result: dict[str, dict[str, Any]] = {}
    for row in rows:
        of_currency = result.setdefault(row["currency"], {"buckets": [_aged(bucket, 0, 0, row["currency"]) for bucket in found]})
        if row["bucket"] is None:
            of_currency |= {
                "currency": row["currency"],
                "balance": wire_money(row["amount"], row["currency"]),
                "invoices": row["invoices"],
                "customers": row["customers"],
            }
        else:
            of_currency["buckets"][row["bucket"]] = _aged(found[row["bucket"]], row["amount"], row["invoices"], row["currency"])
    for wanted in [currency or ctx.currency]:
        result.setdefault(wanted, _nothing(found, wanted))
    return {"as_of": day, "basis": basis, "totals": [result[key] for key in sorted(result)]}


def age_by_customer(
    ctx: Context, as_of: date | None, basis: Basis, ends: Sequence[int], currency: str | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """The same for each customer with a balance, a page in the order of their codes. Raises BucketsUnusable, CursorUnusable."""
    day, found = as_of or ctx.today(), buckets(basis, ends)
    after = _opened(cursor, tuple[str, str])
    rows = store.aging_by_customer(ctx.session, ctx.company_id, day, basis, thresholds(found), currency, after, limit + 1)
    items = [
        {
            "customer_id": row["customer_id"],
            "customer_code": row["customer_code"],
            "customer_name": row["customer_name"],
            "balance": wire_money(row["balance"], row["currency"]),
            "invoices": row["invoice_count"],
            "buckets": [
                _aged(bucket, amount, invoices, row["currency"])
                for bucket, amount, invoices in zip(found, row["amounts"], row["invoices"], strict=True)
            ],
        }
        for row in rows[:limit]
    ]
    more = _closed((items[-1]["customer_code"], items[-1]["balance"]["currency"])) if len(rows) > limit else None
    return {"as_of": day, "basis": basis, "items": items, "next_cursor": more}


def customer_ledger(
    ctx: Context, customer_id: str, first: date | None, as_of: date | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """A page of a customer's postings by date, each with the balance after it. Raises CustomerUnknown, CursorUnusable."""
    get_customer(ctx, customer_id)
    begin, end = first or EARLIEST, as_of or date.max
    rows = store.ledger_of(ctx.session, ctx.company_id, customer_id, begin, end, _opened(cursor, tuple[date, int]), limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return {
        "customer_id": customer_id,
        "balances": store.balances_of(ctx.session, ctx.company_id, customer_id, begin, end),
        "items": rows[:limit],
        "next_cursor": _closed((last["posting_on"], last["id"])) if last else None,
    }


def customer_balance(ctx: Context, customer_id: str) -> dict[str, Any]:
    """What a customer owes today, per currency. Raises CustomerUnknown."""
    rows = store.summary_of(ctx.session, ctx.company_id, customer_id, ctx.today())
    if not rows:
        raise CustomerUnknown()
    return {
        "customer_id": customer_id,
        "code": rows[0]["code"],
        "name": rows[0]["name"],
        "balances": [row for row in rows if row["currency"] is not None],
    }


def roll_forward(ctx: Context, first: date, last: date, currency: str | None) -> dict[str, Any]:
    """opening + billed - received + other = closing for each month from that of `first` to that of `last`.

    `received` counts applications; voids, displaced money and voided receipts are `other`. Raises MonthsUnusable.
    """
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    if not 1 <= months <= LONGEST_ROLL_FORWARD:
        raise MonthsUnusable(pointer="/to")
    wanted = currency or ctx.currency
    rows = store.roll_forward(ctx.session, ctx.company_id, wanted, first.replace(day=1), last)
    return {
        "currency": wanted,
        "months": [
            {"currency": wanted, "month": f"{row['month']:%Y-%m}", **{name: int(row[name]) for name in ROLLED}} for row in rows
        ],
    }


ROLLED = ("opening", "billed", "invoices", "received", "applications", "other", "closing")


def proof(ctx: Context, params: Mapping[str, str]) -> dict[str, Any]:
    """The sub-ledger's balance per customer and currency; with `documents`, the open invoices of those customers."""
    figures: dict[str, Any] = {"ar": [list(row) for row in store.balances_by_customer(ctx.session, ctx.company_id)]}
    if params.get("documents"):
        wanted = params["documents"].split(",")
        figures["documents"] = [list(row) for row in store.open_documents(ctx.session, ctx.company_id, wanted)]
    return figures


def _aged(bucket: Bucket, amount: int, invoices: int, currency: str) -> dict[str, Any]:
    return {"bucket": bucket.label, "amount": wire_money(amount, currency), "invoices": invoices}


def _nothing(found: Sequence[Bucket], currency: str) -> dict[str, Any]:
    return {
        "currency": currency,
        "balance": wire_money(0, currency),
        "invoices": 0,
        "customers": 0,
        "buckets": [_aged(bucket, 0, 0, currency) for bucket in found],
    }


def _closed(place: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _opened(cursor: str | None, kind: Any) -> Any:
    if cursor is None:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=kind)
    except (ValueError, msgspec.DecodeError):
        raise CursorUnusable(pointer="/cursor") from None
