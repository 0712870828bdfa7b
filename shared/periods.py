"""The period gate: every posting use case passes it, so that nothing is dated into a closed period."""

from __future__ import annotations

from datetime import date, timedelta

from shared.context import Context
from shared.errors import Faults, Invalid


class PeriodIsClosed(Invalid):
    """The date lies in a closed period; date it later, or ask to have it posted on the first open day."""

    code = "period-closed"
    rule = "BR-AR-C4"


def closed_through(ctx: Context) -> date | None:
    """The last closed day of the company, None while nothing is closed.

    Reads the company's row FOR SHARE: a closing waits until this transaction has ended, so what it posts is in before. A
    request that posts has done so as it began.
    """
    if ctx.gate_passed:
        return ctx.closed
    row = ctx.session.exec_driver_sql(
        "select greatest(closed_through, closing_through) from copies.period where company_id = %s for share", (ctx.company_id,)
    ).one_or_none()
    return row[0] if row else None


def first_open_day(ctx: Context, occurred_on: date) -> date:
    """`occurred_on`, or the first open day after it. For facts that cannot be refused any more."""
    closed = closed_through(ctx)
    return occurred_on if closed is None or occurred_on > closed else closed + timedelta(days=1)


def require_open(ctx: Context, occurred_on: date, pointer: str, faults: Faults) -> date:
    """The day a document of this date posts on: the same. Adds a fault where that day is closed."""
    closed = closed_through(ctx)
    if closed is not None and occurred_on <= closed:
        faults.add(
            pointer,
            PeriodIsClosed(
                f"{occurred_on} lies in a closed period; the first open day is {closed + timedelta(days=1)}",
                closed_through=closed.isoformat(),
                first_open_day=(closed + timedelta(days=1)).isoformat(),
            ),
        )
    return occurred_on
