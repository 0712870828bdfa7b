"""The bulk import of deposits over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from marshmallow import fields

from services.banking.deposits.api import RECEIPT_COUNT
from services.banking.deposits.domain import WantedDeposit
from services.banking.imports import usecases
from services.banking.imports.usecases import DEPOSITS_AT_MOST, ImportRow
from shared.http.edge import Routes, ctx
from shared.http.schemas import Day, Id, In, MoneyField, Out, Text, lines

routes = Routes("banking_imports", __name__, description="Deposits that were made elsewhere")


class ImportRowIn(In):
    source = Text(100, required=True, empty=False, metadata={"description": "the system or file that the external id belongs to"})
    external_id = Text(200, required=True, empty=False)
    posting_on = Day(required=True)
    bank_account_id = Id(
        "ban", load_default=None, metadata={"description": "the company's default bank account where none is named"}
    )
    receipt_ids = fields.List(Id("rct"), required=True, validate=RECEIPT_COUNT)
    fee = MoneyField(load_default=None, at_least_zero=True)
    fee_account = Text(20, load_default=None, empty=False)
    reference = Text(100, load_default="")
    notes = Text(2000, load_default="", multiline=True)


class ImportIn(In):
    rows = lines(ImportRowIn, DEPOSITS_AT_MOST, required=True)


class ImportItemOut(Out):
    source = fields.String(required=True)
    external_id = fields.String(required=True)
    id = fields.String(required=True)


class ImportOut(Out):
    added = fields.Integer(required=True)
    known = fields.Integer(required=True, metadata={"description": "rows that an earlier request brought, with the same content"})
    items = fields.List(fields.Nested(ImportItemOut), required=True)


@routes.post("/imports/deposits", permission="banking.import.run", money=True)
@routes.arguments(ImportIn)
@routes.response(200, ImportOut)
def import_deposits(body: dict[str, Any]) -> dict[str, Any]:
    """Import deposits with their receipts, each once, all or nothing"""
    return usecases.import_deposits(replace(ctx(), origin="import"), [_row(row) for row in body["rows"]])


def _row(row: dict[str, Any]) -> ImportRow:
    wanted = WantedDeposit(
        bank_account_id=row["bank_account_id"],
        posting_on=row["posting_on"],
        receipt_ids=tuple(row["receipt_ids"]),
        fee=row["fee"],
        fee_account=row["fee_account"],
        reference=row["reference"],
        notes=row["notes"],
    )
    return ImportRow(row["source"], row["external_id"], wanted)
