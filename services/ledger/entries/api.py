"""Routes of the journal."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.ledger.entries import store, views
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Day, Id, MoneyObject, Out, Text

routes = Routes("ledger_entries", __name__, description="The journal")

LISTING = Listing(
    sorts={"number": store.entry_table.c.number, "posting_on": store.entry_table.c.posting_on},
    key=store.entry_table.c.number,
    filters={
        "document_id": lambda value: store.of_document(ctx().company_id, value),
        "event_id": lambda value: store.entry_table.c.event_id == value,
        "from_": lambda value: store.entry_table.c.posting_on >= value,
        "to": lambda value: store.entry_table.c.posting_on <= value,
    },
)


class EntryOut(Out):
    id = fields.String(required=True)
    number = fields.Integer(required=True, metadata={"description": "1, 2, 3 … per company, without gaps"})
    kind = fields.String(required=True)
    document_id = fields.String(required=True)
    document = fields.String(required=True, metadata={"description": "the document's number, where it has one"})
    document_link = fields.String(allow_none=True)
    description = fields.String(required=True, metadata={"description": "what a person wrote: a reason, a manual entry's text"})
    currency = fields.String(required=True)
    occurred_on = fields.Date(required=True, metadata={"description": "the fact's date"})
    posting_on = fields.Date(required=True, metadata={"description": "the date it counts for in the books"})
    recorded_at = fields.DateTime(required=True, metadata={"description": "when the event was recorded in its service's log"})
    producer = fields.String(required=True)
    sequence = fields.Integer(required=True, metadata={"description": "the event's number in its producer's log"})
    event_id = fields.String(required=True)
    event_link = fields.String(required=True)
    reverses = fields.String(allow_none=True, metadata={"description": "the entry that this one reverses"})
    hash = fields.String(required=True, metadata={"description": "SHA-256 over the entry and the hash before it, hexadecimal"})


class EntryPostingOut(Out):
    line = fields.Integer(required=True)
    account = fields.String(required=True)
    account_name = fields.String(allow_none=True)
    side = fields.String(required=True)
    amount = fields.Nested(MoneyObject, required=True)
    customer_id = fields.String(allow_none=True)
    document_id = fields.String(required=True)
    document_link = fields.String(allow_none=True)


class WholeEntryOut(EntryOut):
    reversed_by = fields.String(allow_none=True, metadata={"description": "the entry that reverses this one"})
    postings = fields.List(fields.Nested(EntryPostingOut), required=True)


class EntryQuery(ListQuery):
    document_id = Text(40, empty=False)
    event_id = Id("evt")
    from_ = Day(data_key="from")
    to = Day()
    sort = sort_field("number", "posting_on", default="-number")


@routes.get("/entries", permission="ledger.entry.read")
@routes.arguments(EntryQuery, location="query")
@routes.response(200, page_of(EntryOut))
def list_entries(query: dict[str, Any]) -> dict[str, Any]:
    """Journal entries; those of a document are also those that name it, such as the receipts of an invoice"""
    page = LISTING.page(ctx().session, store.all_entries(ctx().company_id), query)
    return {**page, "items": [views.summary(item) for item in page["items"]]}


@routes.get("/entries/<entry_id>", permission="ledger.entry.read")
@routes.response(200, WholeEntryOut)
def get_entry(entry_id: str) -> dict[str, Any]:
    """An entry with its postings, its document, its event and its reversal"""
    return views.get_entry(ctx(), entry_id)
