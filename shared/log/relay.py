"""Numbers and publishes one service's log. Several may run; one at a time publishes, and publishing twice is harmless."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from shared.crash import crash_point
from shared.log import store
from shared.log.bus import Bus, NotConfirmed, PagePublisher
from shared.log.wake import CHANNEL
from shared.telemetry import log

WINDOW_PAGES = 8
IDLE_POLL_S = 0.5
"""How long an event can wait when its wake-up call was lost."""
RETRY_S = 1.0
TAKE_OVER_AFTER_S = 15.0
"""A leader that publishes nothing for so long, although something waits, hangs (its process may be stopped): the next one
ends its session. Longer than a leader waits for confirms, so that one which only has no broker gives up by itself."""


class Relay:
    """`run` until `stop` is set; reconnects to database and broker by itself."""

    def __init__(self, service: str, engine: Engine, broker_url: str, prefix: str):
        self.service, self.engine, self.broker_url, self.prefix = service, engine, broker_url, prefix

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            bus = Bus(self.broker_url, self.prefix, f"{self.service} relay")
            try:
                with self.engine.connect() as connection:
                    try:
                        if self._get_lead(connection, stop):
                            self._lead(connection, bus, stop)
                    finally:
                        connection.invalidate()  # the lead ends with the session, in whatever state that is
            except (NotConfirmed, DBAPIError, psycopg.Error, *bus.lost) as error:  # type: ignore[misc]  # a tuple kombu puts together
                log.warning("relay.interrupted", error=repr(error)[:300])
                stop.wait(RETRY_S)
            finally:
                bus.close()

    def _get_lead(self, connection: Connection, stop: threading.Event) -> bool:
        """Waits until this relay leads. False where it was stopped before."""
        published, since = -1, time.monotonic()
        while not stop.is_set():
            if store.try_to_lead(connection):
                return True
            store.number(connection)
            head = store.head(connection)
            if head.published_through != published or published == head.seq:
                published, since = head.published_through, time.monotonic()
            elif time.monotonic() - since > TAKE_OVER_AFTER_S:
                log.warning("relay.takes_over", published_through=published, head=head.seq)
                store.end_leader(connection)
                since = time.monotonic()
            stop.wait(RETRY_S)
        return False

    def _lead(self, connection: Connection, bus: Bus, stop: threading.Event) -> None:
        driver = connection.connection.driver_connection
        connection.exec_driver_sql(f"listen {CHANNEL}")
        publisher = PagePublisher(bus, self.service)
        while not stop.is_set():
            if not self.publish(connection, publisher):
                _wait(driver, IDLE_POLL_S)
                bus.heartbeat()

    def publish(self, connection: Connection, publisher: PagePublisher) -> int:
        """Numbers what waits, publishes up to a window of pages, and marks them. Returns how many pages went out."""
        store.number(connection)
        head = store.head(connection)
        through, sent = head.published_through, 0
        while sent < WINDOW_PAGES and through < head.seq and (page := store.page_after(connection, self.service, through)):
            crash_point("log.relay.before_publish")
            publisher.send(page.body)
            sent += 1
            through = page.last
        if sent:
            publisher.confirm()
            crash_point("log.relay.after_confirm")
            store.mark_published(connection, through)
            crash_point("log.relay.after_mark")
        return sent


def _wait(driver: Any, seconds: float) -> None:
    """Until a wake-up call arrives, at most `seconds`; calls that arrived during other queries count."""
    for _ in driver.notifies(timeout=seconds, stop_after=1):
        return
