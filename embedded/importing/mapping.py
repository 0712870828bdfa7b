"""A mapping says which column of a CSV holds what. It is a small TOML file:

source = "old-system"          # with the invoice number it identifies a row, so that a second import adds nothing
currency = "USD"               # of every amount
date_format = "%m/%d/%Y"       # as in Python's strptime; ISO dates (%Y-%m-%d) where it is not given
payment_type = "Check"         # of the receipts
delimiter = ","

[columns]
customer_code = "customerID"
customer_name = "customerName" # optional; the code where it is not given
invoice_number = "invoiceNumber"
issued_on = "InvoiceDate"
due_on = "DueDate"
amount = "InvoiceAmount"
received_on = "SettledDate"    # optional; an empty cell is an invoice that is not paid
received_amount = "Paid"       # optional; the invoice's amount where it is not given
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.money import currencies

REQUIRED = ("customer_code", "invoice_number", "issued_on", "due_on", "amount")
OPTIONAL = ("customer_name", "received_on", "received_amount")


class MappingWrong(Exception):
    """The mapping cannot be used; `faults` has a line for each thing that is wrong."""

    def __init__(self, path: Path, faults: list[str]):
        self.faults = faults
        super().__init__(f"{path} cannot be used as a mapping:\n" + "\n".join(f"  - {fault}" for fault in faults))


@dataclass(frozen=True)
class Mapping:
    source: str
    currency: str
    columns: dict[str, str]
    date_format: str = "%Y-%m-%d"
    payment_type: str = "Check"
    delimiter: str = ","
    encoding: str = "utf-8-sig"


_TEXTS = {"source", "currency", "date_format", "payment_type", "delimiter", "encoding"}


def read_mapping(path: Path) -> Mapping:
    """The mapping of a TOML file. Raises MappingWrong with every fault."""
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingWrong(path, [error.strerror or str(error)]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingWrong(path, [f"it is not TOML: {error}"]) from None
    faults: list[str] = []
    columns = document.pop("columns", {})
    faults += [f"{name} is not a setting; there are: {', '.join(sorted(_TEXTS))}, [columns]" for name in document.keys() - _TEXTS]
    faults += [f"{name} must be text" for name in document.keys() & _TEXTS if not isinstance(document[name], str)]
    if not isinstance(columns, dict):
        faults.append("[columns] must be a table")
        columns = {}
    faults += [f"[columns] lacks {name}" for name in REQUIRED if not columns.get(name)]
    faults += [
        f"[columns] {name} is not known; there are: {', '.join(REQUIRED + OPTIONAL)}"
        for name in columns.keys() - set(REQUIRED + OPTIONAL)
    ]
    faults += [f"{name} is missing" for name in ("source", "currency") if not document.get(name)]
    if document.get("currency") and document["currency"] not in currencies():
        faults.append(f"currency {document['currency']!r} is not an ISO 4217 code")
    if len(document.get("delimiter", ",")) != 1:
        faults.append("delimiter must be one character")
    if faults:
        raise MappingWrong(path, sorted(faults))
    texts = {name: value for name, value in document.items() if name in _TEXTS}
    return Mapping(columns={name: str(column) for name, column in columns.items()}, **texts)
