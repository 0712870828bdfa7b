"""Copies of others' facts, folded anew from the owners' logs by a second hand (E9).

A fold gives the rows of a table as they must be after the events that a service has taken in: key -> the columns that follow
from events, named as in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from tests.rig.reading import Event

Rows = dict[tuple[Any, ...], dict[str, Any]]
Events = dict[str, list[Event]]
"""Producer -> what the service has taken in of its log, in order."""


def _of(events: Iterable[Event], *types: str) -> Iterable[Event]:
    return (event for event in events if event.type in types)


def companies(events: Events) -> Rows:
    rows: Rows = {}
    for event in _of(events["identity"], "identity.company.created", "identity.company.changed"):
        said = {name: event.data[name] for name in ("name", "time_zone", "currency")}
        rows[event.company_id,] = said | (
            {"currency": rows[event.company_id,]["currency"]} if (event.company_id,) in rows else {}
        )
    return rows


def principals(events: Events) -> Rows:
    rows: Rows = {}
    for event in _of(events["identity"], "identity.principal.changed"):
        key, after = (event.company_id, event.data["principal"]), datetime.fromisoformat(event.data["valid_after"])
        rows[key] = {"valid_after": max(after, rows[key]["valid_after"]) if key in rows else after}
    return rows


def accounts(events: Events) -> Rows:
    rows: Rows = {}
    for event in _of(events["ledger"], "ledger.account.created", "ledger.account.changed"):
        said = {name: event.data[name] for name in ("name", "kind", "control", "active")}
        key = (event.company_id, event.data["code"])
        rows[key] = {**said, "kind": rows[key]["kind"], "control": rows[key]["control"]} if key in rows else said
    return rows


def roles(events: Events) -> Rows:
    return {
        (event.company_id, event.data["role"]): {"account": event.data["account"]}
        for event in _of(events["ledger"], "ledger.role.assigned")
    }


def periods(events: Events) -> Rows:
    open_gate = {"closed_through": None, "closing_through": None, "close_id": None}
    rows: Rows = {(event.company_id,): dict(open_gate) for event in _of(events["identity"], "identity.company.created")}
    for event in events["ledger"]:
        if event.type.startswith("ledger.period."):
            row = rows.setdefault((event.company_id,), dict(open_gate))
            through, close_id = event.data["through"], event.data["close_id"]
            if event.type == "ledger.period.closing":
                row.update(closing_through=through, close_id=close_id)
            elif event.type == "ledger.period.closed":
                row.update(closed_through=max(through, row["closed_through"] or through), closing_through=None, close_id=None)
            elif row["close_id"] == close_id:
                row.update(closing_through=None, close_id=None)
    return rows


def customers(events: Events) -> Rows:
    return {
        (event.company_id, event.data["customer_id"]): {"code": event.data["code"], "name": event.data["name"]}
        for event in _of(events["billing"], "billing.customer.created", "billing.customer.changed")
    }


ISSUED = ("number", "customer_id", "currency", "issued_on", "due_on", "total")


def invoices(events: Events) -> Rows:
    rows: Rows = {}
    for event in events["billing"]:
        if event.type == "billing.invoice.issued":
            rows[event.company_id, event.subject] = {**{name: event.data[name] for name in ISSUED}, "voided": False}
        elif event.type == "billing.invoice.voided" and (event.company_id, event.subject) in rows:
            rows[event.company_id, event.subject]["voided"] = True
    return rows


def open_invoices(events: Events) -> Rows:
    names = ("customer_id", "currency", "due_on", "total")
    return {key: {name: row[name] for name in names} for key, row in invoices(events).items()}


def deposited_receipts(events: Events) -> Rows:
    rows: Rows = {}
    for event in events["banking"]:
        if event.type == "banking.deposit.posted":
            for item in event.data["items"]:
                rows[event.company_id, item["receipt_id"]] = {"deposit_id": event.data["deposit_id"], "returned": False}
        elif event.type == "banking.deposit.voided":
            for item in event.data["items"]:
                if rows.get((event.company_id, item["receipt_id"])) == {
                    "deposit_id": event.data["deposit_id"],
                    "returned": False,
                }:
                    del rows[event.company_id, item["receipt_id"]]
        elif event.type == "banking.item.returned" and (event.company_id, event.data["receipt_id"]) in rows:
            rows[event.company_id, event.data["receipt_id"]]["returned"] = True
    return rows


RECEIVED = ("customer_id", "currency", "occurred_on", "posting_on", "amount", "payment_type", "deposit_group", "check_number")


def receipts(events: Events) -> Rows:
    return {
        (event.company_id, event.data["receipt_id"]): {
            **{name: event.data[name] for name in RECEIVED},
            "event_id": event.event_id,
            "recorded_at": event.recorded_at,
        }
        for event in _of(events["payments"], "payments.receipt.posted")
        if event.data["needs_deposit"]
    }


def receipt_places(events: Events) -> Rows:
    voided = {(event.company_id, event.data["receipt_id"]) for event in _of(events["payments"], "payments.receipt.voided")}
    return {key: {"voided": key in voided} for key in receipts(events)}


def receipt_customers(events: Events) -> Rows:
    return {
        (event.company_id, event.data["receipt_id"]): {"customer_id": event.data["customer_id"]}
        for event in _of(events["payments"], "payments.receipt.posted")
    }


def _items(events: Events) -> Iterable[tuple[Event, str, int]]:
    for event in events["banking"]:
        if event.type == "banking.item.returned":
            yield event, event.data["receipt_id"], event.data["amount"]
        elif event.type in ("banking.deposit.posted", "banking.deposit.voided"):
            for item in event.data["items"]:
                yield event, item["receipt_id"], item["amount"]


def unplaced_items(events: Events) -> Rows:
    known = receipt_customers(events)
    return {
        (event.company_id, receipt, event.event_id): {"amount": amount, "kind": event.type}
        for event, receipt, amount in _items(events)
        if (event.company_id, receipt) not in known
    }


TOUCHING = {
    "billing.customer.created": ("customer_id", "code"),
    "billing.customer.changed": ("customer_id", "code"),
    "billing.invoice.issued": ("invoice_id", "number"),
    "billing.invoice.voided": ("invoice_id", "number"),
    "billing.application.overapplied": ("invoice_id", None),
    "payments.receipt.posted": ("receipt_id", "check_number"),
    "payments.receipt.voided": ("receipt_id", None),
    "payments.prepayment.applied": ("prepayment_application_id", None),
    "payments.application.displaced": ("receipt_id", None),
}
"""Events that name their customer -> the fields with the document and its number."""


def timeline(events: Events) -> Rows:
    rows: Rows = {}
    for event in (*events["billing"], *events["payments"]):
        if event.type in TOUCHING:
            document, number = TOUCHING[event.type]
            amount = event.data.get("total", event.data.get("amount"))
            rows[event.company_id, event.event_id, event.data["customer_id"]] = {
                **_touch(event),
                "document_id": event.data[document],
                "number": event.data[number] if number else "",
                "amount": amount,
                "currency": event.data["currency"] if amount is not None else None,
            }
    whose = receipt_customers(events)
    for event, receipt, amount in _items(events):
        if (event.company_id, receipt) in whose:
            key = (event.company_id, event.event_id, whose[event.company_id, receipt]["customer_id"])
            said = {
                **_touch(event),
                "document_id": event.data["deposit_id"],
                "number": event.data.get("reference", ""),
                "amount": 0,
                "currency": event.data["currency"],
            }
            rows.setdefault(key, said)["amount"] += amount
    return rows


def _touch(event: Event) -> dict[str, Any]:
    return {"kind": event.type, "producer": event.body["source"], "at": event.recorded_at, "actor": event.body["actor"]}


Fold = Callable[[Events], Rows]
EVERYWHERE: dict[str, tuple[tuple[str, ...], Fold]] = {
    "copy_company": (("company_id",), companies),
    "copy_principal": (("company_id", "principal"), principals),
}
GATE: dict[str, tuple[tuple[str, ...], Fold]] = {"copy_period": (("company_id",), periods)}
CHART: dict[str, tuple[tuple[str, ...], Fold]] = {
    "copy_account": (("company_id", "code"), accounts),
    "copy_role": (("company_id", "role"), roles),
}
CUSTOMERS: dict[str, tuple[tuple[str, ...], Fold]] = {"copy_customer": (("company_id", "id"), customers)}

FOLDS: dict[str, dict[str, tuple[tuple[str, ...], Fold]]] = {
    "identity": EVERYWHERE,
    "ledger": EVERYWHERE | GATE,
    "billing": EVERYWHERE | GATE | CHART,
    "payments": EVERYWHERE
    | GATE
    | CHART
    | CUSTOMERS
    | {
        "copy_invoice": (("company_id", "id"), invoices),
        "open_invoice": (("company_id", "invoice_id"), open_invoices),
        "copy_deposited_receipt": (("company_id", "receipt_id"), deposited_receipts),
    },
    "banking": EVERYWHERE
    | GATE
    | CHART
    | CUSTOMERS
    | {
        "copy_receipt": (("company_id", "id"), receipts),
        "receipt_place": (("company_id", "receipt_id"), receipt_places),
    },
    "notifications": EVERYWHERE
    | {
        "copy_receipt_customer": (("company_id", "receipt_id"), receipt_customers),
        "copy_unplaced_item": (("company_id", "receipt_id", "event_id"), unplaced_items),
        "copy_timeline": (("company_id", "event_id", "customer_id"), timeline),
    },
}
"""Service -> table -> the columns of its key, and the fold."""
