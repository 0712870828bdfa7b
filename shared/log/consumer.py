"""Takes pages of other services' logs in: position, handlers, position, commit. Each event has its effect once."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec
from sqlalchemy import Connection, Engine

from shared.clock import Clock
from shared.context import Context
from shared.contracts import Envelope, Event, Page, decode, encode, page_decoder
from shared.crash import crash_point
from shared.db import enter_companies, is_transient
from shared.errors import LogForked
from shared.log import store
from shared.log.handlers import Handlers
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
        self.stated = False

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
        """One page, one transaction. Raises LogForked, and database or network errors (the page is then to be retried).

        Any other failure of a handler parks its event, and later events of the same subject behind it.
        """
        return self._take(page_decoder.decode(raw))

    def _take(self, page: Page) -> Taken:
        with self.engine.begin() as connection:
            store.take_turn(connection)
            position = store.lock_position(connection, page.producer)
            fresh = _fresh(page, position)
            if fresh is None:
                return Taken.GAP
            if not fresh:
                return Taken.NOTHING_NEW
            crash_point("log.worker.after_begin")
            self._handle(connection, page.producer, fresh)
            crash_point("log.worker.after_effect")
            last = fresh[-1]
            store.move_position(connection, page.producer, page.epoch, last.sequence, last.id)
            crash_point("log.worker.before_commit")
        crash_point("log.worker.after_commit")
        self._call_the_relay()
        return Taken.ALL

    def _call_the_relay(self) -> None:
        if self.stated and self.after_stating is not None:
            self.after_stating()
        self.stated = False

    def _handle(self, connection: Connection, producer: str, envelopes: list[Envelope]) -> None:
        wanted = [envelope for envelope in envelopes if envelope.type in self.handlers]
        if not wanted:
            return
        companies = sorted({envelope.company_id for envelope in wanted})
        enter_companies(connection, companies, f"service:{self.service}")
        blocked = store.blocked_subjects(connection)
        if not blocked or not any((envelope.company_id, envelope.subject) in blocked for envelope in wanted):
            try:
                with connection.begin_nested():
                    self._run(connection, [decode(envelope) for envelope in wanted])
                return
            except Exception as error:
                if is_transient(error):
                    raise
                log.warning("page.failed", producer=producer, error=repr(error)[:500])
        self._one_by_one(connection, producer, wanted, blocked)

    def _run(self, connection: Connection, events: list[Event]) -> None:
        ctx = self.context(connection)
        self.handlers.apply(ctx, events)
        self.stated = self.stated or bool(ctx.stated)
        ctx.write_stated()

    def _one_by_one(
        self, connection: Connection, producer: str, envelopes: list[Envelope], blocked: set[tuple[int, str]]
    ) -> None:
        for envelope in envelopes:
            subject = (envelope.company_id, envelope.subject)
            if subject in blocked:
                error = "waits behind an earlier parked event of the same subject"
            else:
                try:
                    with connection.begin_nested():
                        self._run(connection, [decode(envelope)])
                    continue
                except Exception as failure:
                    if is_transient(failure):
                        raise
                    error = repr(failure)
                    log.error("event.parked", event_id=envelope.id, type=envelope.type, exc_info=failure)
            blocked.add(subject)
            store.park(
                connection,
                company_id=envelope.company_id,
                producer=producer,
                seq=envelope.sequence,
                subject=envelope.subject,
                event_id=envelope.id,
                type=envelope.type,
                body=encode(envelope).decode(),
                error=error,
            )

    def retry_parked(self, company_id: int, subject: str) -> int:
        """Runs the parked events of a subject in order; stops at the first that fails again. Returns how many went through."""
        done = 0
        with self.engine.begin() as connection:
            store.take_turn(connection)
            enter_companies(connection, [company_id], f"service:{self.service}")
            for item in store.parked_of_subject(connection, company_id, subject):
                try:
                    with connection.begin_nested():
                        self._run(connection, [decode(msgspec.json.decode(item.body, type=Envelope))])
                        store.resolve(connection, item)
                    done += 1
                except Exception as failure:
                    if is_transient(failure):
                        raise
                    store.count_failure(connection, item, repr(failure))
                    break
        self._call_the_relay()
        return done

    def mark_fork(self, producer: str, reason: str) -> None:
        """Says in the position that the log forked, so that proofs know; taking a page in takes it back."""
        with self.engine.begin() as connection:
            store.mark_fork(connection, producer, reason)

    def catch_up(self, producer: str, fetch: Fetch, go_on: Callable[[], bool] = lambda: True) -> int:
        """Takes in everything after this service's position from the producer's own log, while `go_on()`. Returns the
        number of pages. Raises LogForked, and what `fetch` raises."""
        pages = 0
        while go_on():
            with self.engine.connect() as connection:
                position = store.position(connection, producer)
            page = page_decoder.decode(fetch(producer, position.seq))
            if not page.events:
                self._at_the_end(page, position)
                return pages
            if self._take(page) is Taken.GAP:
                raise LogForked(f"{producer} answered a page that does not follow number {position.seq}")
            pages += 1
        return pages

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
