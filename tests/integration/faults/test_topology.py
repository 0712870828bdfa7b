"""What the broker is asked for, and that it comes back by itself when somebody takes it away."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu.message import Message

from embedded.assembly import service
from shared.log import store
from shared.log.bus import Bus, NotConfirmed, PagePublisher
from shared.log.measures import measure_log
from shared.log.relay import Relay
from shared.log.worker import Worker
from shared.telemetry import Metrics
from tests.infrastructure import delete_from_broker
from tests.integration.faults.line import Line, persistent, wait_until
from tests.product import House

QUEUE = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-delivery-limit": 10,
    "x-max-length": 10_000,
    "x-overflow": "drop-head",
}
PREFETCH = 4


@pytest.fixture
def bus(line: Line) -> Iterator[Bus]:
    made = Bus(line.broker_url, line.prefix, "test")
    made.connect()
    yield made
    made.close()


@pytest.mark.matrix("T16")
def test_the_queue_is_declared_as_it_must_be(line: Line, bus: Bus) -> None:
    line.add(1)
    line.start()
    line.publish(line.log.page(1, 1))
    line.wait_for_the_end()

    def declared(arguments: dict[str, object]) -> None:
        with bus.connection.channel() as channel:
            channel.queue_declare(f"{line.prefix}.identity.v1", durable=True, auto_delete=False, arguments=arguments)

    declared(QUEUE)  # the broker refuses another declaration than the first
    for name, other in (
        ("x-delivery-limit", 11),
        ("x-max-length", 9),
        ("x-overflow", "reject-publish"),
        ("x-queue-type", "classic"),
    ):
        with pytest.raises(bus.connection.channel_errors, match="PRECONDITION_FAILED"):
            declared({**QUEUE, name: other})
    with pytest.raises(bus.connection.channel_errors, match="PRECONDITION_FAILED"):
        declared({name: value for name, value in QUEUE.items() if name != "x-single-active-consumer"})
    with bus.connection.channel() as channel:
        channel.exchange_declare(f"{line.prefix}.tried", "fanout", durable=True, auto_delete=False)


@pytest.mark.matrix("T16")
def test_messages_are_persistent_and_one_without_a_queue_is_not_taken_for_published(line: Line, bus: Bus) -> None:
    publisher = PagePublisher(bus, "tried")
    publisher.send(b"nobody gets this")
    with pytest.raises(NotConfirmed, match="no queue"):
        publisher.confirm()

    channel = bus.connection.channel()
    name = channel.queue_declare(exclusive=True).queue
    channel.queue_bind(name, f"{line.prefix}.tried")
    line.publish(b"somebody gets this")
    assert persistent(Message(channel=channel, **_got(channel, name)))
    assert 0 < bus.connection.connection.heartbeat <= 30


def _got(channel: Any, queue: str) -> dict[str, Any]:
    return {"properties": channel.basic_get(queue, no_ack=True).properties}


@pytest.mark.matrix("T16")
def test_a_worker_has_four_pages_in_hand_and_acknowledges_them_after_the_commit(line: Line) -> None:
    line.may_work.clear()
    line.start()
    wait_until(line.has_consumer, "the worker to be at work")
    line.add(10)
    line.publish(*line.pages(1))

    wait_until(lambda: line.waiting_messages() == 10 - PREFETCH, "four pages to be with the worker")
    assert line.position() == 0

    line.may_work.set()
    line.wait_for_the_end()
    wait_until(lambda: line.waiting_messages() == 0, "every page to be acknowledged, so that the next can come")
    assert line.taken_in() == line.names(range(1, 11))


def _unbind(line: Line, channel: Any) -> None:
    channel.queue_unbind(f"{line.prefix}.identity.v1", f"{line.prefix}.tried")


def _delete_queue(line: Line, channel: Any) -> None:
    channel.queue_delete(f"{line.prefix}.identity.v1")


def _delete_exchange(line: Line, channel: Any) -> None:
    channel.exchange_delete(f"{line.prefix}.tried")


def _delete_all(line: Line, channel: Any) -> None:
    _delete_queue(line, channel)
    _delete_exchange(line, channel)


@pytest.mark.matrix("26")
@pytest.mark.matrix("T18")
@pytest.mark.parametrize("take_away", [_unbind, _delete_queue, _delete_exchange, _delete_all])
def test_what_is_taken_away_from_the_broker_comes_back_by_itself(line: Line, take_away: Callable[[Line, Any], None]) -> None:
    line.add(1)
    worker = line.start()
    line.publish(line.log.page(1, 1))
    line.wait_for_the_end()

    line.with_channel(lambda channel: take_away(line, channel))
    line.add(1)
    line.publish(line.log.page(2, 2))  # returns only once the broker has a queue for it again
    line.wait_for_the_end()

    line.add(1)
    line.publish(line.log.page(3, 3))
    line.wait_for_the_end()
    wait_until(lambda: line.waiting_messages() == 0, "the worker to have the queue again")
    assert line.taken_in() == line.names((1, 2, 3))
    assert all(thread.is_alive() for thread in worker.threads)


@pytest.mark.matrix("26")
@pytest.mark.matrix("T15")
@pytest.mark.matrix("T18")
def test_what_the_broker_returns_is_not_marked_as_published_and_its_age_is_told(house: House, line: Line) -> None:
    """With the product's own relay and worker: identity states, notifications takes in."""
    house.company()
    database, metrics = house.databases["identity"], Metrics()
    with database.log.connect() as connection:
        store.number(connection)
        store.mark_published(connection, store.head(connection).seq)
    company = house.company_elsewhere()
    relay = Relay("identity", database.log, line.broker_url, line.prefix)
    settings = dataclasses.replace(house.assembly.settings("notifications"), broker_url=line.broker_url, bus_prefix=line.prefix)
    worker = Worker(service("notifications"), settings, house.assembly.peers("notifications"))
    try:
        with database.log.connect() as connection:
            before = store.head(connection).published_through
            for _ in range(2):
                bus = Bus(line.broker_url, line.prefix, "test")
                publisher = PagePublisher(bus, "identity")
                with pytest.raises(NotConfirmed, match="no queue"):
                    relay.publish(connection, publisher)
                bus.close()
            measure_log(connection, metrics)
            assert store.head(connection).published_through == before
            assert metrics.unsent_age._value.get() > 0
            assert metrics.log_head._value.get() > metrics.log_published._value.get()

            worker.start()
            bus = Bus(line.broker_url, line.prefix, "test")

            def published() -> bool:
                try:
                    relay.publish(connection, PagePublisher(bus, "identity"))
                except NotConfirmed:
                    return False
                return True

            wait_until(published, "a queue to be bound")
            bus.close()
            measure_log(connection, metrics)
            assert metrics.unsent_age._value.get() == 0
        wait_until(lambda: knows(house, company), "notifications to know the company")
    finally:
        worker.stop()
        exchanges = [f"{line.prefix}.{name}" for name in ("notifications", *service("notifications").follows)]
        delete_from_broker(line.broker_url, exchanges, [f"{line.prefix}.notifications.v1"])


def knows(house: House, company: int) -> bool:
    with house.owner("notifications") as owner:
        return owner.execute("select 1 from copies.company where company_id = %s", (company,)).fetchone() is not None
