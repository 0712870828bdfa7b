"""Deposits that were made elsewhere, brought in by the thousand: set-based, once per external id, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.banking.deposits import store
from services.banking.deposits.domain import NewDeposit, WantedDeposit
from services.banking.deposits.usecases import add_deposits, books_of, check_bank, prepare
from services.banking.receipts import store as receipts
from services.banking.receipts.domain import Findings
from shared.context import Context
from shared.db import planned_for_values
from shared.errors import Invalid
from shared.ids import new_id
from shared.imports import one_import_at_a_time
from shared.periods import PeriodIsClosed, closed_through

DEPOSITS_AT_MOST = 1000
RECEIPTS_AT_MOST = 20_000
"""Of one request; their places are locked until it ends."""


class ImportDiffers(Invalid):
    """This external id was imported before with another content; imported deposits are voided, not changed."""

    code = "import-differs"


class ImportRepeated(Invalid):
    """This external id stands in an earlier row of the same request."""

    code = "import-repeated"


class ImportTooLarge(Invalid):
    """The rows name too many receipts together; send fewer rows at once."""

    code = "import-too-large"


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A deposit as another system names it. `source` and `external_id` together are its name."""

    source: str
    external_id: str
    wanted: WantedDeposit

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.external_id


def import_deposits(ctx: Context, rows: Sequence[ImportRow]) -> dict[str, Any]:
    """Adds the deposits that were not imported before, in a fixed number of statements; a row known with the same content counts
    as known. Any fault in any row refuses all, with a pointer to each.

    Rows without a bank account go to the company's default one.
    """
    named = {receipt_id for row in rows for receipt_id in row.wanted.receipt_ids}
    if len(named) > RECEIPTS_AT_MOST:
        raise ImportTooLarge(f"the rows name {len(named)} receipts, at most {RECEIPTS_AT_MOST} fit", pointer="/rows")
    one_import_at_a_time(ctx)
    with planned_for_values(ctx.session):
        known_receipts = receipts.lock_receipts(ctx.session, ctx.company_id, sorted(named))
        imported = store.imported(ctx.session, ctx.company_id, [row.key for row in rows])
    books = books_of(ctx, [row.wanted for row in rows])
    closed = closed_through(ctx)
    findings = Findings()
    added: list[tuple[ImportRow, NewDeposit]] = []
    ids: dict[tuple[str, str], str] = {}
    for index, row in enumerate(rows):
        pointer = f"/rows/{index}"
        if row.key in ids:
            findings.faults.add(f"{pointer}/external_id", ImportRepeated(external_id=row.external_id))
            continue
        if row.key in imported:
            ids[row.key], content = imported[row.key]
            if content != row.wanted.content():
                differs = ImportDiffers(external_id=row.external_id, deposit_id=ids[row.key])
                findings.faults.add(f"{pointer}/external_id", differs)
            continue
        ids[row.key] = new_id("dep")
        check_bank(books, row.wanted, pointer, findings.faults)
        if closed is not None and row.wanted.posting_on <= closed:
            is_closed = PeriodIsClosed(f"{closed} and all days before it are closed", closed_through=closed.isoformat())
            findings.faults.add(f"{pointer}/posting_on", is_closed)
        made = prepare(books, row.wanted, row.wanted.receipt_ids, known_receipts, ids[row.key], pointer, findings)
        if made is not None:
            added.append((row, made))
    findings.refuse()
    if added:
        add_deposits(ctx, [made for _, made in added])
        store.add_imports(ctx.session, ctx.company_id, [(*row.key, made.id) for row, made in added])
    return {
        "added": len(added),
        "known": len(rows) - len(added),
        "items": [{"source": row.source, "external_id": row.external_id, "id": ids[row.key]} for row in rows],
    }
