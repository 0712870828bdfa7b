"""Routes that every service has: how far it is, what is parked, the events of a document, the changes of a row."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import current_app
from marshmallow import fields, validate

from shared.db import hold_while_asking
from shared.http.edge import Routes, ctx
from shared.http.schemas import In, Out, Text
from shared.jobs import enqueue
from shared.log import store
from shared.peers import PeerUnreachable
from shared.service import Service

RETRY_PARKED = "retry-parked"


class PositionOut(Out):
    producer = fields.String(required=True)
    position = fields.Integer(required=True)
    head = fields.Integer(allow_none=True, metadata={"description": "null where the producer does not answer"})
    behind = fields.Integer(allow_none=True)
    forked = fields.String(
        allow_none=True,
        metadata={"description": "set where the producer's log is not the one that was read before: what differs"},
    )


class StatusOut(Out):
    service = fields.String(required=True)
    head = fields.Integer(required=True, metadata={"description": "last number of this service's log"})
    published_through = fields.Integer(required=True)
    positions = fields.List(fields.Nested(PositionOut), required=True)
    parked = fields.Integer(required=True, metadata={"description": "events of your company that wait for a person"})


class ParkedOut(Out):
    producer = fields.String(required=True)
    sequence = fields.Integer(required=True)
    event_id = fields.String(required=True)
    type = fields.String(required=True)
    subject = fields.String(required=True)
    error = fields.String(required=True)
    attempts = fields.Integer(required=True)
    parked_at = fields.DateTime(required=True)


class ParkedList(Out):
    items = fields.List(fields.Nested(ParkedOut), required=True)


class RetryIn(In):
    subject = Text(200, required=True, empty=False)


class RetryOut(Out):
    subject = fields.String(required=True)
    state = fields.String(required=True)


class EventsQuery(In):
    subject = Text(200, required=True, empty=False)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 200))


class EventOut(Out):
    id = fields.String(required=True)
    type = fields.String(required=True)
    sequence = fields.Integer(allow_none=True)
    recorded_at = fields.DateTime(allow_none=True)
    actor = fields.String(required=True)
    origin = fields.String(required=True)
    data = fields.Dict(required=True)


class EventList(Out):
    items = fields.List(fields.Nested(EventOut), required=True)


class ChangesQuery(In):
    table = Text(100, required=True, empty=False)
    key = Text(200, required=True, empty=False)
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 200))


class ChangeOut(Out):
    at = fields.DateTime(required=True)
    action = fields.String(required=True)
    actor = fields.String(required=True)
    address = fields.String(required=True)
    correlation_id = fields.String(required=True)
    before = fields.Dict(allow_none=True)
    after = fields.Dict(allow_none=True)


class ChangeList(Out):
    items = fields.List(fields.Nested(ChangeOut), required=True)


def common_routes(service: Service) -> Routes:
    """A fresh blueprint of them for one service."""
    routes = Routes(f"{service.name}_common", __name__, description="How far the service is, and its trails")

    @routes.get("/status", permission=f"{service.name}.status.read")
    @routes.response(200, StatusOut)
    def status() -> dict[str, Any]:
        """How far the service has taken in the logs that it follows"""
        state = current_app.extensions["duebook"]
        session = ctx().session
        hold_while_asking(session)
        head = store.head(session)
        positions, forks = store.positions(session), store.forks(session)
        return {
            "service": service.name,
            "head": head.seq,
            "published_through": head.published_through,
            "positions": [
                {**_position(state, producer, positions.get(producer, 0), head.seq), "forked": forks.get(producer)}
                for producer in service.follows
            ],
            "parked": len(store.parked(session)),
        }

    @routes.get("/parked-events", permission=f"{service.name}.status.read")
    @routes.response(200, ParkedList)
    def parked_events() -> dict[str, Any]:
        """Events that could not be taken in and wait for a person"""
        return {
            "items": [
                {
                    "producer": item.producer,
                    "sequence": item.seq,
                    "event_id": item.event_id,
                    "type": item.type,
                    "subject": item.subject,
                    "error": item.error,
                    "attempts": item.attempts,
                    "parked_at": item.parked_at,
                }
                for item in store.parked(ctx().session)
            ]
        }

    @routes.post("/parked-events/retry", permission=f"{service.name}.parked.retry")
    @routes.arguments(RetryIn)
    @routes.response(202, RetryOut)
    def retry_parked(body: dict[str, Any]) -> dict[str, Any]:
        """Run a subject's parked events again, in order; the worker does it within a second or two"""
        enqueue(ctx(), RETRY_PARKED, f"{body['subject']} {ctx().correlation_id}", {"subject": body["subject"]})
        return {"subject": body["subject"], "state": "asked for"}

    @routes.get("/events", permission=f"{service.name}.events.read")
    @routes.arguments(EventsQuery, location="query")
    @routes.response(200, EventList)
    def events(query: dict[str, Any]) -> dict[str, Any]:
        """What this service stated about a document, oldest first"""
        rows = ctx().session.exec_driver_sql(
            "select event_id, type, seq, recorded_at, body from log.event where company_id = %s and subject = %s "
            "order by id limit %s",
            (ctx().company_id, query["subject"], query["limit"]),
        )
        return {"items": [_event(row) for row in rows]}

    @routes.get("/changes", permission=f"{service.name}.changes.read")
    @routes.arguments(ChangesQuery, location="query")
    @routes.response(200, ChangeList)
    def changes(query: dict[str, Any]) -> dict[str, Any]:
        """Who changed a row, from where, when, with before and after; newest first"""
        rows = ctx().session.exec_driver_sql(
            "select at, action, actor, address, correlation_id, before, after from audit.change "
            "where company_id = %s and table_name = %s and row_key = %s order by id desc limit %s",
            (ctx().company_id, query["table"], query["key"], query["limit"]),
        )
        return {"items": [row._mapping for row in rows]}

    return routes


def _position(state: Any, producer: str, position: int, own_head: int) -> dict[str, Any]:
    head = own_head
    if producer != state.service.name:  # asking ourselves over HTTP could take every thread that might answer
        try:
            head = state.peers.get(producer, "/internal/status").json()["head"]
        except PeerUnreachable:
            return {"producer": producer, "position": position, "head": None, "behind": None}
    return {"producer": producer, "position": position, "head": head, "behind": max(0, head - position)}


def _event(row: Any) -> dict[str, Any]:
    body = msgspec.json.decode(row.body)
    return {
        "id": row.event_id,
        "type": row.type,
        "sequence": row.seq,
        "recorded_at": row.recorded_at,
        "actor": body["actor"],
        "origin": body["origin"],
        "data": body["data"],
    }
