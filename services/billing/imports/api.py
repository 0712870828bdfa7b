"""The route of the bulk import."""

from __future__ import annotations

import dataclasses
from typing import Any

from marshmallow import fields

from services.billing.imports import usecases
from services.billing.invoices.api import LineIn
from shared.http.edge import Routes, ctx
from shared.http.schemas import Currency, Day, In, MoneyField, Out, Text, lines

routes = Routes("billing_imports", __name__, description="Bulk import of issued invoices")

MOST_ROWS = 1000


class ImportedCustomerIn(In):
    code = Text(40, required=True, empty=False)
    name = Text(200, required=True, empty=False)


class InvoiceRowIn(In):
    source = Text(
        60, required=True, empty=False, metadata={"description": "where it comes from; its numbers are a series of their own"}
    )
    external_id = Text(
        100, required=True, empty=False, metadata={"description": "known once a source: importing again adds nothing"}
    )
    customer = fields.Nested(ImportedCustomerIn, required=True)
    number = Text(60, required=True, empty=False)
    issued_on = Day(required=True)
    due_on = Day(metadata={"description": "by the customer's terms where it is not given"})
    currency = Currency()
    amount = MoneyField(metadata={"description": "the whole invoice as one line; or give `lines` and `currency`"})
    description = Text(500, load_default="Imported invoice", empty=False)
    account = Text(40, empty=False, metadata={"description": "ledger account of the one line"})
    customer_reference = Text(100)
    lines = lines(LineIn, longest=100)


class ImportIn(In):
    rows = lines(InvoiceRowIn, longest=MOST_ROWS, required=True)


class ImportedOut(Out):
    external_id = fields.String(required=True)
    id = fields.String(required=True)


class ImportOut(Out):
    added = fields.Integer(required=True)
    known = fields.Integer(required=True)
    items = fields.List(fields.Nested(ImportedOut), required=True)


@routes.post("/imports/invoices", permission="billing.import.run", money=True)
@routes.arguments(ImportIn())
@routes.response(200, ImportOut)
def import_invoices(body: dict[str, Any]) -> Any:
    """Import issued invoices with their customers: all rows or none, known rows are left as they are"""
    return usecases.import_invoices(dataclasses.replace(ctx(), origin="import"), body["rows"])
