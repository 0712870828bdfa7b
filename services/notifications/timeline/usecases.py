"""The customer timeline: what happened with a customer, from every service's facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.notifications.timeline import store
from shared.context import Context
from shared.money import Money


def timeline(ctx: Context, customer_id: str, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the customer's timeline; empty for one that is not known here (yet)."""
    page = store.page(ctx.session, ctx.company_id, customer_id, query)
    return {
        "items": [
            {**row, "amount": None if row["amount"] is None else Money(row["amount"], row["currency"])} for row in page["items"]
        ],
        "next_cursor": page["next_cursor"],
    }
