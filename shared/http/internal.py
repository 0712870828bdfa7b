"""What services ask of each other, refused by the gateway: pages of the log, an event's number, a proof's figures."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from sqlalchemy.exc import DBAPIError

from shared.context import Context
from shared.db import DEADLOCK, LOCK_TIMEOUT, SERIALIZATION_FAILURE, enter_companies, sqlstate
from shared.errors import Conflict, NotFound, Unauthenticated, Unavailable
from shared.http.auth import bearer_token
from shared.log import store
from shared.peers import internal_caller

internal = Blueprint("internal", __name__, url_prefix="/internal")
PROOF_ATTEMPTS = 20


class ProofUnsettled(Unavailable):
    """The clock of this proof could not be fixed just now; ask again."""

    code = "proof-unsettled"


class LogIsShorter(Conflict):
    """This log has not that many events: it is not the one that was read before."""

    code = "log-is-shorter"


@internal.before_request
def only_services() -> None:
    state = current_app.extensions["duebook"]
    if internal_caller(bearer_token(), state.settings.internal_secret, state.settings.time.now()) is None:
        raise Unauthenticated("this is for the services of the installation")


@internal.get("/log")
def log_after() -> Response:
    """The page after number `after`; one without events where the log ends there, 409 where it ends before: whoever asks has
    read another log. Numbers first, so a stalled relay stalls nobody."""
    state = current_app.extensions["duebook"]
    after = request.args.get("after", 0, type=int)
    with state.database.log.connect() as connection:
        last = store.number(connection)
        if after > last:
            raise LogIsShorter()
        page = store.page_after(connection, state.service.name, after)
        body = page.body if page else store.end_after(connection, state.service.name, after)
    return Response(body, mimetype="application/json")


@internal.get("/events/<event_id>")
def number_of_event(event_id: str) -> Response:
    """The number that an event of `company` has in this service's log. Another company's is as unknown as none."""
    state = current_app.extensions["duebook"]
    company_id = request.args.get("company", type=int)
    if company_id is None:
        raise NotFound("an event is asked for with its company")
    with state.database.log.connect() as connection:
        number = store.numbered(connection, event_id, company_id)
    if number is None:
        raise NotFound("there is no such event in this log")
    return jsonify({"sequence": number})


@internal.get("/proof")
def proof() -> Response:
    """This service's figures for a proof of `company`, with the clock at which they are exact.

    One REPEATABLE READ transaction that first locks the log's head and numbers every committed event: what its snapshot
    holds and what the numbers cover is then the same. Repeated when another numbering came in between.
    """
    state = current_app.extensions["duebook"]
    company_id = request.args.get("company", type=int)
    if state.service.proof is None or company_id is None:
        raise NotFound("this service states nothing in proofs")
    params = {key: value for key, value in request.args.items() if key != "company"}
    for _ in range(PROOF_ATTEMPTS):
        try:
            return jsonify(_proof(state, company_id, params))
        except DBAPIError as error:
            if sqlstate(error) not in (SERIALIZATION_FAILURE, DEADLOCK, LOCK_TIMEOUT):
                raise
    raise ProofUnsettled()


def _proof(state: Any, company_id: int, params: dict[str, str]) -> dict[str, Any]:
    with state.database.api.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        last = -1
        while (number := connection.exec_driver_sql("select log.number_events(5000)").scalar_one()) != last:
            last = number
        enter_companies(connection, [company_id], "service:ledger")
        ctx = Context(
            session=connection,
            clock=state.settings.clock,
            service=state.service.name,
            company_id=company_id,
            actor="service:ledger",
            correlation_id="",
        )
        clock = {**store.positions(connection), state.service.name: last}
        parked = [f"{item.producer}:{item.event_id}" for item in store.parked(connection)]
        return {"clock": clock, "parked": parked, "forked": store.forks(connection), **state.service.proof(ctx, params)}


@internal.get("/status")
def status() -> Response:
    """How far this service is: its log's head, what is published, its positions, what is parked."""
    state = current_app.extensions["duebook"]
    with state.database.log.connect() as connection:
        store.number(connection)
        head = store.head(connection)
        positions = store.positions(connection)
    return jsonify({"head": head.seq, "published_through": head.published_through, "positions": positions})
