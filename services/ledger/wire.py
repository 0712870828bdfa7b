"""Shapes that several nouns of this service answer with."""

from __future__ import annotations

from typing import Any

from shared.ids import derived_id

DOCUMENTS = {
    "inv": "/api/billing/invoices/",
    "rct": "/api/payments/receipts/",
    "pra": "/api/payments/prepayment-applications/",
    "dep": "/api/banking/deposits/",
    "man": "/api/ledger/manual-entries/",
}
"""Where a document is read, by the prefix of its id."""


def wire_money(minor: int, currency: str) -> dict[str, Any]:
    return {"amount": int(minor), "currency": currency}


def entry_id(event_id: str) -> str:
    """The id of the entry of an event: `je_` and the rest of the event's id."""
    return derived_id("je", event_id)


def event_of(entry: str) -> str:
    """The id of the event whose entry this is."""
    return "evt_" + entry.removeprefix("je_")


def document_link(document_id: str) -> str | None:
    """Path under which the document is read; None where no service shows it by itself."""
    place = DOCUMENTS.get(document_id.partition("_")[0])
    return place + document_id if place else None


def event_link(producer: str, subject: str) -> str:
    """Path of what the producer stated about the document."""
    return f"/api/{producer}/events?subject={subject}"
