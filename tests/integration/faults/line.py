"""One producer, RabbitMQ, one worker: the way of pages alone, with a log that a test makes as it wants.

The producer is `tried`, its facts are made up; the worker is a real one over identity's database, and its handler adds a row
for each event, which the database takes once.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from kombu.message import Message
from sqlalchemy.exc import DBAPIError

from shared.context import Context
from shared.contracts import Event
from shared.log import store
from shared.log.bus import Bus, NotConfirmed, PagePublisher
from shared.log.handlers import Handlers
from shared.log.tests.made import Known, Log
from shared.log.worker import Worker
from shared.service import Service
from tests.product import House

PATIENCE_S = 80.0


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


class Line:
    """`broken` names make the handler fail. The worker's threads run from `start` to `stop`."""

    def __init__(self, house: House, broker_url: str, prefix: str):
        self.house, self.broker_url, self.prefix = house, broker_url, prefix
        self.log = Log()
        self.broken: set[str] = set()
        self.may_work = threading.Event()
        self.may_work.set()
        handlers = Handlers()
        handlers.fold(Known, batch=True)(self._take_in)
        self.service = Service("identity", ("tried",), handlers)
        self.worker: Worker | None = None

    def _take_in(self, ctx: Context, events: list[Event]) -> None:
        assert self.may_work.wait(PATIENCE_S)
        for event in events:
            if event.data.name in self.broken:
                raise ValueError(f"cannot take in {event.data.name}")
        ctx.session.exec_driver_sql(
            "insert into copies.principal (company_id, principal, valid_after) "
            "select company_id, principal, now() from unnest(%s::bigint[], %s::text[]) as event (company_id, principal)",
            ([event.company_id for event in events], [event.data.name for event in events]),
        )

    def start(self, application: str = "line", broker_url: str | None = None) -> Worker:
        """Consumer and reader of logs; the relay would publish identity's own log, which is not wanted here."""
        settings = self.house.assembly.settings("identity")
        settings = dataclasses.replace(
            settings,
            broker_url=broker_url or self.broker_url,
            bus_prefix=self.prefix,
            worker_database_url=f"{settings.worker_database_url}?application_name={application}",
        )
        worker = Worker(self.service, settings, self)  # type: ignore[arg-type]  # it only fetches
        for name, run in (("consumer", worker._consume), ("reader", worker._read_logs)):
            thread = threading.Thread(target=worker._guarded, args=(name, run), name=f"line {name}", daemon=True)
            thread.start()
            worker.threads.append(thread)
        self.worker = worker
        return worker

    def stop(self) -> None:
        self.may_work.set()
        if self.worker is not None:
            self.worker.stop(30)
            self.worker = None

    def fetch(self, producer: str, after: int) -> bytes:
        """The producer's answer when it is asked for its log."""
        assert producer == "tried"
        return self.log.page(after + 1, after + 500)

    def close(self) -> None:
        """Nothing to close; the worker closes its peers."""

    def add(self, how_many: int, subject: str | None = None) -> None:
        for _ in range(how_many):
            number = len(self.log.events) + 1
            self.log.add(f"n{number}", subject or f"subject {number}")

    def publish(self, *bodies: bytes) -> None:
        """By the producer's exchange, until the broker has stored every one in a queue."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            bus = Bus(self.broker_url, self.prefix, "line")
            try:
                publisher = PagePublisher(bus, "tried")
                for body in bodies:
                    publisher.send(body)
                publisher.confirm()
                return
            except (NotConfirmed, *bus.lost) as error:  # type: ignore[misc]
                if time.monotonic() > deadline:
                    raise AssertionError("not published") from error
                time.sleep(0.2)
            finally:
                bus.close()

    def pages(self, size: int) -> list[bytes]:
        """The whole log in pages of so many events."""
        return [self.log.page(first, first + size - 1) for first in range(1, len(self.log.events) + 1, size)]

    def position(self) -> int:
        try:
            with self.house.databases["identity"].worker.connect() as connection:
                return store.positions(connection).get("tried", 0)
        except DBAPIError:  # a test may have ended this session too
            return -1

    def taken_in(self) -> list[str]:
        """Names of the events that had their effect, in the order of their numbers."""
        with self.house.owner("identity") as owner:
            query = "select principal from copies.principal where company_id = %s"
            names = [row[0] for row in owner.execute(query, (self.log.company,))]
        return sorted(names, key=lambda name: int(name[1:]))

    def parked(self) -> dict[int, str]:
        """Number -> why, of what waits for a person."""
        with self.house.owner("identity") as owner:
            query = "select seq, error from log.parked where producer = 'tried' and resolved_at is null order by seq"
            return dict(owner.execute(query).fetchall())

    def wait_for_the_end(self) -> None:
        wait_until(lambda: self.position() == len(self.log.events), "the worker to be at the end of the log")

    def waiting_messages(self) -> int:
        """How many pages are in the queue and not with the worker."""
        return self.with_channel(lambda channel: channel.queue_declare(f"{self.prefix}.identity.v1", passive=True).message_count)

    def has_consumer(self) -> bool:
        """Whether the worker's queue is there, bound, and consumed from."""
        bus = Bus(self.broker_url, self.prefix, "line")
        try:
            bus.connect()
            with bus.connection.channel() as channel:
                return bool(channel.queue_declare(f"{self.prefix}.identity.v1", passive=True).consumer_count)
        except bus.lost:
            return False
        finally:
            bus.close()

    def with_channel(self, act: Callable[[Any], Any]) -> Any:
        bus = Bus(self.broker_url, self.prefix, "line")
        try:
            bus.connect()
            with bus.connection.channel() as channel:
                return act(channel)
        finally:
            bus.close()

    def names(self, numbers: Sequence[int]) -> list[str]:
        return [f"n{number}" for number in numbers]


def persistent(message: Message) -> bool:
    return bool(message.properties["delivery_mode"] == 2)
