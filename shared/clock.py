"""The clock that every use case is given. Nothing else in the product asks for the time of a business fact."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This instant, in UTC."""
        return datetime.now(UTC)

    def today(self, time_zone: str) -> date:
        """The date in a company's time zone: what "today" means to that company."""
        return self.now().astimezone(ZoneInfo(time_zone)).date()


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


def clock_from_environment() -> Clock:
    """The machine's clock, or the file named by DUEBOOK_CLOCK_FILE in scenarios over real processes."""
    path = os.environ.get("DUEBOOK_CLOCK_FILE")
    return FileClock(Path(path)) if path else Clock()
