"""What can be paid."""

from __future__ import annotations

from typing import Any

from services.payments.invoices import store
from shared.context import Context
from shared.errors import NotFound
from shared.ids import derived_id


class NoSuchInvoice(NotFound):
    """Payments knows no issued invoice with this id."""

    code = "invoice-not-found"


def get_invoice(ctx: Context, invoice_id: str) -> dict[str, Any]:
    """The invoice with what was applied to it. Raises NoSuchInvoice.

    `open` is what payments may still apply: zero where the invoice is void.
    """
    row = store.get(ctx.session, ctx.company_id, invoice_id)
    if row is None:
        raise NoSuchInvoice()
    applications = [
        {**each._mapping, "entry_id": derived_id("je", each.event_id)}
        for each in store.applications(ctx.session, ctx.company_id, invoice_id)
    ]
    return {**row, "open": 0 if row["voided"] else row["open"], "applications": applications}
