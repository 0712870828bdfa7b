"""Routes of receipts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from services.payments.fields import named_invoice
from services.payments.receipts import store, usecases
from services.payments.receipts.domain import AskedLine, AskedReceipt
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import Day, Id, In, MoneyField, Out, RowMoney, Text, lines, one_of

routes = Routes("payments_receipts", __name__, description="Money received, what it was applied to, voids")


class ReceiptLineIn(In):
    kind = fields.String(
        required=True,
        validate=one_of("invoice", "prepayment", "account"),
        metadata={"description": "invoice: with invoice_id or invoice_number; account: with account; prepayment: by itself"},
    )
    amount = MoneyField(required=True, positive=True)
    invoice_id = Id("inv")
    invoice_number = Text(100, empty=False)
    account = Text(40, empty=False, metadata={"description": "code of a ledger account that is no control account"})
    notes = Text(500, load_default="")

    @validates_schema
    def names_what_its_kind_needs(self, data: dict[str, Any], **_: Any) -> None:
        kind = data.get("kind")
        faults = {}
        if kind == "invoice" and ("invoice_id" in data) == ("invoice_number" in data):
            faults["invoice_id"] = ["an invoice line names one invoice, by invoice_id or by invoice_number"]
        if kind == "account" and "account" not in data:
            faults["account"] = ["an account line names an account"]
        for name, of in (("invoice_id", "invoice"), ("invoice_number", "invoice"), ("account", "account")):
            if kind != of and name in data:
                faults[name] = [f"a line of kind {kind} has none"]
        if faults:
            raise ValidationError(faults)


class ReceiptIn(In):
    id = Id("rct", metadata={"description": "made by the client, for a safe retry"})
    customer_id = Id("cus", required=True)
    received_on = Day(required=True, metadata={"description": "the date it counts for in the books; not after today"})
    payment_type = Text(60, required=True, empty=False, metadata={"description": "name of a payment type"})
    amount = MoneyField(required=True, positive=True)
    lines = lines(ReceiptLineIn, shortest=0, required=True)
    overpayment = fields.String(
        load_default="refuse",
        validate=one_of("refuse", "prepayment"),
        metadata={"description": "prepayment: what the lines leave over becomes one more line, a prepayment"},
    )
    check_number = Text(40, load_default="", metadata={"description": "required where the payment type needs it"})
    payer_name = Text(200, load_default=None, empty=False, metadata={"description": "who paid, where it is not the customer"})
    deposit_group = Text(60, load_default=None, empty=False, metadata={"description": "in place of the payment type's own"})
    cash_account = Text(
        40, load_default=None, empty=False, metadata={"description": "another clearing account, where the payment type allows it"}
    )
    notes = Text(2000, load_default="", multiline=True)


class VoidIn(In):
    voided_on = Day(load_default=None, metadata={"description": "today where it is left out; never before the receipt"})
    reason = Text(500, required=True, empty=False)


class ReceiptSummaryOut(Out):
    id = fields.String(required=True)
    customer_id = fields.String(required=True)
    payer_name = fields.String(required=True)
    received_on = fields.Date(required=True)
    posting_on = fields.Date(required=True)
    payment_type = fields.String(required=True)
    needs_deposit = fields.Boolean(required=True)
    cash_account = fields.String(allow_none=True, metadata={"description": "null stands for undeposited funds"})
    deposit_group = fields.String(allow_none=True)
    check_number = fields.String(required=True)
    amount = RowMoney(required=True)
    notes = fields.String(required=True)
    state = fields.String(required=True, validate=one_of("posted", "voided"))
    deposit_state = fields.String(required=True, validate=one_of("not_needed", "undeposited", "deposited", "returned"))
    deposit_id = fields.String(allow_none=True)
    voided_on = fields.Date(allow_none=True)
    voided_by = fields.String(allow_none=True)
    void_reason = fields.String(allow_none=True)
    entry_id = fields.String(required=True, metadata={"description": "the journal entry of the receipt, in the ledger"})
    void_entry_id = fields.String(allow_none=True)
    created_by = fields.String(required=True)


class ReceiptLineOut(Out):
    line = fields.Integer(required=True)
    kind = fields.String(required=True)
    amount = RowMoney(required=True)
    application_id = fields.String(allow_none=True)
    invoice_id = fields.String(allow_none=True)
    invoice_number = fields.String(allow_none=True)
    prepayment_id = fields.String(allow_none=True)
    account = fields.String(allow_none=True)
    notes = fields.String(required=True)


class ApplicationOut(Out):
    id = fields.String(required=True)
    invoice_id = fields.String(required=True)
    invoice_number = fields.String(allow_none=True)
    prepayment_id = fields.String(allow_none=True, metadata={"description": "the prepayment whose money was applied"})
    amount = RowMoney(required=True)
    live = RowMoney(
        required=True, metadata={"description": "what still counts: less what was displaced, zero once the receipt is void"}
    )
    displaced = RowMoney(required=True)
    posting_on = fields.Date(required=True)
    entry_id = fields.String(required=True)


class ReceiptPrepaymentOut(Out):
    id = fields.String(required=True)
    origin = fields.String(required=True)
    amount = RowMoney(required=True)
    remaining = RowMoney(required=True)
    posting_on = fields.Date(required=True)
    entry_id = fields.String(required=True)


class ReceiptOut(ReceiptSummaryOut):
    lines = fields.List(fields.Nested(ReceiptLineOut), required=True)
    applications = fields.List(fields.Nested(ApplicationOut), required=True)
    prepayments = fields.List(fields.Nested(ReceiptPrepaymentOut), required=True)


class ReceiptQuery(ListQuery):
    customer_id = Id("cus", load_default=None)
    invoice_id = Id("inv", load_default=None)
    received_from = Day(load_default=None, data_key="from")
    received_to = Day(load_default=None, data_key="to")
    payment_type = Text(60, load_default=None)
    check_number = Text(40, load_default=None)
    undeposited = fields.Boolean(load_default=None)
    state = fields.String(load_default=None, validate=one_of("posted", "voided"))
    sort = sort_field("received_on", default="-received_on")


LISTING = Listing(
    sorts={"received_on": store.receipt.c.received_on},
    key=store.receipt.c.id,
    filters={
        "customer_id": lambda wanted: store.receipt.c.customer_id == wanted,
        "invoice_id": store.applied_to,
        "received_from": lambda wanted: store.receipt.c.received_on >= wanted,
        "received_to": lambda wanted: store.receipt.c.received_on <= wanted,
        "payment_type": lambda wanted: store.receipt.c.payment_type == wanted,
        "check_number": lambda wanted: store.receipt.c.check_number == wanted,
        "undeposited": store.undeposited,
        "state": store.in_state,
    },
)


def asked_line(number: int, body: Mapping[str, Any]) -> AskedLine:
    invoice = named_invoice(body) if body["kind"] == "invoice" else None
    return AskedLine(body["kind"], body["amount"], f"/lines/{number}", invoice, body.get("account"), body["notes"])


@routes.get("/receipts", permission="payments.receipt.read")
@routes.arguments(ReceiptQuery, location="query")
@routes.response(200, page_of(ReceiptSummaryOut))
def list_receipts(query: dict[str, Any]) -> dict[str, Any]:
    """Receipts by the day they were received"""
    page = LISTING.page(ctx().session, store.all_receipts(ctx().company_id), query)
    return {**page, "items": [usecases.with_entries(row) for row in page["items"]]}


@routes.post("/receipts", permission="payments.receipt.post", money=True)
@routes.arguments(ReceiptIn())  # an instance: a class is made into one again for every request
@routes.response(201, ReceiptOut)
@routes.alt_response(200, schema=ReceiptOut, description="the receipt that was made under this id before", success=True)
def post_receipt(body: dict[str, Any]) -> Any:
    """Post a receipt: its lines set the money against invoices, prepayments and ledger accounts and sum to its amount"""
    asked_lines = tuple(asked_line(number, line) for number, line in enumerate(body.pop("lines")))
    receipt_id = body.pop("id", None)
    made, new = usecases.post_receipt(ctx(), AskedReceipt(lines=asked_lines, **body), receipt_id)
    return made, 201 if new else 200


@routes.get("/receipts/<receipt_id>", permission="payments.receipt.read")
@routes.response(200, ReceiptOut)
def get_receipt(receipt_id: str) -> dict[str, Any]:
    """One receipt: lines, applications, prepayments, deposit, void, journal entries"""
    return usecases.get_receipt(ctx(), receipt_id)


@routes.post("/receipts/<receipt_id>/void", permission="payments.receipt.void", money=True)
@routes.arguments(VoidIn())
@routes.response(200, ReceiptOut)
def void_receipt(body: dict[str, Any], receipt_id: str) -> dict[str, Any]:
    """Void a receipt: its money is taken back from where it is now. `deposit_state` says whether it lies in a deposit;
    banking then returns the item"""
    return usecases.void_receipt(ctx(), receipt_id, body["voided_on"], body["reason"])
