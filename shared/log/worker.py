"""A service's worker process: relay, consumer, jobs and timers, each a thread that reconnects by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from shared.config import Settings
from shared.context import Context
from shared.db import Database, is_transient
from shared.errors import LogForked
from shared.http.common import RETRY_PARKED
from shared.jobs import forget_old_keys, run_due
from shared.log import store
from shared.log.bus import Bus, PageReceiver
from shared.log.consumer import Consumer, Taken
from shared.log.relay import Relay
from shared.log.wake import Waker
from shared.peers import Peers, PeerUnreachable
from shared.service import Service
from shared.telemetry import Metrics, log

HEAD_POLL_S = 3.0
"""A producer that was silent for so long is asked for its head: the newest pages may have been lost."""
RECEIVE_S = 0.5
RETRY_S = 0.5
TIMER_S = 1.0
FORGET_S = 600.0


class Worker:
    """Runs one service. `start`, then `stop`; the threads end within about a second."""

    def __init__(self, service: Service, settings: Settings, peers: Peers | None = None):
        self.service, self.settings = service, settings
        self.database = Database(settings)
        self.peers = peers or Peers(service.name, settings.internal_secret, settings.peers, clock=settings.time)
        self.metrics = Metrics()
        self.waker = Waker(self.database.log)
        self.consumer = Consumer(service.name, self.database.worker, service.handlers, settings.clock, self.waker.call)
        self.stopping = threading.Event()
        self.heard: dict[str, float] = {}
        self.threads: list[threading.Thread] = []
        self.jobs = {**service.jobs, RETRY_PARKED: self._ask_for_retry}
        self.retries: list[tuple[int, str]] = []
        self.forget_at = 0.0

    def start(self) -> None:
        relay = Relay(self.service.name, self.database.log, self.settings.broker_url, self.settings.bus_prefix, self.metrics)
        parts: list[tuple[str, Callable[[], None]]] = [
            ("relay", lambda: relay.run(self.stopping)),
            ("consumer", self._consume),
            ("jobs", self._work),
        ]
        for name, run in parts:
            thread = threading.Thread(target=self._guarded, args=(name, run), name=f"{self.service.name} {name}", daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self, timeout_s: float = 10.0) -> None:
        self.stopping.set()
        deadline = time.monotonic() + timeout_s
        for thread in self.threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        self.waker.close()
        self.database.close()
        self.peers.close()

    def _guarded(self, name: str, run: Callable[[], None]) -> None:
        while not self.stopping.is_set():
            try:
                run()
            except Exception as error:  # noqa: BLE001 - a worker never dies of one failure; it says so and goes on
                log.error("worker.failed", part=name, exc_info=error)
                self.stopping.wait(RETRY_S)

    def _consume(self) -> None:
        bus = Bus(self.settings.broker_url, self.settings.bus_prefix, f"{self.service.name} worker")
        try:
            # the logs are the truth: go on from them also while the broker is away
            self._look_at_silent_producers()
            receiver = PageReceiver(bus, self.service.name, list(self.service.follows), self._on_page)
            while not self.stopping.is_set():
                self._look_at_silent_producers()
                receiver.receive(RECEIVE_S)
        except bus.lost as error:
            log.warning("worker.broker_lost", error=repr(error)[:300])
            self.stopping.wait(RETRY_S)
        finally:
            bus.close()

    def _on_page(self, raw: bytes) -> None:
        """Takes a page in; only returns when it has its effect. Network and database errors are retried without limit."""
        while not self.stopping.is_set():
            try:
                producer = producer_of(raw)
                if self.consumer.take(raw) is Taken.GAP:
                    self._catch_up(producer)
                self.heard[producer] = time.monotonic()
                return
            except LogForked as forked:
                self._forked(producer, forked)
                self.stopping.wait(5.0)
                return
            except (msgspec.MsgspecError, ValueError) as error:
                # no page of ours: it is dropped, and what should have come is fetched from the log
                log.error("page.unreadable", error=repr(error)[:300])
                return
            except Exception as error:
                if not is_transient(error) and not isinstance(error, PeerUnreachable):
                    raise
                log.warning("page.retried", error=repr(error)[:300])
                self.stopping.wait(RETRY_S)
        raise ConnectionError("stopping: the page stays with the broker")

    def _look_at_silent_producers(self) -> None:
        for producer in self.service.follows:
            if time.monotonic() - self.heard.get(producer, 0.0) < HEAD_POLL_S:
                continue
            self.heard[producer] = time.monotonic()
            try:
                self._catch_up(producer)
            except PeerUnreachable as error:
                log.warning("producer.unreachable", producer=producer, error=str(error)[:200])
            except LogForked as forked:
                self._forked(producer, forked)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("catch_up.retried", producer=producer, error=repr(error)[:200])

    def _catch_up(self, producer: str) -> None:
        self.consumer.catch_up(producer, self.peers.fetch, lambda: not self.stopping.is_set())

    def _forked(self, producer: str, forked: LogForked) -> None:
        log.error("log.forked", producer=producer, error=str(forked))
        self.consumer.mark_fork(producer, str(forked))

    def _ask_for_retry(self, ctx: Context, payload: dict[str, Any]) -> None:
        self.retries.append((ctx.company_id, payload["subject"]))

    def _work(self) -> None:
        while not self.stopping.wait(TIMER_S):
            try:
                if run_due(self.database.worker, self.service.name, self.settings.clock, self.jobs, self.peers):
                    self.waker.call()
                while self.retries:
                    self.consumer.retry_parked(*self.retries[-1])
                    self.retries.pop()
                for timer in self.service.timers:
                    timer(self)
                self._measure()
                if time.monotonic() > self.forget_at:
                    self.forget_at = time.monotonic() + FORGET_S
                    forget_old_keys(self.database.worker)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("jobs.retried", error=repr(error)[:200])

    def _measure(self) -> None:
        with self.database.worker.connect() as connection:
            for producer, seq in store.positions(connection).items():
                self.metrics.position.labels(producer).set(seq)
            forks = store.forks(connection)
            for producer in self.service.follows:
                self.metrics.forked.labels(producer).set(producer in forks)
            self.metrics.parked.set(len(store.parked(connection)))


def producer_of(raw: bytes) -> str:
    """The producer that a page names, without decoding its events."""
    opening = b'{"producer":"'
    if not raw.startswith(opening):
        raise ValueError("this is no page of a log")
    return raw[len(opening) : raw.index(b'"', len(opening))].decode()
