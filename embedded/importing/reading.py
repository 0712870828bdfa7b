"""Reads and validates every row of a CSV before anything is imported."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from embedded.importing.mapping import Mapping
from shared.errors import Invalid
from shared.money import Money

LONGEST = {"customer_code": 40, "customer_name": 200, "invoice_number": 40}


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice, and what was received for it. `line` is the line of the file where the row ends."""

    line: int
    customer_code: str
    customer_name: str
    number: str
    issued_on: date
    due_on: date
    amount: Money
    received_on: date | None
    received: Money | None


@dataclass(frozen=True, slots=True)
class BadCell:
    """What is wrong with a row, and where."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.line}, {self.column}: {self.reason}"


class FileUnreadable(Exception):
    """The file cannot be read as the mapping says."""


def read_rows(path: Path, mapping: Mapping) -> tuple[list[Row], list[BadCell]]:
    """Every good row, and every fault of the others. Raises FileUnreadable where there are no such columns or no such file."""
    rows: list[Row] = []
    bad: list[BadCell] = []
    seen: dict[str, int] = {}
    for line, cells in _records(path, mapping):
        row, faults = _row(line, cells, mapping)
        if row is not None:
            first = seen.setdefault(row.number, line)
            if first != line:
                faults = [BadCell(line, mapping.columns["invoice_number"], f"{row.number!r} is the number of row {first} too")]
            else:
                rows.append(row)
        bad += faults
    return rows, bad


def _records(path: Path, mapping: Mapping) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding=mapping.encoding, newline="") as opened:
            reader = csv.DictReader(opened, delimiter=mapping.delimiter, restval="", strict=True)
            missing = sorted(set(mapping.columns.values()) - set(reader.fieldnames or ()))
            if missing:
                raise FileUnreadable(
                    f"{path} has no column {', '.join(missing)}; its columns are: {', '.join(reader.fieldnames or ['none'])}"
                )
            for record in reader:
                yield reader.line_num, {name: (record[column] or "").strip() for name, column in mapping.columns.items()}
    except OSError as error:
        raise FileUnreadable(f"{path}: {error.strerror}") from None
    except (csv.Error, UnicodeError, LookupError) as error:
        raise FileUnreadable(f"{path} cannot be read as CSV in {mapping.encoding}: {error}") from None


def _row(line: int, cells: dict[str, str], mapping: Mapping) -> tuple[Row | None, list[BadCell]]:
    bad: list[BadCell] = []

    def fault(name: str, reason: str) -> None:
        bad.append(BadCell(line, mapping.columns.get(name, name), reason))

    def text(name: str) -> str:
        value = cells[name]
        if not value:
            fault(name, "is empty")
        elif len(value) > LONGEST[name]:
            fault(name, f"is longer than {LONGEST[name]} characters")
        elif any(ord(character) < 32 for character in value):
            fault(name, "has control characters")
        return value

    def day(name: str) -> date | None:
        try:
            found = datetime.strptime(cells[name], mapping.date_format).date()  # noqa: DTZ007 - a calendar date has no zone
        except ValueError:
            fault(name, f"{cells[name]!r} is not a date like {mapping.date_format}")
            return None
        if not 1900 <= found.year <= 2999:
            fault(name, f"{found} lies outside the years 1900 to 2999")
            return None
        return found

    def money(name: str) -> Money | None:
        try:
            found = Money.parse(cells[name], mapping.currency)
        except Invalid:
            fault(name, f"{cells[name]!r} is not an amount of {mapping.currency}")
            return None
        if found.minor <= 0:
            fault(name, f"{cells[name]!r} is not above zero")
            return None
        return found

    code = text("customer_code")
    name = text("customer_name") if "customer_name" in cells else code
    number = text("invoice_number")
    issued_on, due_on, amount = day("issued_on"), day("due_on"), money("amount")
    if issued_on and due_on and due_on < issued_on:
        fault("due_on", f"{due_on} is before the invoice's date {issued_on}")
    received_on = day("received_on") if cells.get("received_on") else None
    received = amount if received_on else None
    if received_on and "received_amount" in cells:
        received = money("received_amount")
        if received and amount and amount < received:
            fault("received_amount", f"{received} is more than the invoice's {amount}")
    if received_on and issued_on and received_on < issued_on:
        fault("received_on", f"{received_on} is before the invoice's date {issued_on}")
    if bad or issued_on is None or due_on is None or amount is None:
        return None, bad
    return Row(line, code, name, number, issued_on, due_on, amount, received_on, received), []
