"""Notifications alone with identity; the services that it follows are spoken for by the tests, through the real consumer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from shared.clock import MovedClock
from shared.contracts import Envelope, Fact, Page, encode
from shared.ids import new_id
from shared.log.consumer import Taken
from tests.product import Company, House, build_databases, drop_databases, random_prefix


@dataclass
class Producers:
    """Logs of services that are not here. What they state is recorded a minute apart."""

    house: House
    clock: MovedClock
    epoch: str = field(default_factory=lambda: str(uuid4()))
    logs: dict[str, list[Envelope]] = field(default_factory=lambda: {"billing": [], "payments": [], "banking": []})

    def states(self, company: Company, fact: Fact) -> str:
        """Adds a fact to its service's log; `deliver` takes it to notifications. Returns the event's id."""
        producer = fact.type.split(".")[0]
        self.clock.advance(timedelta(minutes=1))
        envelope = Envelope(
            id=new_id("evt"),
            source=producer,
            type=fact.type,
            subject="any",
            company_id=company.id,
            actor="usr_test",
            correlation_id="test",
            origin="live",
            data=msgspec.Raw(encode(fact)),
            sequence=len(self.logs[producer]) + 1,
            time=self.clock.now(),
        )
        self.logs[producer].append(envelope)
        return envelope.id

    def deliver(self, producer: str, after: int | None = None) -> Taken:
        """Notifications takes in what it has not yet; or once more the page after number `after`."""
        log = self.logs[producer]
        if after is None:
            after = self.position(producer)
        previous_id = log[after - 1].id if after else ""
        page = Page(producer=producer, epoch=self.epoch, previous=after, previous_id=previous_id, events=log[after:])
        return self.house.consumers["notifications"].take(encode(page))

    def position(self, producer: str) -> int:
        with self.house.databases["notifications"].log.connect() as connection:
            found = connection.exec_driver_sql(
                "select seq from log.position where producer = %s", (producer,)
            ).scalar_one_or_none()
        return found or 0

    def told(self, company: Company, fact: Fact) -> str:
        """A fact that reaches notifications at once."""
        event_id = self.states(company, fact)
        self.deliver(fact.type.split(".")[0])
        return event_id


@pytest.fixture(scope="session")
def producers(admin_url: str) -> Iterator[Producers]:
    prefix = random_prefix()
    clock = MovedClock(datetime(2026, 1, 15, 12, tzinfo=UTC))
    house = House(build_databases(admin_url, prefix, ("identity", "notifications")), clock)
    yield Producers(house, clock)
    house.close()
    drop_databases(admin_url, prefix)


@pytest.fixture
def company(producers: Producers) -> Company:
    return producers.house.company()


@pytest.fixture
def other_company(producers: Producers) -> Company:
    return producers.house.company(name="Hollow Oak", time_zone="Pacific/Auckland")


def shown(company: Company, customer_id: str, **query: Any) -> list[dict[str, Any]]:
    """A customer's timeline, newest first."""
    items: list[dict[str, Any]] = company.get(f"/api/notifications/customers/{customer_id}/timeline", **query)["items"]
    return items
