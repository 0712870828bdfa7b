"""Fields of payments' schemas, and what they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.payments.invoices.domain import NamedInvoice


def named_invoice(body: Mapping[str, Any]) -> NamedInvoice:
    """The invoice that a line names by `invoice_id` or by `invoice_number`."""
    if "invoice_id" in body:
        return NamedInvoice(invoice_id=body["invoice_id"], field="invoice_id")
    return NamedInvoice(invoice_number=body["invoice_number"], field="invoice_number")
