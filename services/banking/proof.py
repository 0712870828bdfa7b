"""Banking's figures for a proof: what waits for a deposit (P4) and the book balance of each bank account (P5)."""

from __future__ import annotations

from typing import Any

from services.banking.bank_accounts import store as bank_accounts
from services.banking.receipts import store as receipts
from shared.context import Context

UNDEPOSITED = "undeposited"
"""Key of the receipts that wait, where `documents` asks for them; bank accounts go by the code of their ledger account."""


def proof(ctx: Context, params: dict[str, str]) -> dict[str, Any]:
    """Sums per currency and per bank account, in minor units, without zero ones; with `documents`, what makes up those named."""
    figures: dict[str, Any] = {
        "undeposited": [list(row) for row in receipts.undeposited_totals(ctx.session, ctx.company_id) if row[1]],
        "banks": [list(row) for row in bank_accounts.book_totals(ctx.session, ctx.company_id) if row[2]],
    }
    if params.get("documents"):
        figures["documents"] = _documents(ctx, params["documents"].split(","))
    return figures


def _documents(ctx: Context, keys: list[str]) -> list[list[Any]]:
    found: list[list[Any]] = []
    if UNDEPOSITED in keys:
        found += [
            [UNDEPOSITED, row.id, row.posting_on.isoformat(), row.currency, row.amount]
            for row in receipts.undeposited_documents(ctx.session, ctx.company_id)
        ]
    found += [list(row) for row in bank_accounts.posting_documents(ctx.session, ctx.company_id, keys)]
    return found
