"""What is stored of receipts, recomputed."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from services.payments.verification import usecases
from shared.http.edge import Routes, ctx
from shared.http.schemas import Out

routes = Routes("payments_verification", __name__, description="What is stored as applied and remaining, against its facts")


class WrongFigureOut(Out):
    document_id = fields.String(required=True, metadata={"description": "of the prepayment, the invoice or the receipt"})
    document = fields.String(required=True, metadata={"description": "the invoice's number, the receipt's check number"})
    detail = fields.String(required=True)


class FiguresOut(Out):
    faults = fields.List(fields.Nested(WrongFigureOut), required=True)


@routes.get("/verification", permission="payments.verification.read")
@routes.response(200, FiguresOut)
def verification() -> dict[str, Any]:
    """Recompute what is applied and what remains, name each that differs, two hundred of a kind at most"""
    return {"faults": usecases.verify(ctx())}
