"""Names every prepayment, invoice and receipt whose stored figure is not what its facts say."""

from __future__ import annotations

from typing import Any

from services.payments.verification import store
from shared.context import Context

NAMED_AT_MOST = 200


def verify(ctx: Context) -> list[dict[str, Any]]:
    """What differs, per document, in minor units; empty where all money is where the applications say that it is."""
    store.allow_all_rows(ctx.session)
    looked_up = (ctx.session, ctx.company_id, NAMED_AT_MOST)
    prepayments = [
        _fault(
            row.id,
            "",
            f"a prepayment of receipt {row.receipt_id}: {row.stored} is stored as remaining, its applications leave {row.amount}",
        )
        for row in store.wrong_prepayments(*looked_up)
    ]
    invoices = [_fault(row.id, row.number, _of_invoice(row)) for row in store.wrong_invoices(*looked_up)]
    receipts = [
        _fault(row.id, row.check_number, f"it is of {row.stored}; applications, prepayments and accounts have {row.amount} of it")
        for row in store.wrong_receipts(*looked_up)
    ]
    return [*prepayments, *invoices, *receipts]


def _of_invoice(row: Any) -> str:
    if row.stored != row.amount:
        stored = "nothing" if row.stored is None else row.stored
        return f"{stored} is stored as applied to it, its live applications are {row.amount}"
    return f"it counts as one of {row.stored_total}, and is of {row.total}"


def _fault(document_id: str, document: str | None, detail: str) -> dict[str, Any]:
    return {"document_id": document_id, "document": document or "", "detail": detail}
