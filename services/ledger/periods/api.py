"""Routes of period closings."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.ledger.periods import store, usecases
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Day, Id, In, Out, Text, one_of

routes = Routes("ledger_periods", __name__, description="Closing the books up to a day")

STATES = ("closing", "closed", "cancelled")

LISTING = Listing(
    sorts={"asked_at": store.period_close_table.c.asked_at},
    key=store.period_close_table.c.id,
    filters={"state": lambda value: store.period_close_table.c.state == value},
)


class CloseIn(In):
    id = Id("pcl", load_default=None, metadata={"description": "made by the client, for a safe retry"})
    through = Day(required=True, metadata={"description": "the last day that is closed"})


class CancelIn(In):
    reason = Text(500, required=True, empty=False)


class CloseOut(Out):
    id = fields.String(required=True)
    through = fields.Date(required=True)
    state = fields.String(required=True, metadata={"description": "closing, closed or cancelled"})
    asked_by = fields.String(required=True)
    asked_at = fields.DateTime(required=True)
    expires_at = fields.DateTime(required=True)
    ended_at = fields.DateTime(allow_none=True)
    waits_for = fields.String(required=True, metadata={"description": "what was missing when it was last looked at"})
    reason = fields.String(required=True, metadata={"description": "why it was cancelled"})


class AnswerOut(Out):
    service = fields.String(required=True)
    sequence = fields.Integer(required=True, metadata={"description": "of the answer in the service's log"})
    answered_at = fields.DateTime(required=True)


class WholeCloseOut(CloseOut):
    answers = fields.List(fields.Nested(AnswerOut), required=True)


class CloseQuery(ListQuery):
    state = fields.String(validate=one_of(*STATES))
    sort = sort_field("asked_at", default="-asked_at")


@routes.post("/period-closes", permission="ledger.period.close")
@routes.arguments(CloseIn)
@routes.response(202, WholeCloseOut)
def ask_to_close(body: dict[str, Any]) -> dict[str, Any]:
    """Begin to close the books through a day; it ends when every service has stopped and the proof holds"""
    return usecases.ask_to_close(ctx(), body["through"], body["id"])


@routes.get("/period-closes", permission="ledger.period.read")
@routes.arguments(CloseQuery, location="query")
@routes.response(200, page_of(CloseOut))
def list_closes(query: dict[str, Any]) -> dict[str, Any]:
    """Closings"""
    return LISTING.page(ctx().session, store.all_closes(ctx().company_id), query)


@routes.get("/period-closes/<close_id>", permission="ledger.period.read")
@routes.response(200, WholeCloseOut)
def get_close(close_id: str) -> dict[str, Any]:
    """A closing: who has answered, what it waits for"""
    return usecases.get_close(ctx(), close_id)


@routes.post("/period-closes/<close_id>/cancel", permission="ledger.period.close")
@routes.arguments(CancelIn)
@routes.response(200, WholeCloseOut)
def cancel_close(body: dict[str, Any], close_id: str) -> dict[str, Any]:
    """Cancel a closing that is under way"""
    return usecases.cancel_close(ctx(), close_id, body["reason"])
