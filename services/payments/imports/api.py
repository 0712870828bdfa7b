"""The bulk endpoint of receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from services.payments.imports import usecases
from services.payments.imports.usecases import Row
from services.payments.invoices.domain import NamedInvoice
from services.payments.receipts.domain import AskedLine, AskedReceipt
from shared.http.edge import Routes, ctx
from shared.http.schemas import Day, Id, In, MoneyField, Out, Text, lines, one_of

routes = Routes("payments_imports", __name__, description="Receipts of another system, in bulk")

MOST_ROWS = 1000


class InvoiceRef(In):
    id = Id("inv")
    number = Text(100, empty=False)

    @validates_schema
    def names_one(self, data: dict[str, Any], **_: Any) -> None:
        if ("id" in data) == ("number" in data):
            raise ValidationError("name the invoice by id or by number")


class ApplicationRow(In):
    invoice = fields.Nested(InvoiceRef, required=True)
    amount = MoneyField(required=True, positive=True)


class ReceiptRow(In):
    source = Text(60, required=True, empty=False)
    external_id = Text(100, required=True, empty=False)
    customer = Text(
        60, empty=False, load_default=None, metadata={"description": "code; that of the invoices where it is left out"}
    )
    received_on = Day(required=True)
    payment_type = Text(60, required=True, empty=False, metadata={"description": "name of a payment type"})
    amount = MoneyField(required=True, positive=True)
    invoice = fields.Nested(InvoiceRef, metadata={"description": "the one invoice that gets the whole amount"})
    applications = lines(ApplicationRow)
    overpayment = fields.String(load_default="refuse", validate=one_of("refuse", "prepayment"))
    check_number = Text(40, load_default="")

    @validates_schema
    def says_where_it_goes(self, data: dict[str, Any], **_: Any) -> None:
        if ("invoice" in data) == ("applications" in data):
            raise ValidationError({"invoice": ["name the invoice that gets the whole amount, or a list of applications"]})


class ReceiptsIn(In):
    rows = lines(ReceiptRow, longest=MOST_ROWS, required=True)


class ImportedOut(Out):
    external_id = fields.String(required=True)
    id = fields.String(required=True)


class ReceiptsImportedOut(Out):
    added = fields.Integer(required=True)
    known = fields.Integer(required=True, metadata={"description": "rows that were imported before with the same content"})
    items = fields.List(fields.Nested(ImportedOut), required=True)


def asked_row(body: Mapping[str, Any]) -> Row:
    if "invoice" in body:
        lines_place = ""
        asked_lines = [AskedLine("invoice", body["amount"], "", asked_invoice(body["invoice"]))]
    else:
        lines_place = "/applications"
        asked_lines = [
            AskedLine("invoice", each["amount"], f"/applications/{number}", asked_invoice(each["invoice"]))
            for number, each in enumerate(body["applications"])
        ]
    asked = AskedReceipt(
        payment_type=body["payment_type"],
        received_on=body["received_on"],
        amount=body["amount"],
        lines=tuple(asked_lines),
        check_number=body["check_number"],
        overpayment=body["overpayment"],
        lines_place=lines_place,
    )
    return Row(body["source"], body["external_id"], body["customer"], asked)


def asked_invoice(body: Mapping[str, Any]) -> NamedInvoice:
    if "id" in body:
        return NamedInvoice(invoice_id=body["id"], field="invoice/id")
    return NamedInvoice(invoice_number=body["number"], field="invoice/number")


@routes.post("/imports/receipts", permission="payments.import.run", money=True)
@routes.arguments(ReceiptsIn())  # an instance: a class is made into one again for every request
@routes.response(200, ReceiptsImportedOut)
def import_receipts(body: dict[str, Any]) -> dict[str, Any]:
    """Post up to 1000 receipts of another system, all or none; those that are known already stay as they are"""
    return usecases.import_receipts(replace(ctx(), origin="import"), [asked_row(row) for row in body["rows"]])
