"""A worker's threads over a real broker or without any."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import msgspec
import pytest

from embedded.assembly import service
from shared.contracts import encode
from shared.db import company_transaction
from shared.errors import LogForked
from shared.log import pages, store
from shared.log import worker as worker_module
from shared.log.handlers import Handlers
from shared.log.tests.made import Log, Unheard
from shared.log.worker import Worker
from shared.service import Service
from tests.product import House


@contextmanager
def running(house: House, name: str, broker_url: str) -> Iterator[Worker]:
    settings = dataclasses.replace(house.assembly.settings(name), broker_url=broker_url)
    worker = Worker(service(name), settings, house.assembly.peers(name))
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def eventually(holds: Callable[[], bool], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def knows(house: House, name: str, company: int) -> bool:
    with company_transaction(house.databases[name].worker, company, "t") as session:
        return bool(
            session.exec_driver_sql("select 1 from copies.company where company_id = %s", (company,)).scalar_one_or_none()
        )


def test_the_logs_are_taken_in_while_the_broker_is_away(house: House) -> None:
    with running(house, "notifications", "amqp://guest:guest@127.0.0.1:1//"):
        for _ in range(2):
            company = house.company_elsewhere()
            eventually(lambda company=company: knows(house, "notifications", company))  # type: ignore[misc]


@contextmanager
def stepped(house: House, name: str) -> Iterator[Worker]:
    """A worker whose threads do not run; the test does what they would."""
    worker = Worker(service(name), house.assembly.settings(name), house.assembly.peers(name))
    try:
        yield worker
    finally:
        worker.stop()


def whole_log(house: House, producer: str) -> bytes:
    return house.peers["notifications"].fetch(producer, 0)


@pytest.mark.matrix("30")
def test_what_is_no_page_is_dropped_and_counted_and_what_should_have_come_is_read(house: House) -> None:
    company = house.company_elsewhere()
    foreign = whole_log(house, "identity")
    not_followed = foreign.replace(b'"producer":"identity"', b'"producer":"ledger"')
    with stepped(house, "notifications") as worker:
        arrived = [
            ("identity", b""),
            ("identity", b"{}"),
            ("identity", b'{"producer":"identity","epoch":1}'),
            ("identity", b"\xff\xfe"),
            ("banking", foreign),
            ("ledger", not_followed),
            ("", foreign),
            ("identity", b"x" * 5_000_000),
        ]
        for page in arrived:
            worker._on_pages([page])
        worker._on_pages(arrived)

        assert worker.metrics.pages_dropped._value.get() == 2 * len(arrived)
        assert not knows(house, "notifications", company)
        assert worker.look.is_set()
        worker._look_at_silent_producers()
        assert knows(house, "notifications", company)


def test_a_page_that_cannot_be_worked_on_is_dropped_and_ends_nothing(house: House) -> None:
    house.pump()
    company = house.company_elsewhere()
    with house.consumers["notifications"].engine.connect() as connection:
        after = store.position(connection, "identity").seq
    page = pages.read(house.peers["notifications"].fetch("identity", after))
    unfit = [msgspec.structs.replace(event, company_id=2**70) for event in page.events]
    with stepped(house, "notifications") as worker:
        worker._on_pages([("identity", encode(msgspec.structs.replace(page, events=unfit)))])
        assert worker.metrics.pages_dropped._value.get() == 1

        worker._on_pages([("identity", encode(page))])
        assert knows(house, "notifications", company)


def test_a_page_of_another_log_than_the_producers_marks_no_fork(house: House) -> None:
    house.pump()
    page = pages.read(whole_log(house, "identity"))
    with stepped(house, "notifications") as worker:
        worker._on_pages([("identity", encode(msgspec.structs.replace(page, epoch=str(uuid4()))))])
        worker._look_at_silent_producers()
        with worker.database.worker.connect() as connection:
            assert store.forks(connection) == {}


def test_pages_that_are_found_in_a_silent_producers_log_have_the_bindings_looked_after(house: House) -> None:
    with stepped(house, "notifications") as worker:
        worker._look_at_silent_producers()
        assert not worker.bind_again.is_set()

        house.company_elsewhere()
        worker.heard = dict.fromkeys(worker.heard, float("-inf"))
        worker._look_at_silent_producers()
        assert worker.bind_again.is_set()


class Endless:
    """Two producers: the log of one grows whenever it is read, the other has one event."""

    def __init__(self) -> None:
        self.growing, self.short = Log(), Log()
        self.short.producer = "another"
        self.short.add("x", fact=Unheard)

    def fetch(self, producer: str, after: int) -> bytes:
        if producer == "another":
            return self.short.page(after + 1, after + 1)
        self.growing.add("x", fact=Unheard)
        return self.growing.page(after + 1, after + 1)

    def close(self) -> None:
        """Nothing to close."""


def test_a_log_without_end_keeps_no_other_from_being_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "TURN_S", 0.1)
    producers = Endless()
    follower = Service("identity", ("tried", "another"), Handlers())
    worker = Worker(follower, house.assembly.settings("identity"), producers)  # type: ignore[arg-type]
    try:
        worker._look_at_silent_producers()
        with worker.database.worker.connect() as connection:
            assert store.positions(connection)["another"] == 1
        assert list(worker.heard) == ["another"], "what was not read to its end is read on at once"
    finally:
        worker.stop()
        with house.owner("identity") as owner:
            owner.execute("delete from log.position where producer = 'another'")


def test_what_one_part_of_the_jobs_thread_fails_in_keeps_no_other_from_its_turn(house: House) -> None:
    turns: list[str] = []

    def broken(_: object) -> None:
        turns.append("broken")
        raise ValueError

    timers = (broken, lambda _: turns.append("sound"))
    house.company()
    settings = house.assembly.settings("identity")
    worker = Worker(dataclasses.replace(service("identity"), timers=timers), settings, house.assembly.peers("identity"))
    working = threading.Thread(target=worker._work)
    working.start()
    try:
        eventually(lambda: turns.count("sound") > 1 and worker.metrics.log_head._value.get() > 0)
    finally:
        worker.stopping.set()
        working.join()
        worker.stop()

    assert turns.count("broken") > 1


def test_a_forked_log_is_marked_until_a_page_of_it_is_taken_in(house: House) -> None:
    house.pump()
    consumer = house.consumers["notifications"]
    consumer.mark_fork("identity", "log forked: made up")
    with consumer.engine.connect() as connection:
        assert store.forks(connection) == {"identity": "log forked: made up"}

    house.company()

    with consumer.engine.connect() as connection:
        assert store.forks(connection) == {}


def test_a_worker_that_meets_a_fork_says_so_in_its_position(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.pump()
    worker = Worker(service("notifications"), house.assembly.settings("notifications"), house.assembly.peers("notifications"))

    def forked(producer: str, after: int) -> bytes:
        raise LogForked(f"log forked: {producer} has no number {after}")

    monkeypatch.setattr(worker.peers, "fetch", forked)
    worker._look_at_silent_producers()
    with worker.database.worker.connect() as connection:
        marked = store.forks(connection)
    worker.stop()

    assert set(marked) == set(service("notifications").follows)
    house.company()
    for producer in service("notifications").follows:
        with house.consumers["notifications"].engine.begin() as connection:
            connection.exec_driver_sql("update log.position set forked = null where producer = %s", (producer,))


def test_a_stopped_worker_leaves_no_thread(house: House) -> None:
    before = set(threading.enumerate())
    with running(house, "notifications", "memory://") as worker:
        worker.waker.call()
    assert {thread.name for thread in set(threading.enumerate()) - before if not thread.name.startswith("pytest")} == set()
