"""What payments states in a proof: unapplied prepayments per customer and currency (P3)."""

from __future__ import annotations

from typing import Any

from services.payments.prepayments import store
from shared.context import Context


def proof(ctx: Context, params: dict[str, str]) -> dict[str, Any]:
    """`prepayments`: [customer id, currency, minor units], non-zero ones. With `documents=<customer id,…>` also each
    prepayment of those customers: [customer id, prepayment id, receipt id, currency, minor units]."""
    figures: dict[str, Any] = {"prepayments": store.proof_rows(ctx.session, ctx.company_id)}
    wanted = [customer_id for customer_id in params.get("documents", "").split(",") if customer_id]
    if wanted:
        figures["documents"] = store.proof_documents(ctx.session, ctx.company_id, wanted)
    return figures
