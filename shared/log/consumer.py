"""Takes pages of other services' logs in: position, handlers, position, commit. Each event has its effect once."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec
from sqlalchemy import Connection, Engine

from shared.clock import Clock
from shared.context import Context
from shared.contracts import Envelope, Page, decode, encode
from shared.crash import crash_point
from shared.db import enter_companies, is_transient
from shared.errors import LogForked
from shared.log import pages, store
from shared.log.handlers import Handlers
from shared.peers import PeerUnreachable
from shared.telemetry import log

Fetch = Callable[[str, int], bytes]
"""Asks a producer for the page after a number; one without events where its log ends there."""


class Taken(Enum):
    ALL = "all"
    NOTHING_NEW = "nothing new"
    GAP = "gap"


class Consumer:
    """One service's reading of the logs it follows."""

    def __init__(
        self, service: str, engine: Engine, handlers: Handlers, clock: Clock, after_stating: Callable[[], None] | None = None
    ):
        self.service = service
        self.engine = engine
        self.handlers = handlers
        self.clock = clock
        self.after_stating = after_stating
        """Called after a commit in which handlers stated events of their own, so that the relay need not find them by itself."""

    def context(self, connection: Connection) -> Context:
        return Context(
            session=connection,
            clock=self.clock,
            service=self.service,
            company_id=0,
            actor=f"service:{self.service}",
            correlation_id="",
        )

    def take(self, raw: bytes) -> Taken:
        """One page, one transaction. Raises NoPage, LogForked, and database errors (the page is then to be retried).

        Any other failure of a handler parks its event, and later events of the same subject behind it.
        """
        return self.take_page(pages.read(raw))

    def take_page(self, page: Page, *, from_its_log: bool = False) -> Taken:
        """The same with a page that was read already, or several that were joined.

        After a fork nothing counts but the producer's log itself: the broker may still have pages of what it was before.
        """
        with self.engine.begin() as connection:
            store.take_turn(connection)
            position = store.lock_position(connection, page.producer)
            fresh = _fresh(page, position)
            if fresh is None or (position.forked and not from_its_log):
                return Taken.GAP
            if not fresh:
                return Taken.NOTHING_NEW
            crash_point("log.worker.after_begin")
            stated = self._handle(connection, page.producer, fresh)
            crash_point("log.worker.after_effect")
            last = fresh[-1]
            store.move_position(connection, page.producer, page.epoch, last.sequence, last.id)
            crash_point("log.worker.before_commit")
        crash_point("log.worker.after_commit")
        if stated and self.after_stating is not None:
            self.after_stating()
        return Taken.ALL

    def _handle(self, connection: Connection, producer: str, envelopes: list[Envelope]) -> bool:
        """Runs the handlers over the events. Returns whether they stated any of their own.

        Where all at once fail, each half is run by itself, and so on: one bad event among thousands is found in some steps,
        and its neighbours keep the speed of a batch.
        """
        wanted = [envelope for envelope in envelopes if envelope.type in self.handlers]
        if not wanted:
            return False
        companies = sorted({envelope.company_id for envelope in wanted})
        enter_companies(connection, companies, f"service:{self.service}")
        blocked = store.blocked_subjects(connection)
        stated, waiting = False, [wanted]
        while waiting:
            part = waiting.pop()
            if blocked:
                part = self._park_behind(connection, producer, part, blocked)
            if not part:
                continue
            try:
                with connection.begin_nested():
                    stated = self._run(connection, producer, part) or stated
            except Exception as error:
                if is_transient(error):
                    raise
                if len(part) > 1:
                    middle = len(part) // 2
                    waiting += [part[middle:], part[:middle]]  # the first half is taken from the end, so it runs first
                    continue
                log.error("event.parked", event_id=part[0].id, type=part[0].type, exc_info=error)
                blocked.add(_subject(part[0]))
                _park(connection, producer, part, repr(error))
        return stated

    def _run(self, connection: Connection, producer: str, envelopes: list[Envelope]) -> bool:
        for envelope in envelopes:
            pages.check_own(producer, envelope)
        ctx = self.context(connection)
        self.handlers.apply(ctx, [decode(envelope) for envelope in envelopes])
        stated = bool(ctx.stated)
        ctx.write_stated()
        return stated

    def _park_behind(
        self, connection: Connection, producer: str, envelopes: list[Envelope], blocked: set[tuple[int, str]]
    ) -> list[Envelope]:
        """Parks events of subjects that are parked already. Returns the others."""
        behind = [envelope for envelope in envelopes if _subject(envelope) in blocked]
        if not behind:
            return envelopes
        _park(connection, producer, behind, "waits behind an earlier parked event of the same subject")
        return [envelope for envelope in envelopes if _subject(envelope) not in blocked]

    def retry_parked(self, connection: Connection, company_id: int, subject: str) -> int:
        """Runs the parked events of a subject in order, in this transaction, which sees the company; stops at the first that
        fails again. Returns how many went through."""
        store.take_turn(connection)
        done = 0
        for item in store.parked_of_subject(connection, company_id, subject):
            try:
                with connection.begin_nested():
                    self._run(connection, item.producer, [msgspec.json.decode(item.body, type=Envelope)])
                    store.resolve(connection, item)
                done += 1
            except Exception as failure:
                if is_transient(failure):
                    raise
                store.count_failure(connection, item, repr(failure))
                break
        return done

    def mark_fork(self, producer: str, reason: str) -> None:
        """Says in the position that the log forked, so that proofs know; taking a page in takes it back."""
        with self.engine.begin() as connection:
            store.mark_fork(connection, producer, reason)

    def catch_up(self, producer: str, fetch: Fetch, go_on: Callable[[], bool] = lambda: True) -> int:
        """Takes in everything after this service's position from the producer's own log, while `go_on()`. Returns the
        number of pages. Raises LogForked, PeerUnreachable, and database errors."""
        count = 0
        while go_on():
            with self.engine.connect() as connection:
                position = store.position(connection, producer)
            try:
                page = pages.read(fetch(producer, position.seq))
            except pages.NoPage as error:
                raise PeerUnreachable(f"{producer} answered no page of its log: {error}") from error
            if page.producer != producer:
                raise PeerUnreachable(f"{producer} answered a page of {page.producer}")
            if not page.events:
                self._at_the_end(page, position)
                return count
            if self.take_page(page, from_its_log=True) is Taken.GAP:
                raise LogForked(f"{producer} answered a page that does not follow number {position.seq}")
            count += 1
        return count

    def _at_the_end(self, page: Page, position: store.Position) -> None:
        """Nothing follows; but is it the log that was read? A restored one may have ended at the same number before."""
        _fresh(page, position)
        if position.forked:
            with self.engine.begin() as connection:
                store.unmark_fork(connection, position.producer)


def _fresh(page: Page, position: store.Position) -> list[Envelope] | None:
    """Events of the page after the position; None where some in between are missing. Raises LogForked."""
    if position.epoch is not None and position.epoch != page.epoch:
        raise LogForked(f"log forked: {page.producer} is in epoch {page.epoch}, it was {position.epoch} at number {position.seq}")
    if page.previous > position.seq:
        return None
    known = position.seq - page.previous
    before = page.previous_id if known == 0 else page.events[known - 1].id if known <= len(page.events) else None
    if before is not None and before != position.event_id:
        raise LogForked(f"log forked: number {position.seq} of {page.producer} is {before}, {position.event_id} was taken in")
    return page.events[known:]


def _subject(envelope: Envelope) -> tuple[int, str]:
    return envelope.company_id, envelope.subject


def _park(connection: Connection, producer: str, envelopes: list[Envelope], error: str) -> None:
    store.park(connection, producer, [(envelope, encode(envelope).decode()) for envelope in envelopes], error)
