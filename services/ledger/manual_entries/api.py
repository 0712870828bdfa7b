"""Routes of manual entries."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.ledger.accounts.api import AccountCode
from services.ledger.manual_entries import store, usecases
from services.ledger.manual_entries.domain import ManualLine
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Day, Id, In, MoneyField, MoneyObject, Out, Text, lines, one_of

routes = Routes("ledger_manual_entries", __name__, description="Journal entries that a person writes")

LISTING = Listing(
    sorts={"occurred_on": store.manual_entry_table.c.occurred_on},
    key=store.manual_entry_table.c.id,
    filters={
        "from_": lambda value: store.manual_entry_table.c.occurred_on >= value,
        "to": lambda value: store.manual_entry_table.c.occurred_on <= value,
    },
)


class ManualLineIn(In):
    account = AccountCode(required=True)
    side = fields.String(required=True, validate=one_of("debit", "credit"))
    amount = MoneyField(required=True, positive=True)
    memo = Text(200, load_default="")


class ManualEntryIn(In):
    id = Id("man", load_default=None, metadata={"description": "made by the client, for a safe retry"})
    occurred_on = Day(load_default=None, metadata={"description": "today by default"})
    description = Text(500, required=True, empty=False)
    lines = lines(ManualLineIn, shortest=2, required=True)


class ReversalIn(In):
    occurred_on = Day(load_default=None, metadata={"description": "today by default; not before the entry"})
    reason = Text(500, required=True, empty=False)


class ManualLineOut(Out):
    account = fields.String(required=True)
    account_name = fields.String(required=True)
    side = fields.String(required=True)
    amount = fields.Nested(MoneyObject, required=True)
    memo = fields.String(required=True)


class ManualEntryOut(Out):
    id = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": "posted or reversed"})
    currency = fields.String(required=True)
    description = fields.String(required=True)
    occurred_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    posted_by = fields.String(required=True)
    posted_at = fields.DateTime(required=True)
    lines = fields.List(fields.Nested(ManualLineOut), required=True)
    entry_id = fields.String(required=True, metadata={"description": "its entry in the journal"})
    reversed_on = fields.Date(allow_none=True)
    reversed_by = fields.String(allow_none=True)
    reversal_reason = fields.String(allow_none=True)
    reversal_entry_id = fields.String(allow_none=True)


class ManualEntryQuery(ListQuery):
    from_ = Day(data_key="from")
    to = Day()
    sort = sort_field("occurred_on", default="-occurred_on")


@routes.post("/manual-entries", permission="ledger.manual_entry.post", money=True)
@routes.arguments(ManualEntryIn)
@routes.response(201, ManualEntryOut)
@routes.alt_response(200, schema=ManualEntryOut, description="the entry that was made under this id before", success=True)
def post_manual_entry(body: dict[str, Any]) -> Any:
    """Post a journal entry of your own; control accounts belong to their documents"""
    given = [ManualLine(**line) for line in body["lines"]]
    made, new = usecases.post_manual_entry(ctx(), given, body["description"], body["occurred_on"], body["id"])
    return made, 201 if new else 200


@routes.post("/manual-entries/<manual_entry_id>/reverse", permission="ledger.manual_entry.reverse", money=True)
@routes.arguments(ReversalIn)
@routes.response(200, ManualEntryOut)
def reverse_manual_entry(body: dict[str, Any], manual_entry_id: str) -> dict[str, Any]:
    """Reverse a manual entry, once"""
    return usecases.reverse_manual_entry(ctx(), manual_entry_id, body["occurred_on"], body["reason"])


@routes.get("/manual-entries", permission="ledger.manual_entry.read")
@routes.arguments(ManualEntryQuery, location="query")
@routes.response(200, page_of(ManualEntryOut))
def list_manual_entries(query: dict[str, Any]) -> dict[str, Any]:
    """Manual entries"""
    page = LISTING.page(ctx().session, store.all_entries(ctx().company_id), query)
    return {**page, "items": usecases.with_lines(ctx(), page["items"])}


@routes.get("/manual-entries/<manual_entry_id>", permission="ledger.manual_entry.read")
@routes.response(200, ManualEntryOut)
def get_manual_entry(manual_entry_id: str) -> dict[str, Any]:
    """A manual entry with its lines"""
    return usecases.get_manual_entry(ctx(), manual_entry_id)
