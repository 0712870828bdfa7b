"""Proofs over HTTP."""

from __future__ import annotations

from typing import Any

from flask import current_app
from marshmallow import fields, validate

from services.ledger.proofs import store, usecases
from services.ledger.proofs.domain import Proof, overall
from shared.http.edge import Routes, ctx
from shared.http.schemas import In, Out
from shared.ids import new_id

routes = Routes("ledger_proofs", __name__, description="Proofs that the books agree, made while they run")


class DifferenceOut(Out):
    key = fields.String(required=True, metadata={"description": "customer, account code, or `undeposited`"})
    currency = fields.String(required=True)
    ledger = fields.Integer(required=True, metadata={"description": "the ledger's figure, minor units, debit above zero"})
    owner = fields.Integer(required=True, metadata={"description": "the owner's figure, minor units, by the same sign"})
    documents = fields.List(fields.String(), required=True, metadata={"description": "on which both sides disagree"})


class ProofTotalOut(Out):
    currency = fields.String(required=True)
    ledger = fields.Integer(required=True)
    owner = fields.Integer(required=True)


class ProofOut(Out):
    code = fields.String(required=True)
    title = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["green", "red", "unknown"]))
    totals = fields.List(fields.Nested(ProofTotalOut), required=True)
    clock = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    differences = fields.List(fields.Nested(DifferenceOut), required=True)
    reason = fields.String(required=True)


class ProofsOut(Out):
    id = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["green", "red", "unknown"]))
    proved_at = fields.DateTime(required=True)
    proofs = fields.List(fields.Nested(ProofOut), required=True)


class HistoryQuery(In):
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 200))


class HistoryOut(Out):
    items = fields.List(fields.Nested(ProofsOut), required=True)


@routes.get("/proofs", permission="ledger.proof.read")
@routes.response(200, ProofsOut)
def proofs() -> dict[str, Any]:
    """Prove the books now, P1 to P5, and keep the answer"""
    context = ctx()
    found = usecases.prove(context, current_app.extensions["duebook"].peers)
    at = context.clock.now()
    proof_id, state, shown = new_id("prf"), overall(proof.state for proof in found).value, [_shown(proof) for proof in found]
    store.add_proof(context.session, context.company_id, proof_id, state, at, context.actor, shown)
    return {"id": proof_id, "state": state, "proved_at": at, "proofs": shown}


@routes.get("/proofs/history", permission="ledger.proof.read")
@routes.arguments(HistoryQuery, location="query")
@routes.response(200, HistoryOut)
def history(query: dict[str, Any]) -> dict[str, Any]:
    """The last proofs, newest first"""
    rows = store.last_proofs(ctx().session, ctx().company_id, query["limit"])
    return {"items": [{"id": row.id, "state": row.state, "proved_at": row.proved_at, "proofs": row.answer} for row in rows]}


def _shown(proof: Proof) -> dict[str, Any]:
    return {
        "code": proof.code,
        "title": proof.title,
        "state": proof.state.value,
        "totals": [
            {"currency": currency, "ledger": proof.ledger.get(currency, 0), "owner": proof.owner.get(currency, 0)}
            for currency in sorted(proof.ledger.keys() | proof.owner.keys())
        ],
        "clock": proof.clock,
        "differences": [
            {
                "key": difference.key,
                "currency": difference.currency,
                "ledger": difference.ledger,
                "owner": difference.owner,
                "documents": list(difference.documents),
            }
            for difference in proof.differences
        ],
        "reason": proof.reason,
    }
