"""Names every invoice whose stored balance is not the sum of its postings."""

from __future__ import annotations

from typing import Any

from services.billing.verification import store
from shared.context import Context

NAMED_AT_MOST = 200


def verify(ctx: Context) -> list[dict[str, Any]]:
    """What differs, per invoice, in minor units; empty where every open item is what its postings say."""
    store.allow_all_rows(ctx.session)
    return [
        {"document_id": row.invoice_id, "document": row.number or "", "detail": _detail(row)}
        for row in store.wrong_open_items(ctx.session, ctx.company_id, NAMED_AT_MOST)
    ]


def _detail(row: Any) -> str:
    if row.strangers:
        return f"{row.strangers} of its postings are of another customer or currency, or of no invoice"
    stored, posted = ("none" if each is None else str(each) for each in (row.balance, row.amount))
    if stored != posted:
        return f"its open balance is stored as {stored}, its postings are {posted}"
    return f"its open item is of {row.stored_total}, the invoice of {row.total}, or they are of different customers or currencies"
