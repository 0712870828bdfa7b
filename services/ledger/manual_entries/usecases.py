"""A person's own journal entry: checked whole, stated as a fact, posted by the ledger's worker like any other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.ledger.accounts.store import accounts
from services.ledger.manual_entries import domain, store
from services.ledger.manual_entries.domain import ManualLine
from services.ledger.wire import entry_id, wire_money
from shared.accounts import check_account
from shared.context import Context
from shared.contracts.ledger import EntryLine, ManualEntryPosted, ManualEntryReversed
from shared.errors import Faults
from shared.ids import new_id
from shared.periods import require_open


def post_manual_entry(
    ctx: Context, lines: Sequence[ManualLine], description: str, occurred_on: date | None, manual_entry_id: str | None
) -> tuple[dict[str, Any], bool]:
    """States a balanced entry of known, active accounts that are no control accounts, dated into an open period.

    The same entry under the same id answers the one that is there, and that it is not new. All faults at once.
    Raises FaultsFound, ManualEntryExists.
    """
    manual_entry_id, occurred_on = manual_entry_id or new_id("man"), occurred_on or ctx.today()
    known = store.entry(ctx.session, ctx.company_id, manual_entry_id)
    if known is not None:
        return _same(ctx, known, lines, description, occurred_on), False
    with Faults() as faults:
        domain.check_lines(lines, faults)
        chart = accounts(ctx.session, ctx.company_id, {line.account for line in lines})
        for place, line in enumerate(lines):
            check_account(chart.get(line.account), line.account, f"/lines/{place}/account", faults)
        posting_on = require_open(ctx, occurred_on, "/occurred_on", faults)
    currency = lines[0].amount.currency
    event_id = ctx.state(
        ManualEntryPosted(
            manual_entry_id=manual_entry_id,
            currency=currency,
            description=description,
            occurred_on=occurred_on,
            posting_on=posting_on,
            lines=[EntryLine(account=line.account, side=line.side, amount=line.amount.minor, memo=line.memo) for line in lines],  # type: ignore[arg-type]
        ),
        manual_entry_id,
    )
    store.add(
        ctx.session,
        ctx.company_id,
        manual_entry_id,
        currency,
        description,
        occurred_on,
        posting_on,
        event_id,
        ctx.actor,
        ctx.clock.now(),
        lines,
    )
    return get_manual_entry(ctx, manual_entry_id), True


def reverse_manual_entry(ctx: Context, manual_entry_id: str, occurred_on: date | None, reason: str) -> dict[str, Any]:
    """States the mirror image of an entry, once. Today by default; never before the entry, never into a closed period.

    Raises NoSuchManualEntry, AlreadyReversed, FaultsFound.
    """
    known = store.entry(ctx.session, ctx.company_id, manual_entry_id)
    if known is None:
        raise domain.NoSuchManualEntry()
    occurred_on = occurred_on or max(ctx.today(), known.occurred_on)
    with Faults() as faults:
        domain.check_reversal_date(known.occurred_on, occurred_on, faults)
        posting_on = require_open(ctx, occurred_on, "/occurred_on", faults)
    lines = store.lines(ctx.session, ctx.company_id, [manual_entry_id])
    event_id = ctx.state(
        ManualEntryReversed(
            manual_entry_id=manual_entry_id,
            currency=known.currency,
            reason=reason,
            occurred_on=occurred_on,
            posting_on=posting_on,
            reverses=known.event_id,
            lines=[
                EntryLine(account=line.account, side=domain.mirrored(line.side), amount=line.amount, memo=line.memo)  # type: ignore[arg-type]
                for line in lines
            ],
        ),
        manual_entry_id,
    )
    if not store.add_reversal(
        ctx.session, ctx.company_id, manual_entry_id, occurred_on, posting_on, reason, event_id, ctx.actor, ctx.clock.now()
    ):
        raise domain.AlreadyReversed()
    return get_manual_entry(ctx, manual_entry_id)


def get_manual_entry(ctx: Context, manual_entry_id: str) -> dict[str, Any]:
    """One entry with its lines. Raises NoSuchManualEntry."""
    known = store.entry(ctx.session, ctx.company_id, manual_entry_id)
    if known is None:
        raise domain.NoSuchManualEntry()
    return with_lines(ctx, [known._mapping])[0]


def with_lines(ctx: Context, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Entries as they are answered, each with its lines; one query for all lines."""
    of_entry: dict[str, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
    currencies = {row["id"]: row["currency"] for row in rows}
    for line in store.lines(ctx.session, ctx.company_id, list(of_entry)):
        money = wire_money(line.amount, currencies[line.manual_entry_id])
        of_entry[line.manual_entry_id].append({**line._mapping, "amount": money})
    return [
        {
            **row,
            "state": "reversed" if row["reversal_event_id"] else "posted",
            "entry_id": entry_id(row["event_id"]),
            "reversal_entry_id": entry_id(row["reversal_event_id"]) if row["reversal_event_id"] else None,
            "lines": of_entry[row["id"]],
        }
        for row in rows
    ]


def _same(ctx: Context, known: Any, lines: Sequence[ManualLine], description: str, occurred_on: date) -> dict[str, Any]:
    there = with_lines(ctx, [known._mapping])[0]
    given = [(line.account, line.side, wire_money(line.amount.minor, line.amount.currency), line.memo) for line in lines]
    kept = [(line["account"], line["side"], line["amount"], line["memo"]) for line in there["lines"]]
    if (given, description, occurred_on) != (kept, known.description, known.occurred_on):
        raise domain.ManualEntryExists(pointer="/id")
    return there
