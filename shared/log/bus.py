"""The broker, through kombu: RabbitMQ, or the in-memory transport where everything runs in one process.

One exchange a producer; one durable quorum queue with a single active consumer for each service that follows. The body
is a page of the log and names all there is to know, so no message header is needed.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError
from kombu.message import Message
from kombu.messaging import Consumer, Producer

from shared.crash import crash_point
from shared.telemetry import log

CONFIRM_DEADLINE_S = 10.0
PREFETCH_PAGES = 4
QUEUE_PAGES = 10_000
"""Longest queue; the oldest page is dropped beyond it, since the log has it."""
HEARTBEAT_S = 10
ANSWER_S = 10.0
"""No answer of the broker is waited for longer: one that hangs, or is behind a network that swallows everything, is lost."""
CLOSE_S = 1.0
SOCKET = {
    socket.TCP_NODELAY: 1,
    socket.TCP_USER_TIMEOUT: 10_000,
    socket.TCP_KEEPIDLE: 10,
    socket.TCP_KEEPINTVL: 3,
    socket.TCP_KEEPCNT: 3,
}
CONTENT_TYPE, CONTENT_ENCODING = "application/vnd.duebook.page+json", "binary"


class NotConfirmed(Exception):
    """The broker did not take a page: it answered no, said nothing in time, or no queue was bound."""


class Bus:
    """A connection to the broker for one thread. Connection errors are `lost`; make a new Bus then."""

    def __init__(self, url: str, prefix: str, name: str):
        self.prefix = prefix
        self.is_amqp = url.startswith("amqp")
        options: dict[str, Any] = {"polling_interval": 0.03}
        if self.is_amqp:
            options = {"client_properties": {"connection_name": name}, "socket_settings": SOCKET}
        self.socket: socket.socket | None = None
        self.connection = Connection(
            url, heartbeat=HEARTBEAT_S if self.is_amqp else 0, connect_timeout=5, transport_options=options
        )
        self.lost: tuple[type[BaseException], ...] = (
            *self.connection.connection_errors,
            *self.connection.channel_errors,
            OperationalError,  # kombu's own, when no connection comes about
            OSError,
            AttributeError,  # py-amqp raises it when the socket goes away under it
        )
        self._last_heartbeat = time.monotonic()

    def connect(self) -> None:
        self.connection.ensure_connection(max_retries=1, timeout=5)
        if self.is_amqp:
            self.socket = self.connection.connection.sock
            self.socket.settimeout(ANSWER_S)

    def more_waits(self) -> bool:
        """Whether something has arrived that was not read yet."""
        if self.socket is None:
            return False
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(0))

    def exchange(self, producer: str) -> Exchange:
        return Exchange(f"{self.prefix}.{producer}", type="fanout", durable=True, delivery_mode="persistent")

    def queue(self, service: str) -> Queue:
        arguments = {
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-delivery-limit": 10,
            "x-max-length": QUEUE_PAGES,
            "x-overflow": "drop-head",
        }
        return Queue(f"{self.prefix}.{service}.v1", durable=True, queue_arguments=arguments if self.is_amqp else None)

    def heartbeat(self) -> None:
        """To be called often; kombu sends no heartbeat by itself."""
        if self.is_amqp and time.monotonic() - self._last_heartbeat > HEARTBEAT_S / 4:
            # the broker's own heartbeats are seen where something is read; who only publishes reads nothing while it is idle
            with suppress(TimeoutError):
                self.connection.drain_events(timeout=0.001)
            self.connection.heartbeat_check()
            self._last_heartbeat = time.monotonic()

    def close(self) -> None:
        try:
            if self.socket is not None:
                self.socket.settimeout(CLOSE_S)
            self.connection.release()
        except Exception:  # noqa: BLE001 - a broken connection has nobody left to say goodbye to
            with suppress(Exception):
                self.connection.collect()


class PagePublisher:
    """Publishes pages of one producer in order, with a window of confirms rather than a round trip for each."""

    def __init__(self, bus: Bus, producer: str):
        self.bus = bus
        bus.connect()
        self.channel = bus.connection.channel()
        self.target = bus.exchange(producer)(self.channel)
        self.target.declare()
        self.waiting: set[int] = set()
        self.refused: list[str] = []
        self.tag = 0
        if bus.is_amqp:
            self.channel.confirm_select()
            self.channel.events["basic_ack"].add(self._acked)
            self.channel.events["basic_nack"].add(self._nacked)
        self.producer = Producer(self.channel, on_return=self._returned)

    def _acked(self, tag: int, multiple: bool) -> None:
        self.waiting -= {waiting for waiting in self.waiting if waiting <= tag} if multiple else {tag}

    def _nacked(self, tag: int, multiple: bool) -> None:
        self.refused.append("the broker refused a page")

    def _returned(self, *_: object) -> None:
        self.refused.append("no queue is bound to the exchange")

    def send(self, page: bytes) -> None:
        self.producer.publish(
            page,
            exchange=self.target,
            routing_key="",
            mandatory=self.bus.is_amqp,
            delivery_mode=2,
            content_type=CONTENT_TYPE,
            content_encoding=CONTENT_ENCODING,
        )
        crash_point("log.relay.after_publish")
        if self.bus.is_amqp:
            self.tag += 1
            self.waiting.add(self.tag)

    def confirm(self) -> None:
        """Returns once the broker has stored every page that was sent. Raises NotConfirmed or a connection error."""
        deadline = time.monotonic() + CONFIRM_DEADLINE_S
        while self.waiting and not self.refused:
            if time.monotonic() > deadline:
                raise NotConfirmed("the broker confirmed nothing in time")
            try:
                self.bus.connection.drain_events(timeout=1)
            except TimeoutError:
                self.bus.heartbeat()
        if self.refused:
            raise NotConfirmed(self.refused[0])


class PageReceiver:
    """Gets pages from the service's queue, as many at once as wait, at most PREFETCH_PAGES.

    `on_pages` gets each with the producer by whose exchange it came. What it was given must have its effect, committed, when
    it returns; then the pages are acknowledged.
    """

    def __init__(self, bus: Bus, service: str, follows: Sequence[str], on_pages: Callable[[list[tuple[str, bytes]]], None]):
        self.bus, self.follows, self.on_pages = bus, follows, on_pages
        bus.connect()
        self.channel = bus.connection.channel()
        self.queue = bus.queue(service)(self.channel)
        self.all_bound = self.declare()
        self.arrived: list[Message] = []
        self.consumer = Consumer(
            self.channel, [self.queue], on_message=self.arrived.append, prefetch_count=PREFETCH_PAGES, auto_declare=False
        )
        self.consumer.consume()

    def declare(self) -> bool:
        """Queue and bindings, as they must be; harmless where they are. A producer whose exchange cannot be had does not keep
        the others from being bound. Returns whether all are."""
        self.queue.declare()
        self.all_bound = True
        for producer in self.follows:
            try:
                _make_sure_of(self.bus, producer)
                with self.bus.connection.channel() as channel:
                    self.queue(channel).bind_to(exchange=self.bus.exchange(producer)(channel), routing_key="")
            except self.bus.connection.channel_errors as error:
                log.warning("producer.unbound", producer=producer, error=repr(error)[:200])
                self.all_bound = False
        return self.all_bound

    def receive(self, timeout_s: float) -> int:
        """Handles what arrives within `timeout_s`. Returns the number of pages handled."""
        with suppress(TimeoutError):
            self.bus.connection.drain_events(timeout=timeout_s)
        while self.arrived and len(self.arrived) < PREFETCH_PAGES and self.bus.more_waits():
            with suppress(TimeoutError):
                self.bus.connection.drain_events(timeout=timeout_s)
        self.bus.heartbeat()
        messages = self.arrived[:]
        self.arrived.clear()
        if messages:
            crash_point("log.worker.after_receive")
            self.on_pages([(self._producer(message), _body(message)) for message in messages])
        for message in messages:
            # outside the handling: an acknowledgement that fails is a lost connection, and the page comes again
            message.ack()
            crash_point("log.worker.after_ack")
        return len(messages)

    def _producer(self, message: Message) -> str:
        exchange: str = message.delivery_info["exchange"]
        return exchange.removeprefix(f"{self.bus.prefix}.")


def _body(message: Message) -> bytes:
    return message.body.encode() if isinstance(message.body, str) else bytes(message.body)


def _make_sure_of(bus: Bus, producer: str) -> None:
    """Another's exchange: in production the broker's definitions made it, and a service may not; elsewhere the first makes it."""
    with bus.connection.channel() as probe:  # one of its own, since the answer that there is none closes it
        try:
            bus.exchange(producer)(probe).declare(passive=True)
            return
        except bus.connection.channel_errors:
            pass
    with bus.connection.channel() as channel:
        bus.exchange(producer)(channel).declare()
