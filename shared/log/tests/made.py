"""A producer whose log is made by hand: pages as a test wants them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import msgspec

from shared.contracts import Envelope, Fact, Page, encode
from shared.ids import new_id

_companies = count(10_000_000)
PRODUCER = "tried"


class Known(Fact, frozen=True, kw_only=True):
    """The fact that the tests' handlers take in."""

    type = "tried.thing.known"
    name: str


class Unheard(Fact, frozen=True, kw_only=True):
    """One that they do not."""

    type = "tried.thing.unheard"
    name: str


class Log:
    """A producer's log as its pages show it."""

    def __init__(self) -> None:
        self.producer = PRODUCER
        self.epoch = str(uuid4())
        self.company = next(_companies)
        self.events: list[Envelope] = []

    def add(self, name: str, subject: str = "a", fact: type[Fact] = Known) -> None:
        self.events.append(
            Envelope(
                id=new_id("evt"),
                source=self.producer,
                type=fact.type,
                subject=subject,
                company_id=self.company,
                actor="t",
                correlation_id="t",
                origin="live",
                data=msgspec.Raw(encode({"name": name})),
                sequence=len(self.events) + 1,
                time=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )

    def page(self, first: int, last: int) -> bytes:
        """The events from number `first` to `last`, as far as there are any."""
        before = self.events[first - 2].id if 1 < first < len(self.events) + 2 else ""
        events = self.events[first - 1 : last]
        return encode(Page(producer=self.producer, epoch=self.epoch, previous=first - 1, previous_id=before, events=events))

    def fetch(self, producer: str, after: int) -> bytes:
        """As the producer answers when it is asked for its log."""
        assert producer == self.producer
        return self.page(after + 1, after + 2)
