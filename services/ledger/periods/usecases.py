"""Closing a period, in two phases: everybody stops posting up to a day; once all of it is in the journal, it is closed.

1. Asked for: ledger.period.closing is stated. Billing, payments and banking take it in, shut their gates and answer
   <service>.period.stopped; the ledger shuts its own by taking in its own log. From then on nobody can date a document
   on or before that day: whoever read the gate before holds its row, and the gate waits for them.
2. An answer comes after all that its service has posted, in the order of its log, so when the ledger has the three
   answers it has everything. It closes when no event of the company is parked and the proof holds.

A closing that does not come to its end within ten minutes is cancelled by itself; a person may cancel it before.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from services.ledger.periods import domain, store
from services.ledger.proofs.domain import State
from services.ledger.proofs.usecases import LOOK_S, prove
from shared.context import Context
from shared.contracts import Event
from shared.contracts.ledger import PeriodCloseCancelled, PeriodClosed, PeriodClosing
from shared.errors import Faults
from shared.ids import new_id
from shared.jobs import enqueue

LOOK = "look-at-closing"
WAIT_S = 5.0
"""How long a look waits for the ledger to take in what is there already. While people post it is always a little behind, and a
look that did not wait would hardly ever find the books proven."""


def ask_to_close(ctx: Context, through: date, close_id: str | None) -> dict[str, Any]:
    """Begins to close the books through a day. The same closing under the same id answers the one that is there.

    Raises FaultsFound, ClosingUnderWay, ClosingExists.
    """
    close_id = close_id or new_id("pcl")
    known = store.close(ctx.session, ctx.company_id, close_id)
    if known is not None:
        if known.through != through:
            raise domain.ClosingExists(pointer="/id")
        return get_close(ctx, close_id)
    with Faults() as faults:
        domain.check_through(through, ctx.today(), store.closed_through(ctx.session, ctx.company_id), faults)
    now = ctx.clock.now()
    if not store.add_close(ctx.session, ctx.company_id, close_id, through, ctx.actor, now, now + domain.EXPIRES_AFTER):
        raise domain.ClosingUnderWay()
    ctx.state(PeriodClosing(close_id=close_id, through=through), close_id)
    _look_later(ctx, close_id, 0)
    return get_close(ctx, close_id)


def take_answer(ctx: Context, event: Event) -> None:
    """A service has stopped posting up to the day; all that it did post was taken in before this."""
    close_id = event.data.close_id
    store.add_answer(ctx.session, ctx.company_id, close_id, event.source, event.sequence, event.recorded_at)
    enqueue(ctx, LOOK, f"{close_id} {event.source}", {"close_id": close_id})


def look_at_closing(ctx: Context, payload: Mapping[str, Any]) -> None:
    """The job: closes the period where all is in, cancels the closing where it has expired, else looks again later."""
    close_id = payload["close_id"]
    close = store.close(ctx.session, ctx.company_id, close_id)
    if close is None or close.state != "closing":
        return
    expired = ctx.clock.now() >= close.expires_at
    # before the row is locked: this asks the other services
    waits_for = "" if expired else "; ".join(_waits_for(ctx, close_id))
    close = store.close(ctx.session, ctx.company_id, close_id, lock=True)
    if close is None or close.state != "closing":
        return
    if expired:
        minutes = domain.EXPIRES_AFTER // timedelta(minutes=1)
        _cancel(ctx, close, f"expired after {minutes} minutes; it waited for: {close.waits_for or 'the first look'}")
    elif waits_for:
        store.note_waiting(ctx.session, ctx.company_id, close_id, waits_for)
        if "looks" in payload:
            _look_later(ctx, close_id, payload["looks"] + 1)
    else:
        store.end_close(ctx.session, ctx.company_id, close_id, "closed", ctx.clock.now(), "")
        ctx.state(PeriodClosed(close_id=close_id, through=close.through), close_id)


def cancel_close(ctx: Context, close_id: str, reason: str) -> dict[str, Any]:
    """Posting goes on as before. Raises NoSuchClosing, ClosingEnded."""
    close = store.close(ctx.session, ctx.company_id, close_id, lock=True)
    if close is None:
        raise domain.NoSuchClosing()
    if close.state != "closing":
        raise domain.ClosingEnded(f"the closing is {close.state}", state=close.state)
    _cancel(ctx, close, reason)
    return get_close(ctx, close_id)


def get_close(ctx: Context, close_id: str) -> dict[str, Any]:
    """A closing, who has answered and what it waits for. Raises NoSuchClosing."""
    close = store.close(ctx.session, ctx.company_id, close_id)
    if close is None:
        raise domain.NoSuchClosing()
    return {**close._mapping, "answers": [row._mapping for row in store.answers(ctx.session, ctx.company_id, close_id)]}


def _waits_for(ctx: Context, close_id: str) -> list[str]:
    answered = {row.service for row in store.answers(ctx.session, ctx.company_id, close_id)}
    missing = [f"{service} to stop" for service in domain.ANSWERED_BY if service not in answered]
    # the gate first: once it is shut, what could still be dated before is in the log for the next query to see
    if store.gate_of(ctx.session, ctx.company_id) != close_id or (not missing and not _own_log_is_in(ctx)):
        missing.append("the ledger's own log")
    if missing:
        return missing
    proofs = prove(ctx, ctx.peers, WAIT_S)
    return [f"{proof.code} is {proof.state}: {proof.reason}".rstrip(": ") for proof in proofs if proof.state is not State.GREEN]


def _own_log_is_in(ctx: Context) -> bool:
    """Whether what the ledger's own log holds of the company now is taken in, within WAIT_S."""
    last, deadline = store.last_of_own_log(ctx.session, ctx.company_id), time.monotonic() + WAIT_S
    while store.own_log_waits(ctx.session, ctx.company_id, last):
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_S)
    return True


def _cancel(ctx: Context, close: Any, reason: str) -> None:
    store.end_close(ctx.session, ctx.company_id, close.id, "cancelled", ctx.clock.now(), reason)
    ctx.state(PeriodCloseCancelled(close_id=close.id, through=close.through, reason=reason), close.id)


def _look_later(ctx: Context, close_id: str, looks: int) -> None:
    # jobs run by the database's clock; a moved clock decides only whether the closing has expired
    delay = timedelta(seconds=domain.delay_s(looks))
    enqueue(ctx, LOOK, f"{close_id} {looks}", {"close_id": close_id, "looks": looks}, delay)
