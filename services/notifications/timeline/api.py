"""The customer timeline over HTTP (F-CUST-29)."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.notifications.timeline import usecases
from services.notifications.timeline.domain import KINDS
from shared.http.edge import Routes, ctx
from shared.http.paging import ListQuery, page_of, sort_field
from shared.http.schemas import Day, MoneyField, Out, one_of

routes = Routes("notifications_timeline", __name__, description="Everything that happened with a customer, in one list")


class TimelineQuery(ListQuery):
    sort = sort_field("at", default="-at")
    kind = fields.String(load_default=None, validate=one_of(*KINDS))
    occurred_from = Day(load_default=None)
    occurred_to = Day(load_default=None)


class TimelineEntryOut(Out):
    at = fields.DateTime(required=True, metadata={"description": "when it was recorded"})
    occurred_on = fields.Date(required=True)
    kind = fields.String(required=True, validate=one_of(*KINDS))
    producer = fields.String(required=True)
    event_id = fields.String(required=True)
    document_id = fields.String(required=True)
    number = fields.String(
        required=True, metadata={"description": "the document's number, check number or reference; may be empty"}
    )
    amount = MoneyField(allow_none=True, metadata={"description": "this customer's part, where the document is of several"})
    actor = fields.String(required=True)


@routes.get("/customers/<customer_id>/timeline", permission="notifications.timeline.read")
@routes.arguments(TimelineQuery, location="query")
@routes.response(200, page_of(TimelineEntryOut))
def timeline(query: dict[str, Any], customer_id: str) -> dict[str, Any]:
    """What happened with a customer, newest first: invoices, receipts, applications, deposits and their voids"""
    return usecases.timeline(ctx(), customer_id, query)
