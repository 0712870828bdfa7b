"""Receipts in bulk, by the rules of a single one: all of the rows or none, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.payments.content import content_hash
from services.payments.customers import store as customers
from services.payments.invoices import store as invoices
from services.payments.payment_types import store as payment_types
from services.payments.receipts import store
from services.payments.receipts.domain import AskedReceipt, Books, Receipt, decide_receipt
from services.payments.receipts.usecases import state_posted
from services.payments.refusals import CustomerUnknown, DatedInFuture, refuse
from shared.accounts import accounts
from shared.context import Context
from shared.db import planned_for_values
from shared.errors import Conflict, Faults
from shared.ids import new_id
from shared.imports import one_import_at_a_time
from shared.periods import PeriodIsClosed, closed_through


class ImportedOtherwise(Conflict):
    """This external id was imported before with other content; what is posted does not change, void it and take a new id."""

    code = "imported-otherwise"


class RowTwice(Conflict):
    """Two rows have the same external id."""

    code = "row-twice"


@dataclass(frozen=True, slots=True)
class Row:
    """One receipt of another system; `customer` is a customer's code, None for that of its invoices."""

    source: str
    external_id: str
    customer: str | None
    receipt: AskedReceipt

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.external_id


def import_receipts(ctx: Context, rows: Sequence[Row]) -> dict[str, Any]:
    """Posts every row that is not known yet by its source and external id. Rows share what is open on an invoice, in their order.

    Answers how many were added and known, and each row's receipt. Raises FaultsFound with every fault of every row (its
    pointer begins `/rows/<number>`), ApplicationExceedsBalance where nothing is wrong but that; then nothing is written.
    """
    one_import_at_a_time(ctx)
    with planned_for_values(ctx.session):
        known = store.known_imports(ctx.session, ctx.company_id, [row.key for row in rows])
    faults = Faults()
    hashes = [content_hash(row) for row in rows]
    ids: dict[tuple[str, str], str] = {}
    fresh: list[int] = []
    for number, row in enumerate(rows):
        pointer = f"/rows/{number}/external_id"
        if row.key in ids:
            faults.add(pointer, RowTwice(f"{row.external_id} stands in an earlier row"))
        elif row.key not in known:
            fresh.append(number)
            ids[row.key] = new_id("rct")
        else:
            ids[row.key], known_hash = known[row.key]
            if known_hash != hashes[number]:
                faults.add(pointer, ImportedOtherwise(f"{row.external_id} was imported before with other content"))
    new = [(number, rows[number]) for number in fresh]
    made = _decide(ctx, new, ids, faults) if new else []
    refuse(faults)
    if made:
        store.add(
            ctx.session,
            ctx.company_id,
            ctx.actor,
            [
                store.NewReceipt(
                    receipt, state_posted(ctx, receipt), hashes[number], rows[number].source, rows[number].external_id
                )
                for number, receipt in made
            ],
        )
    items = [{"external_id": row.external_id, "id": ids[row.key]} for row in rows]
    return {"added": len(made), "known": len(rows) - len(made), "items": items}


def _decide(
    ctx: Context, rows: Sequence[tuple[int, Row]], ids: dict[tuple[str, str], str], faults: Faults
) -> list[tuple[int, Receipt]]:
    """The receipts of these rows; where there are faults, those of the rows without."""
    closed, today = closed_through(ctx), ctx.today()
    named = [line.invoice for _, row in rows for line in row.receipt.lines if line.invoice is not None]
    with planned_for_values(ctx.session):
        types = payment_types.by_names(ctx.session, ctx.company_id, [row.receipt.payment_type for _, row in rows])
        by_code = customers.by_codes(ctx.session, ctx.company_id, [row.customer for _, row in rows if row.customer is not None])
        clearing = accounts(ctx, [each.cash_account for each in types.values() if each.cash_account is not None])
        locked = invoices.lock(ctx.session, ctx.company_id, named)
        names = customers.names(ctx.session, ctx.company_id, {*by_code.values(), *locked.customers()})
    books = Books(payment_types=types, customers=names, invoices=locked, accounts=clearing)
    made = []
    for number, row in rows:
        pointer = f"/rows/{number}"
        asked = row.receipt
        if asked.received_on > today:
            faults.add(f"{pointer}/received_on", DatedInFuture(f"{asked.received_on} lies after today, {today}"))
        if closed is not None and asked.received_on <= closed:
            faults.add(f"{pointer}/received_on", PeriodIsClosed(f"{asked.received_on} lies in a closed period"))
        if row.customer is not None:
            if row.customer not in by_code:
                faults.add(f"{pointer}/customer", CustomerUnknown(f"there is no customer with the code {row.customer}"))
            else:
                asked = replace(asked, customer_id=by_code[row.customer])
        receipt = decide_receipt(ids[row.key], asked, asked.received_on, books, pointer, faults)
        if receipt is not None:
            made.append((number, receipt))
    return made
