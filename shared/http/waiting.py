"""`Wait-For-Event`: an answer that has seen an event, so that a person reads what they just wrote, across services."""

from __future__ import annotations

import re
import time
from threading import BoundedSemaphore

from shared.db import Database
from shared.errors import Conflict, Malformed, Unavailable
from shared.http.auth import Principal
from shared.log import store
from shared.peers import Peers, PeerUnreachable

DEADLINE_S = 2.0
WAITERS = 4
"""How many requests of a process may wait at once; the others shall still be answered."""
FIRST_LOOK_S, LONGEST_LOOK_S = 0.004, 0.05
_SHAPE = re.compile(r"([a-z]+):(evt_[0-9a-hjkmnp-tv-z]{26})")


class EventUnreadable(Malformed):
    """Wait-For-Event must look like `payments:evt_…`, as Duebook-Event gave it; several are separated by commas."""

    code = "event-unreadable"


class EventUnknown(Malformed):
    """The producer knows no such event of your company."""

    code = "event-unknown"


class EventParked(Conflict):
    """The event could not be taken in here and waits for a person; what it says is not seen yet."""

    code = "event-parked"


class EventNotHereYet(Unavailable):
    """The event has not arrived within two seconds; try again shortly."""

    code = "event-not-here-yet"


class TooManyWait(Unavailable):
    """Too many requests wait for events just now; try again shortly."""

    code = "too-many-wait"


class Waiting:
    """Waits on behalf of the requests of one process."""

    def __init__(self, service: str, follows: tuple[str, ...], database: Database, peers: Peers):
        self.service, self.follows, self.database, self.peers = service, follows, database, peers
        self.places = BoundedSemaphore(WAITERS)

    def wait_for_header(self, header: str | None, principal: Principal | None) -> None:
        """Returns once every event named is taken in. Producers that are not followed are answered at once, and so are own
        events, but where a service follows its own log, as the ledger does for what it posts."""
        if not header or principal is None:
            return
        for part in header.split(",")[:4]:
            match = _SHAPE.fullmatch(part.strip())
            if not match:
                raise EventUnreadable()
            producer, event_id = match.groups()
            if producer in self.follows:
                self._wait(producer, event_id, principal.company_id)

    def _wait(self, producer: str, event_id: str, company_id: int) -> None:
        if not self.places.acquire(blocking=False):
            raise TooManyWait()
        try:
            number = self._number(producer, event_id, company_id)
            deadline, look = time.monotonic() + DEADLINE_S, FIRST_LOOK_S
            while not self._arrived(producer, number, event_id, company_id):
                if time.monotonic() > deadline:
                    raise EventNotHereYet(event=f"{producer}:{event_id}")
                time.sleep(look)
                look = min(look * 1.5, LONGEST_LOOK_S)
        finally:
            self.places.release()

    def _number(self, producer: str, event_id: str, company_id: int) -> int:
        if producer == self.service:  # asking ourselves over HTTP could take every thread that might answer
            with self.database.log.connect() as connection:
                number = store.numbered(connection, event_id, company_id)
        else:
            try:
                answer = self.peers.get(producer, f"/internal/events/{event_id}", company=company_id)
            except PeerUnreachable as error:
                raise EventNotHereYet(str(error)) from error
            number = None if answer.status_code == 404 else int(answer.json()["sequence"])
        if number is None:
            raise EventUnknown()
        return number

    def _arrived(self, producer: str, number: int, event_id: str, company_id: int) -> bool:
        with self.database.api.begin() as connection:
            if store.positions(connection).get(producer, 0) < number:
                return False
            connection.exec_driver_sql("select app.enter_companies(%s::bigint[], '', '')", ([company_id],))
            if store.parked_event(connection, event_id):
                raise EventParked(event=f"{producer}:{event_id}")
            return True
