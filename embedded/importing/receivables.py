"""Brings validated rows in: invoices, then receipts, then one deposit a day, each through its service's bulk endpoint.

Every row is known by the mapping's source and its invoice number, so a second run, or one after a kill, adds what is
missing and nothing else.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, TypeVar

from embedded.client import Client, RequestRefused
from embedded.importing.mapping import Mapping
from embedded.importing.reading import BadCell, Row

BATCH_ROWS = 500
Item = TypeVar("Item")
Progress = Callable[[str, int, int], None]
"""Called with what is brought in, how many are done, and how many there are."""


@dataclass
class Counts:
    added: int = 0
    known: int = 0


@dataclass
class Imported:
    invoices: Counts
    receipts: Counts
    deposits: Counts
    refused: list[BadCell] = field(default_factory=list)


class RowsRefused(Exception):
    """A service refused rows that look right by themselves (another content under a known number, a closed period, …)."""

    def __init__(self, faults: list[BadCell]):
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


def import_rows(
    client: Client,
    mapping: Mapping,
    rows: Sequence[Row],
    progress: Progress,
    receipts_until: date | None = None,
    *,
    skip_refused: bool = False,
) -> Imported:
    """Brings the rows in. Raises RowsRefused (nothing of that batch was written), RequestRefused, Unreachable.

    `skip_refused`: rows that a service refuses are left out and listed in the answer.
    """
    result = Imported(Counts(), Counts(), Counts())
    skipped = result.refused if skip_refused else None
    progress("invoices", 0, len(rows))
    for batch in _batches(rows):
        _send(client, "/api/billing/imports/invoices", partial(_invoice, mapping), batch, result.invoices, skipped)
        progress("invoices", result.invoices.added + result.invoices.known, len(rows))
    paid = [row for row in rows if row.received_on and (receipts_until is None or row.received_on <= receipts_until)]
    day_of: dict[str, date] = {}
    client.settle("payments")  # also what an earlier run brought in, which this one only knows already
    progress("receipts", 0, len(paid))
    for batch in _batches(paid):
        items = _send(client, "/api/payments/imports/receipts", partial(_receipt, mapping), batch, result.receipts, skipped)
        days = {row.number: row.received_on for row in batch}
        day_of |= {item["id"]: days[item["external_id"]] for item in items}  # type: ignore[misc]
        progress("receipts", result.receipts.added + result.receipts.known, len(paid))
    _deposit(client, mapping, day_of, result.deposits, progress)
    return result


def _deposit(client: Client, mapping: Mapping, day_of: dict[str, date], counts: Counts, progress: Progress) -> None:
    """One deposit for each day whose receipts still wait for one."""
    by_day: dict[date, list[str]] = defaultdict(list)
    client.settle("banking")
    for receipt_id in _waiting(client):
        if receipt_id in day_of:
            by_day[day_of[receipt_id]].append(receipt_id)
    counts.known = len(set(day_of.values()) - by_day.keys())
    days = sorted(by_day)
    progress("deposits", 0, len(days))
    done = 0
    for batch in _batches(days, size=200):
        rows = [_day_deposit(mapping, day, sorted(by_day[day])) for day in batch]
        answer = client.post("/api/banking/imports/deposits", {"rows": rows})
        counts.added += answer["added"]
        done += len(batch)
        progress("deposits", done, len(days))


def _waiting(client: Client) -> Iterator[str]:
    """Ids of all receipts that are in no deposit yet, as banking knows them after everything that was written."""
    cursor: str | None = None
    while True:
        params = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        page = client.get("/api/banking/undeposited-receipts", wait=True, **params)
        yield from (item["receipt_id"] for item in page["items"])
        cursor = page["next_cursor"]
        if not cursor:
            return


def _invoice(mapping: Mapping, row: Row) -> dict[str, Any]:
    return {
        "source": mapping.source,
        "external_id": row.number,
        "customer": {"code": row.customer_code, "name": row.customer_name},
        "number": row.number,
        "issued_on": row.issued_on.isoformat(),
        "due_on": row.due_on.isoformat(),
        "amount": {"amount": row.amount.minor, "currency": row.amount.currency},
    }


def _receipt(mapping: Mapping, row: Row) -> dict[str, Any]:
    assert row.received_on is not None
    assert row.received is not None
    return {
        "source": mapping.source,
        "external_id": row.number,
        "invoice": {"number": row.number},
        "received_on": row.received_on.isoformat(),
        "amount": {"amount": row.received.minor, "currency": row.received.currency},
        "payment_type": mapping.payment_type,
        "check_number": row.number,
    }


def _day_deposit(mapping: Mapping, day: date, receipt_ids: list[str]) -> dict[str, Any]:
    content = hashlib.sha256(" ".join(receipt_ids).encode()).hexdigest()[:16]
    return {
        "source": mapping.source,
        "external_id": f"{day.isoformat()} {content}",
        "posting_on": day.isoformat(),
        "receipt_ids": receipt_ids,
        "reference": f"{mapping.source} {day.isoformat()}",
    }


def _send(
    client: Client,
    path: str,
    shape: Callable[[Row], dict[str, Any]],
    batch: Sequence[Row],
    counts: Counts,
    skipped: list[BadCell] | None,
) -> list[dict[str, str]]:
    """One bulk request; rows that are refused go to `skipped`, where they may be skipped, and the rest is sent again."""
    while batch:
        try:
            answer = client.post(path, {"rows": [shape(row) for row in batch]})
        except RequestRefused as refused:
            faults = list(_faults(refused.document.get("errors", []), batch))
            if not faults:
                raise
            if skipped is None:
                raise RowsRefused(faults) from refused
            skipped += faults
            lines = {fault.line for fault in faults}
            batch = [row for row in batch if row.line not in lines]
        else:
            counts.added += answer["added"]
            counts.known += answer["known"]
            items: list[dict[str, str]] = answer["items"]
            return items
    return []


def _faults(errors: Iterable[dict[str, Any]], source: Sequence[Row]) -> Iterator[BadCell]:
    for error in errors:
        parts = str(error.get("pointer", "")).split("/")
        if parts[1:2] == ["rows"] and len(parts) > 2 and parts[2].isdigit() and int(parts[2]) < len(source):
            yield BadCell(source[int(parts[2])].line, ".".join(parts[3:]) or "row", str(error["detail"]))


def _batches(items: Sequence[Item], size: int = BATCH_ROWS) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
