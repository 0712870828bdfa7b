"""Bulk import of issued invoices with their customers: all rows or none, a fixed number of statements, safe to repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from services.billing.content import content_hash
from services.billing.customers import store as customers_store
from services.billing.imports import store
from services.billing.invoices.domain import Amounts, amounts
from services.billing.terms import store as terms_store
from services.billing.terms.domain import due_date
from shared.accounts import check_accounts
from shared.context import Context
from shared.contracts.billing import CustomerCreated, InvoiceIssued, InvoiceLine
from shared.db import planned_for_values
from shared.errors import Faults
from shared.ids import new_id
from shared.imports import one_import_at_a_time
from shared.periods import PeriodIsClosed, closed_through

Row = Mapping[str, Any]


def import_invoices(ctx: Context, rows: Sequence[Row]) -> dict[str, Any]:
    """Issues each row's invoice, makes customers that are missing; a row that is known already is left as it is.

    States billing.customer.created and billing.invoice.issued. Raises FaultsFound with the faults of all rows; then nothing
    is written. A customer that exists keeps its name.
    """
    one_import_at_a_time(ctx)
    hashes = [content_hash(row) for row in rows]
    with planned_for_values(ctx.session), Faults() as faults:
        known = store.known(ctx.session, ctx.company_id, [(row["source"], row["external_id"]) for row in rows])
        fresh = [place for place, row in enumerate(rows) if (row["source"], row["external_id"]) not in known]
        _check_repeats(rows, hashes, known, faults)
        counted = {place: _counted(rows[place], place, faults) for place in fresh}
        _check_numbers(ctx, rows, fresh, faults)
        _check_days(ctx, rows, fresh, faults)
        _check_line_accounts(ctx, rows, fresh, faults)
        parties = customers_store.by_codes(
            ctx.session, ctx.company_id, sorted({rows[place]["customer"]["code"] for place in fresh})
        )
        for place in fresh:
            party = parties.get(rows[place]["customer"]["code"])
            if party is not None and not party.active:
                faults.add(f"/rows/{place}/customer", f"{party.name} is not active", code="customer-inactive")
    ids = {key: row.id for key, row in known.items()}
    if fresh:
        ids |= _issue(ctx, rows, hashes, counted, _with_missing(ctx, rows, fresh, parties))
    return {
        "added": len(fresh),
        "known": len(rows) - len(fresh),
        "items": [{"external_id": row["external_id"], "id": ids[row["source"], row["external_id"]]} for row in rows],
    }


def _check_repeats(rows: Sequence[Row], hashes: Sequence[str], known: Mapping[tuple[str, str], Any], faults: Faults) -> None:
    seen: dict[tuple[str, str], int] = {}
    for place, row in enumerate(rows):
        key = row["source"], row["external_id"]
        pointer = f"/rows/{place}/external_id"
        if key in seen:
            faults.add(pointer, f"row {seen[key]} has the same external id", code="row-repeated")
        elif key in known and known[key].content_hash != hashes[place]:
            faults.add(pointer, "this row was imported with other content before", code="row-differs", id=known[key].id)
        seen.setdefault(key, place)


def _counted(row: Row, place: int, faults: Faults) -> Amounts:
    at = f"/rows/{place}"
    money = row.get("amount")
    if (money is None) == (row.get("lines") is None):
        faults.add(at, "a row has either an amount or lines", code="amount-or-lines")
    if money is not None:
        whole = {
            "description": row["description"],
            "quantity": Decimal(1),
            "unit_price": money.decimal,
            "account": row.get("account"),
        }
        found = amounts([whole], None, money.currency, Faults(), at)
        if money.minor <= 0:
            faults.add(f"{at}/amount", "must be above zero", code="invoice-total-not-positive")
        if row.get("currency") not in (None, money.currency):
            faults.add(f"{at}/currency", f"the amount is in {money.currency}", code="currency-mismatch")
        return found
    if row.get("currency") is None:
        faults.add(f"{at}/currency", "is needed for a row with lines", code="field-needed")
    return amounts(row.get("lines") or [], None, row.get("currency") or "USD", faults if row.get("lines") else Faults(), at)


def _check_numbers(ctx: Context, rows: Sequence[Row], fresh: Sequence[int], faults: Faults) -> None:
    taken = store.numbers_taken(ctx.session, ctx.company_id, [(_series(rows[place]), rows[place]["number"]) for place in fresh])
    seen: set[tuple[str, str]] = set()
    for place in fresh:
        key = _series(rows[place]), rows[place]["number"]
        if key in taken or key in seen:
            faults.add(
                f"/rows/{place}/number", f"an invoice of this source has the number {key[1]} already", code="invoice-number-taken"
            )
        seen.add(key)


def _check_days(ctx: Context, rows: Sequence[Row], fresh: Sequence[int], faults: Faults) -> None:
    closed = closed_through(ctx)
    for place in fresh:
        issued_on, due_on = rows[place]["issued_on"], rows[place].get("due_on")
        if closed is not None and issued_on <= closed:
            faults.add(
                f"/rows/{place}/issued_on",
                PeriodIsClosed(f"{issued_on} lies in a closed period, through {closed}", closed_through=closed.isoformat()),
            )
        if due_on is not None and due_on < issued_on:
            faults.add(f"/rows/{place}/due_on", f"an invoice of {issued_on} cannot be due before that", code="due-before-issued")


def _check_line_accounts(ctx: Context, rows: Sequence[Row], fresh: Sequence[int], faults: Faults) -> None:
    named = [(f"/rows/{place}/account", rows[place]["account"]) for place in fresh if rows[place].get("account")]
    for place in fresh:
        for index, line in enumerate(rows[place].get("lines") or []):
            if line.get("account"):
                named.append((f"/rows/{place}/lines/{index}/account", line["account"]))
    check_accounts(ctx, named, faults)


def _with_missing(ctx: Context, rows: Sequence[Row], fresh: Sequence[int], parties: dict[str, Any]) -> dict[str, Any]:
    """The customers by code, with those made that were missing; of several names the first counts."""
    missing: dict[str, str] = {}
    for place in fresh:
        customer = rows[place]["customer"]
        if customer["code"] not in parties:
            missing.setdefault(customer["code"], customer["name"])
    if not missing:
        return parties
    made = [(new_id("cus"), code, name) for code, name in missing.items()]
    customers_store.add_many(ctx.session, ctx.company_id, ctx.currency, "import", made)
    for customer_id, code, name in made:
        ctx.state(CustomerCreated(customer_id=customer_id, code=code, name=name, active=True), subject=customer_id)
    return parties | customers_store.by_codes(ctx.session, ctx.company_id, list(missing))


def _issue(
    ctx: Context, rows: Sequence[Row], hashes: Sequence[str], counted: Mapping[int, Amounts], parties: Mapping[str, Any]
) -> dict[tuple[str, str], str]:
    """Issues them. Returns their ids by source and external id."""
    headers, lines = [], []
    for place, found in counted.items():
        row, invoice_id = rows[place], new_id("inv")
        party = parties[row["customer"]["code"]]
        header = {
            "id": invoice_id,
            "customer_id": party.id,
            "series": _series(row),
            "number": row["number"],
            "currency": found.currency,
            "issued_on": row["issued_on"],
            "due_on": row.get("due_on") or _due(party, row["issued_on"]),
            "terms_id": None if row.get("due_on") else party.terms_id,
            "customer_reference": row.get("customer_reference", ""),
            "lines_total": found.lines_total,
            "freight": found.freight,
            "tax": found.tax,
            "total": found.total,
            "source": row["source"],
            "external_id": row["external_id"],
            "content_hash": hashes[place],
        }
        header["event_id"] = _state(ctx, header, found)
        headers.append(header)
        lines += [(invoice_id, line) for line in found.lines]
    store.add_issued(ctx.session, ctx.company_id, ctx.actor, headers, lines)
    return {(header["source"], header["external_id"]): header["id"] for header in headers}


def _state(ctx: Context, header: Mapping[str, Any], found: Amounts) -> str:
    return ctx.state(
        InvoiceIssued(
            invoice_id=header["id"],
            number=header["number"],
            customer_id=header["customer_id"],
            currency=header["currency"],
            occurred_on=header["issued_on"],
            posting_on=header["issued_on"],
            issued_on=header["issued_on"],
            due_on=header["due_on"],
            total=header["total"],
            freight=header["freight"],
            tax=header["tax"],
            customer_reference=header["customer_reference"],
            lines=[
                InvoiceLine(line=line.line, description=line.description, amount=line.amount, account=line.account)
                for line in found.lines
            ],
        ),
        subject=header["id"],
    )


def _due(party: Any, issued_on: date) -> date:
    return issued_on if party.kind is None else due_date(terms_store.rule(party._mapping), issued_on)


def _series(row: Row) -> str:
    return f"import {row['source']}"
