"""The whole chain, verified in steps that each answer quickly; with the last one, the stored balances."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.ledger.verification import store
from services.ledger.verification.usecases import since_checkpoint, verify, verify_balances
from shared.http.edge import Routes, ctx
from shared.http.schemas import In, Out

routes = Routes("ledger_verification", __name__, description="The hash chain over the journal, and its stored balances")

STEP = 5000


class VerificationQuery(In):
    after = fields.Integer(
        load_default=0, validate=validate.Range(0, 2**62), metadata={"description": "number of the entry to go on from; 0 begins"}
    )


class ChainFaultOut(Out):
    number = fields.Integer(required=True, allow_none=True, metadata={"description": "of the entry; null for a stored balance"})
    detail = fields.String(required=True)


class VerificationOut(Out):
    checked = fields.Integer(required=True)
    through = fields.Integer(required=True, metadata={"description": "the last entry that was found whole"})
    next_after = fields.Integer(allow_none=True, required=True, metadata={"description": "null once the end was reached"})
    faults = fields.List(fields.Nested(ChainFaultOut), required=True)


@routes.get("/verification", permission="ledger.verification.read")
@routes.arguments(VerificationQuery, location="query")
@routes.response(200, VerificationOut)
def verification(query: dict[str, Any]) -> dict[str, Any]:
    """Recompute the hash chain over the next entries and name the first that was altered; at its end, every wrong balance"""
    session, company_id, after = ctx().session, ctx().company_id, query["after"]
    checkpoint = store.checkpoint(session, company_id)
    found = verify(session, company_id, after, store.hash_of(session, company_id, after) or bytes(32), STEP)
    faults = found.faults
    at_end = found.number >= found.last
    if at_end and not faults:
        faults = since_checkpoint(session, company_id, *checkpoint, found.last) or verify_balances(session, company_id)
    return {
        "checked": found.checked,
        "through": found.number,
        "next_after": None if at_end or faults else found.number,
        "faults": [{"number": fault.number, "detail": fault.detail} for fault in faults],
    }
