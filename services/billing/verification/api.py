"""The stored balances of the sub-ledger, recomputed."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.billing.verification import usecases
from shared.http.edge import Routes, ctx
from shared.http.schemas import Out

routes = Routes("billing_verification", __name__, description="The sub-ledger's stored balances against its postings")


class WrongBalanceOut(Out):
    document_id = fields.String(required=True, metadata={"description": "of the invoice"})
    document = fields.String(required=True, metadata={"description": "its number"})
    detail = fields.String(required=True)


class BalancesOut(Out):
    faults = fields.List(fields.Nested(WrongBalanceOut), required=True)


@routes.get("/verification", permission="billing.verification.read")
@routes.response(200, BalancesOut)
def verification() -> dict[str, Any]:
    """Recompute every open item from its postings and name each that differs, two hundred at most"""
    return {"faults": usecases.verify(ctx())}
