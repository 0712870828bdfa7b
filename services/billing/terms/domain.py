"""When an invoice is due: pure rules of terms (F-SET-03, BR-AR-A1)."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["net_days", "day_of_month", "on_receipt"]


@dataclass(frozen=True, slots=True)
class Terms:
    """`net_days`: `days` after the invoice's date. `on_receipt`: at once. `day_of_month`: see `due_date`."""

    kind: Kind
    days: int | None = None
    day: int | None = None
    cutoff_days: int | None = None
    months_to_add: int | None = None


def due_date(terms: Terms, issued_on: date) -> date:
    """The day on which an invoice of `issued_on` is due.

    `day_of_month`: `day` of the invoice's month, or of the month after where the invoice is dated later than `cutoff_days`
    before that day; then `months_to_add` months on. In a month that is too short the last day counts.
    """
    if terms.kind == "on_receipt":
        return issued_on
    if terms.kind == "net_days":
        assert terms.days is not None
        return issued_on + timedelta(days=terms.days)
    assert terms.day is not None
    assert terms.cutoff_days is not None
    assert terms.months_to_add is not None
    too_late = issued_on > _day_in_month(issued_on, 0, terms.day) - timedelta(days=terms.cutoff_days)
    return _day_in_month(issued_on, terms.months_to_add + (1 if too_late else 0), terms.day)


def _day_in_month(origin: date, months: int, day: int) -> date:
    years, month = divmod(origin.month - 1 + months, 12)
    year, month = origin.year + years, month + 1
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def _net(description: str, days: int, **more: Any) -> Mapping[str, Any]:
    return {"description": description, "kind": "net_days", "days": days, **more}


DEFAULT_TERMS: tuple[Mapping[str, Any], ...] = (
    _net("Net 30", 30, is_default=True),
    {"description": "Due on receipt", "kind": "on_receipt"},
    _net("Net 10", 10),
    _net("Net 15", 15),
    _net("Net 60", 60),
    _net("2% 10, net 30", 30, discount_enabled=True, discount_days=10, discount_percent=Decimal(2)),
    {"description": "End of the month", "kind": "day_of_month", "day": 31, "cutoff_days": 0, "months_to_add": 0},
)
"""What a new company begins with."""
