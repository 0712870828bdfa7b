"""Closing a period: what may be asked for, and when it is over. Pure."""

from __future__ import annotations

from datetime import date, timedelta

from shared.errors import Conflict, Faults, Invalid, NotFound

EXPIRES_AFTER = timedelta(minutes=10)
LOOKS_AGAIN_AFTER_S = (1, 2, 4, 8, 15)
"""A closing that waits is looked at again after these delays, the last one repeated."""

ANSWERED_BY = ("banking", "billing", "payments")
"""Services that date documents into periods; each must have stopped."""


class PeriodNotOver(Invalid):
    """Only days that have come can be closed."""

    code = "period-not-over"


class PeriodClosedBefore(Invalid):
    """The books are closed through that day or a later one already."""

    code = "period-closed-before"


class ClosingUnderWay(Conflict):
    """A closing is under way already; wait for it or cancel it."""

    code = "closing-under-way"


class NoSuchClosing(NotFound):
    """There is no such closing."""

    code = "closing-not-found"


class ClosingExists(Conflict):
    """This id stands for another closing already; take a new one."""

    code = "closing-exists"


class ClosingEnded(Conflict):
    """The closing has ended; only one that is under way can be cancelled."""

    code = "closing-ended"


def check_through(through: date, today: date, closed_through: date | None, faults: Faults) -> None:
    """Adds a fault where the period cannot be closed through that day."""
    if through > today:
        faults.add("/through", PeriodNotOver(f"must not be after today, {today}", today=today.isoformat()))
    elif closed_through is not None and through <= closed_through:
        closed = closed_through.isoformat()
        faults.add("/through", PeriodClosedBefore(f"the books are closed through {closed}", closed_through=closed))


def delay_s(looks: int) -> int:
    """Seconds until a closing that was looked at so often is looked at again."""
    return LOOKS_AGAIN_AFTER_S[min(looks, len(LOOKS_AGAIN_AFTER_S) - 1)]
