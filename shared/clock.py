"""The clock that every use case is given. Nothing else in the product asks for the time of a business fact.

It is the database's, which all replicas of a service share: a machine whose own clock is wrong neither misdates a document
nor refuses a good token.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo

import psycopg

from shared.patience import Entrance

ASK_EVERY_S = 10.0
"""How often the database is asked for the time at most."""
ANSWERS_S = 5
"""How long an answer is waited for."""
DOUBTFUL_S = 1.0
"""An answer that took longer is passed over: nobody knows which moment of the wait it tells."""


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This instant, in UTC."""
        return datetime.now(UTC)

    def today(self, time_zone: str) -> date:
        """The date in a company's time zone: what "today" means to that company."""
        return self.now().astimezone(ZoneInfo(time_zone)).date()


class DatabaseClock(Clock):
    """The clock of a database, asked over a short connection, and kept between by the machine's monotonic clock.

    The first `now` needs the database. Afterwards nobody waits for an answer that another thread is getting, and where the
    database is away the clock goes on as it was last known.
    """

    def __init__(self, url: str):
        self.url = "postgresql://" + url.partition("://")[2]
        self.known: tuple[datetime, float] | None = None
        """An instant of the database, and when it was by the monotonic clock."""
        self.asked_at = 0.0
        self.lock = Lock()
        self.entrance = Entrance(ANSWERS_S)

    def now(self) -> datetime:
        """This instant, in UTC. Raises psycopg.OperationalError where the time was never told."""
        if self._wants_to_ask() and self.lock.acquire(blocking=self.known is None):
            try:
                if self._wants_to_ask():
                    self._ask()
            except psycopg.Error:
                if self.known is None:
                    raise
            finally:
                self.asked_at = time.monotonic()
                self.lock.release()
        assert self.known is not None
        instant, at = self.known
        return instant + timedelta(seconds=time.monotonic() - at)

    def _wants_to_ask(self) -> bool:
        return self.known is None or time.monotonic() - self.asked_at > ASK_EVERY_S

    def _ask(self) -> None:
        with self.entrance.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            began = time.monotonic()
            ((instant,),) = connection.execute("select clock_timestamp()").fetchall()
            ended = time.monotonic()
        if ended - began < DOUBTFUL_S or self.known is None:
            self.known = instant.astimezone(UTC), (began + ended) / 2


@dataclass
class MovedClock(Clock):
    """A clock that stands where it was put; for scenarios that travel to month end."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def move_to(self, day: date) -> None:
        """Puts the clock at noon UTC of `day`."""
        self.instant = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    def advance(self, by: timedelta) -> None:
        self.instant += by


@dataclass(frozen=True)
class FileClock(Clock):
    """A clock read from a file (an ISO instant), so that real processes can be moved together in a scenario."""

    path: Path

    def now(self) -> datetime:
        return datetime.fromisoformat(self.path.read_text().strip()).astimezone(UTC)


def clock_from_environment() -> Clock | None:
    """The file named by DUEBOOK_CLOCK_FILE in scenarios over real processes; else none, and business goes by the database's."""
    path = os.environ.get("DUEBOOK_CLOCK_FILE")
    return FileClock(Path(path)) if path else None
