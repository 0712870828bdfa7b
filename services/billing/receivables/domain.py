"""Aging buckets and over-application: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.errors import Invalid

Basis = Literal["due", "invoice"]
PRESETS: dict[Basis, tuple[int, ...]] = {"due": (30, 60, 90), "invoice": (30, 60, 90, 120, 180)}
"""Last day of each bucket but the open one: the dashboard ages by due date, the customer's page by invoice date (C-01)."""
MOST_BUCKETS = 24
OLDEST = 36_500


class BucketsUnusable(Invalid):
    """Buckets are rising numbers of days from 1 on, separated by commas, such as 30,60,90."""

    code = "buckets-unusable"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Ages `first` to `last` in days; None where it has no end on that side."""

    label: str
    first: int | None
    last: int | None


def buckets(basis: Basis, ends: Sequence[int] = ()) -> list[Bucket]:
    """The buckets that end with these days of age, the preset of the basis where none are given.

    By due date the first is what is not overdue yet (`current`, up to day 0); by invoice date the first begins with day 0.
    Raises BucketsUnusable.
    """
    ends = tuple(ends) or PRESETS[basis]
    if len(ends) > MOST_BUCKETS or any(not 1 <= end <= OLDEST for end in ends) or list(ends) != sorted(set(ends)):
        raise BucketsUnusable(pointer="/buckets")
    result = [Bucket("current", None, 0)] if basis == "due" else []
    first = 1 if basis == "due" else 0
    for end in ends:
        result.append(Bucket(f"{first}-{end}", None if first == 0 else first, end))
        first = end + 1
    return [*result, Bucket(f"over-{ends[-1]}", first, None)]


def thresholds(found: Sequence[Bucket]) -> list[int]:
    """The first day of each bucket but the first, as `width_bucket` takes them."""
    return [bucket.first for bucket in found if bucket.first is not None]


@dataclass(frozen=True, slots=True)
class Movement:
    """What an event does to one invoice: a signed amount in minor units of `currency`; an application is below zero."""

    company_id: int
    invoice_id: str
    currency: str
    kind: Literal["application", "displacement", "receipt_void"]
    amount: int
    event: int
    """Place of its event in the page."""
    document_id: str
    application_id: str


def overapplied(movements: Sequence[Movement], balances: dict[tuple[int, str], int]) -> list[tuple[Movement, int]]:
    """The applications that did not fit, with the amount that did not, in order. `balances` becomes those after them all.

    What does not fit is what takes the balance below zero, and never more than the application itself; where an invoice is
    over-applied already, the whole of the next application does not fit.
    """
    result = []
    for movement in movements:
        key = (movement.company_id, movement.invoice_id)
        balances[key] += movement.amount
        if movement.kind == "application" and balances[key] < 0:
            result.append((movement, min(-movement.amount, -balances[key])))
    return result
