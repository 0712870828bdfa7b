"""A service's worker process: relay, consumer, reader of logs, jobs and timers, each a thread that reconnects by itself.

Two threads take pages in. The consumer gets them from the broker, which is fast. The reader asks the producers' logs where
the broker was silent or left something out, and needs no broker. Both take turns in the database.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from shared.config import Settings
from shared.context import Context
from shared.contracts import Page
from shared.db import Database, is_transient
from shared.errors import LogForked
from shared.http.common import RETRY_PARKED
from shared.jobs import forget_old_keys, run_due
from shared.log import pages, store
from shared.log.bus import Bus, PageReceiver
from shared.log.consumer import Consumer, Taken
from shared.log.measures import measure_log
from shared.log.relay import Relay
from shared.log.wake import Waker
from shared.peers import Peers, PeerUnreachable
from shared.service import Service
from shared.telemetry import Metrics, log

HEAD_POLL_S = 3.0
"""A producer that was silent for so long is asked for what follows: the newest pages may have been lost."""
TURN_S = 2.0
"""How long one producer's log is read, or jobs are run, before the others have their turn."""
LOOK_S = 0.5
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
        """When each producer was last heard of; one that is missing here is asked at once."""
        self.look, self.bind_again = threading.Event(), threading.Event()
        self.threads: list[threading.Thread] = []
        self.jobs = {**service.jobs, RETRY_PARKED: self._retry_parked}

    def start(self) -> None:
        relay = Relay(self.service.name, self.database.log, self.settings.broker_url, self.settings.bus_prefix)
        parts: list[tuple[str, Callable[[], None]]] = [
            ("relay", lambda: relay.run(self.stopping)),
            ("consumer", self._consume),
            ("reader", self._read_logs),
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
            receiver = PageReceiver(bus, self.service.name, self.service.follows, self._on_pages)
            bound_at = time.monotonic()
            while not self.stopping.is_set():
                if self.bind_again.is_set() or (not receiver.all_bound and time.monotonic() - bound_at > HEAD_POLL_S):
                    self.bind_again.clear()
                    receiver.declare()
                    bound_at = time.monotonic()
                receiver.receive(RECEIVE_S)
        except bus.lost as error:
            log.warning("worker.broker_lost", error=repr(error)[:300])
            self.stopping.wait(RETRY_S)
        finally:
            bus.close()

    def _on_pages(self, arrived: list[tuple[str, bytes]]) -> None:
        """Takes pages in; only returns when they have their effect, or when what they should have said is to be read in the
        log of the producer by whose exchange they came. Database errors are retried without limit."""
        for page in pages.joined(filter(None, (self._page(producer, raw) for producer, raw in arrived))):
            self._take(page)

    def _page(self, producer: str, raw: bytes) -> Page | None:
        try:
            page = pages.read(raw)
            if page.producer != producer or producer not in self.service.follows:
                raise pages.NoPage(f"a page of {page.producer[:50]} came by the exchange of {producer[:50]}")
        except pages.NoPage as error:
            log.error("page.dropped", producer=producer, error=str(error)[:300])
            self.metrics.pages_dropped.inc()
            self._ask(producer)
            return None
        return page

    def _take(self, page: Page) -> None:
        while not self.stopping.is_set():
            try:
                taken = self.consumer.take_page(page)
                if taken is Taken.ALL:
                    self.heard[page.producer] = time.monotonic()
                elif taken is Taken.GAP:
                    self._ask(page.producer)
                return
            except Exception as error:  # noqa: BLE001 - one page is no reason to stop taking in the others
                if not is_transient(error):
                    # whether the log has forked, or holds the same: its reader sees
                    log.error("page.dropped", producer=page.producer, error=repr(error)[:300])
                    self.metrics.pages_dropped.inc()
                    self._ask(page.producer)
                    return
                log.warning("page.retried", error=repr(error)[:300])
                self.stopping.wait(RETRY_S)
        raise ConnectionError("stopping: the page stays with the broker")

    def _ask(self, producer: str) -> None:
        """Has the producer's log read at once."""
        self.heard.pop(producer, None)
        self.look.set()

    def _read_logs(self) -> None:
        while not self.stopping.is_set():
            self._look_at_silent_producers()
            self.look.wait(LOOK_S)
            self.look.clear()

    def _look_at_silent_producers(self) -> None:
        for producer in self.service.follows:
            heard = self.heard.get(producer)
            if heard is None or time.monotonic() - heard > HEAD_POLL_S:
                self.heard[producer] = time.monotonic()
                if self._read_log(producer) and heard is not None:
                    # they did not come by the broker: perhaps somebody took the binding away, or the queue
                    self.bind_again.set()

    def _read_log(self, producer: str) -> int:
        ends = time.monotonic() + TURN_S
        try:
            try:
                count = self.consumer.catch_up(
                    producer, self.peers.fetch, lambda: not self.stopping.is_set() and time.monotonic() < ends
                )
                if count and time.monotonic() >= ends:
                    self._ask(producer)
                return count
            except LogForked as forked:
                log.error("log.forked", producer=producer, error=str(forked))
                self.consumer.mark_fork(producer, str(forked))
        except PeerUnreachable as error:
            log.warning("producer.unreachable", producer=producer, error=str(error)[:200])
        except Exception as error:  # noqa: BLE001 - one producer's log is no reason not to read the others'
            if is_transient(error):
                log.warning("log.retried", producer=producer, error=repr(error)[:200])
            else:
                log.error("log.unread", producer=producer, exc_info=error)
        return 0

    def _retry_parked(self, ctx: Context, payload: dict[str, Any]) -> None:
        self.consumer.retry_parked(ctx.session, ctx.company_id, payload["subject"])

    def _work(self) -> None:
        forget_at = 0.0
        while not self.stopping.wait(TIMER_S):
            self._in_turn("jobs", self._run_jobs)
            for timer in self.service.timers:
                self._in_turn("timer", partial(timer, self))
            self._in_turn("measures", self._measure)
            if time.monotonic() > forget_at:
                forget_at = time.monotonic() + FORGET_S
                self._in_turn("keys", lambda: forget_old_keys(self.database.worker))

    def _in_turn(self, part: str, run: Callable[[], object]) -> None:
        """What fails is said, and keeps nothing else from its turn."""
        try:
            run()
        except Exception as error:  # noqa: BLE001 - see above
            if is_transient(error):
                log.warning("worker.retried", part=part, error=repr(error)[:200])
            else:
                log.error("worker.failed", part=part, exc_info=error)

    def _run_jobs(self) -> None:
        ends = time.monotonic() + TURN_S  # timers and measures want their turn too
        done = run_due(
            self.database.worker,
            self.service.name,
            self.settings.clock,
            self.jobs,
            self.peers,
            lambda: not self.stopping.is_set() and time.monotonic() < ends,
        )
        if done:
            self.waker.call()

    def _measure(self) -> None:
        with self.database.log.connect() as connection:
            measure_log(connection, self.metrics)
        with self.database.worker.connect() as connection:
            for producer, seq in store.positions(connection).items():
                self.metrics.position.labels(producer).set(seq)
            forks = store.forks(connection)
            for producer in self.service.follows:
                self.metrics.forked.labels(producer).set(producer in forks)
            self.metrics.parked.set(len(store.parked(connection)))
