"""The receipts that wait for a deposit: what the worker keeps of them, and the list that a deposit is made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from services.banking.receipts import store
from shared.context import Context
from shared.ids import derived_id
from shared.money import Money


def undeposited_receipts(ctx: Context, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the receipts that wait for a deposit, with number and sum of all that the filters let through:
    per deposit group, and per currency over all groups.

    A receipt whose void has not arrived yet is still in the list.
    """
    page = store.undeposited_page(ctx.session, ctx.company_id, query)
    sums = store.undeposited_sums(ctx.session, ctx.company_id, query)
    receipts: Counter[str] = Counter()
    amounts: Counter[str] = Counter()
    for row in sums:
        receipts[row.currency] += row.receipts
        amounts[row.currency] += int(row.total)
    return {
        "items": [
            {**row, "amount": Money(row["amount"], row["currency"]), "entry_id": derived_id("je", row["event_id"])}
            for row in page["items"]
        ],
        "next_cursor": page["next_cursor"],
        "groups": [
            {"deposit_group": row.deposit_group, "receipts": row.receipts, "total": Money(int(row.total), row.currency)}
            for row in sums
        ],
        "totals": [{"receipts": receipts[currency], "total": Money(amounts[currency], currency)} for currency in sorted(amounts)],
    }
