"""What people read of the journal: entries with their postings, links to the document and to the event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.ledger.entries import store
from services.ledger.wire import document_link, entry_id, event_link, event_of, wire_money
from shared.context import Context
from shared.errors import NotFound


class NoSuchEntry(NotFound):
    """There is no such journal entry; perhaps its event has not been posted yet."""

    code = "entry-not-found"


def summary(row: Mapping[Any, Any]) -> dict[str, Any]:
    """An entry as a list shows it."""
    return {
        **row,
        "id": entry_id(row["event_id"]),
        "document_link": document_link(row["document_id"]),
        "event_link": event_link(row["producer"], row["subject"]),
        "reverses": entry_id(row["reverses"]) if row["reverses"] else None,
        "hash": row["hash"].hex(),
    }


def get_entry(ctx: Context, wanted: str) -> dict[str, Any]:
    """An entry with its postings and both links of a reversal. Raises NoSuchEntry."""
    event_id = event_of(wanted)
    row = store.entry_of_event(ctx.session, ctx.company_id, event_id)
    if row is None:
        raise NoSuchEntry()
    reversed_by = store.reversal_of(ctx.session, ctx.company_id, event_id)
    lines = store.postings(ctx.session, ctx.company_id, row.number)
    return {
        **summary(row._mapping),
        "reversed_by": entry_id(reversed_by) if reversed_by else None,
        "postings": [
            {
                **line._mapping,
                "amount": wire_money(line.amount, row.currency),
                "document_id": line.document_id or row.document_id,
                "document_link": document_link(line.document_id or row.document_id),
            }
            for line in lines
        ],
    }
