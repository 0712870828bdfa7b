"""Pages into one service: positions, gaps, forks, parking, retries. The pages are made by hand, the database is real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import msgspec
import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from shared.contracts import Envelope, Page, encode
from shared.contracts.identity import CompanyChanged, PrincipalChanged
from shared.db import company_transaction
from shared.errors import LogForked
from shared.ids import new_id
from shared.log import store
from shared.log.consumer import Consumer, Taken
from shared.log.handlers import Handlers
from tests.product import House

_companies = count(10_000_000)


class Log:
    """A producer's log as its pages show it."""

    def __init__(self) -> None:
        self.producer = new_id("tp")
        self.epoch = str(uuid4())
        self.company = next(_companies)
        self.ids: list[str] = []
        self.events: list[Envelope] = []

    def add(self, name: str, subject: str = "a", fact: type = PrincipalChanged) -> None:
        data = {"principal": name, "valid_after": "2026-01-01T00:00:00Z"}
        if fact is CompanyChanged:
            data = {"name": name, "time_zone": "UTC", "currency": "USD"}
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
                data=msgspec.Raw(encode(data)),
                sequence=len(self.events) + 1,
                time=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )

    def page(self, first: int, last: int) -> bytes:
        before = self.events[first - 2].id if 1 < first < len(self.events) + 2 else ""
        events = self.events[first - 1 : last]
        return encode(Page(producer=self.producer, epoch=self.epoch, previous=first - 1, previous_id=before, events=events))

    def fetch(self, producer: str, after: int) -> bytes:
        assert producer == self.producer
        return self.page(after + 1, after + 2)


@pytest.fixture
def log() -> Log:
    made = Log()
    for name in ("one", "two", "three", "four", "five"):
        made.add(name, subject=f"usr_{name}")
    return made


class Seen(list[str]):
    """Names in the order in which a handler saw them; `broken` ones make it fail."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.batches: list[int] = []


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def consumer(house: House, seen: Seen) -> Consumer:
    handlers = Handlers()

    @handlers.fold(PrincipalChanged, batch=True)
    def fold_principals(ctx: object, events: list) -> None:  # type: ignore[type-arg]
        seen.batches.append(len(events))
        for event in events:
            if event.data.principal in seen.broken:
                raise ValueError(f"cannot take in {event.data.principal}")
        seen.extend(event.data.principal for event in events)

    return Consumer("identity", house.databases["identity"].worker, handlers, house.clock)


def position(consumer: Consumer, log: Log) -> int:
    with consumer.engine.connect() as connection:
        return store.positions(connection).get(log.producer, 0)


def test_a_page_is_taken_in_once_and_as_one_batch(consumer: Consumer, log: Log, seen: Seen) -> None:
    assert consumer.take(log.page(1, 5)) is Taken.ALL
    assert consumer.take(log.page(1, 5)) is Taken.NOTHING_NEW

    assert seen == ["one", "two", "three", "four", "five"]
    assert seen.batches == [5]
    assert position(consumer, log) == 5


def test_a_page_that_overlaps_gives_only_what_is_new(consumer: Consumer, log: Log, seen: Seen) -> None:
    consumer.take(log.page(1, 3))
    consumer.take(log.page(2, 5))

    assert seen == ["one", "two", "three", "four", "five"]


def test_a_gap_is_not_jumped_but_fetched(consumer: Consumer, log: Log, seen: Seen) -> None:
    consumer.take(log.page(1, 1))

    assert consumer.take(log.page(4, 5)) is Taken.GAP
    assert seen == ["one"]

    consumer.catch_up(log.producer, log.fetch)
    assert seen == ["one", "two", "three", "four", "five"]


def test_another_epoch_is_a_forked_log(consumer: Consumer, log: Log, seen: Seen) -> None:
    consumer.take(log.page(1, 3))
    log.epoch = str(uuid4())

    with pytest.raises(LogForked, match="epoch"):
        consumer.take(log.page(4, 5))
    assert position(consumer, log) == 3


def test_another_event_under_a_number_already_taken_in_is_a_forked_log(consumer: Consumer, log: Log) -> None:
    consumer.take(log.page(1, 3))
    log.events[2] = msgspec.structs.replace(log.events[2], id=new_id("evt"))

    with pytest.raises(LogForked, match="number 3"):
        consumer.take(log.page(4, 5))
    with pytest.raises(LogForked, match="number 3"):
        consumer.take(log.page(2, 5))


def test_a_log_that_ends_where_it_was_read_to_but_with_other_events_is_a_forked_log(consumer: Consumer, log: Log) -> None:
    consumer.take(log.page(1, 5))
    read = log.events[4]
    log.events[4] = msgspec.structs.replace(read, id=new_id("evt"))

    with pytest.raises(LogForked, match="number 5"):
        consumer.catch_up(log.producer, log.fetch)

    log.events[4], log.epoch = read, str(uuid4())
    with pytest.raises(LogForked, match="epoch"):
        consumer.catch_up(log.producer, log.fetch)


def test_a_fork_is_unmarked_where_the_log_ends_just_as_it_was_read(consumer: Consumer, log: Log) -> None:
    consumer.take(log.page(1, 5))
    consumer.mark_fork(log.producer, "log forked: it was shorter")

    assert consumer.catch_up(log.producer, log.fetch) == 0

    with consumer.engine.connect() as connection:
        assert log.producer not in store.forks(connection)


def test_a_poison_event_is_parked_and_the_rest_goes_on(consumer: Consumer, log: Log, seen: Seen) -> None:
    seen.broken = {"three"}

    assert consumer.take(log.page(1, 5)) is Taken.ALL

    assert seen == ["one", "two", "four", "five"]
    assert position(consumer, log) == 5
    with consumer.engine.connect() as connection:
        parked = [item for item in store.parked(connection) if item.producer == log.producer]
    assert [(item.seq, item.subject) for item in parked] == [(3, "usr_three")]
    assert "cannot take in three" in parked[0].error


def test_later_events_of_a_parked_subject_wait_behind_it_and_are_retried_in_order(consumer: Consumer, seen: Seen) -> None:
    log = Log()
    for name, subject in (("a1", "a"), ("b1", "b"), ("a2", "a")):
        log.add(name, subject)
    seen.broken = {"a1"}
    consumer.take(log.page(1, 3))
    log.add("a3", "a")
    log.add("b2", "b")
    consumer.take(log.page(4, 5))
    assert seen == ["b1", "b2"]

    assert consumer.retry_parked(log.company, "a") == 0
    seen.broken = set()
    assert consumer.retry_parked(log.company, "a") == 3

    assert seen == ["b1", "b2", "a1", "a2", "a3"]
    assert consumer.retry_parked(log.company, "a") == 0


def test_an_event_that_cannot_be_decoded_is_parked(consumer: Consumer, log: Log, seen: Seen) -> None:
    log.events[1] = msgspec.structs.replace(log.events[1], data=msgspec.Raw(b'{"principal": 7}'))

    consumer.take(log.page(1, 5))

    assert seen == ["one", "three", "four", "five"]


def test_events_that_nobody_handles_only_move_the_position(consumer: Consumer, seen: Seen) -> None:
    log = Log()
    log.add("x", fact=CompanyChanged)

    assert consumer.take(log.page(1, 1)) is Taken.ALL
    assert (seen, position(consumer, log)) == ([], 1)


def test_a_lost_connection_parks_nothing_and_moves_nothing(house: House, log: Log) -> None:
    handlers = Handlers()

    @handlers.fold(PrincipalChanged)
    def cut(ctx, event) -> None:  # type: ignore[no-untyped-def]
        pid = ctx.session.exec_driver_sql("select pg_backend_pid()").scalar_one()
        with psycopg.connect(house.admin_url, autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(%s)", (pid,))
        ctx.session.exec_driver_sql("select 1")

    consumer = Consumer("identity", house.databases["identity"].worker, handlers, house.clock)
    with pytest.raises(OperationalError):
        consumer.take(log.page(1, 5))

    assert position(consumer, log) == 0
    with consumer.engine.connect() as connection:
        assert not [item for item in store.parked(connection) if item.producer == log.producer]


def test_what_a_failing_handler_wrote_is_undone_before_its_event_is_parked(house: House, log: Log) -> None:
    handlers = Handlers()

    @handlers.fold(PrincipalChanged)
    def write_then_fail(ctx, event) -> None:  # type: ignore[no-untyped-def]
        ctx.session.exec_driver_sql(
            "insert into copies.principal (company_id, principal, valid_after) values (%s, %s, now())",
            (event.company_id, event.data.principal),
        )
        if event.data.principal == "two":
            raise ValueError

    consumer = Consumer("identity", house.databases["identity"].worker, handlers, house.clock)
    consumer.take(log.page(1, 5))

    with company_transaction(house.databases["identity"].worker, log.company, "t") as session:
        rows = session.exec_driver_sql("select principal from copies.principal order by 1").scalars().all()
    assert rows == ["five", "four", "one", "three"]


def test_a_reaction_is_not_run_when_it_comes_too_late_but_the_fold_is(house: House, log: Log) -> None:
    handlers, reacted, folded = Handlers(), [], []
    handlers.fold(PrincipalChanged)(lambda ctx, event: folded.append(event.data.principal))
    handlers.react(PrincipalChanged, too_late_after=timedelta(days=7))(lambda ctx, event: reacted.append(event.data.principal))
    log.events[4] = msgspec.structs.replace(log.events[4], time=house.clock.now() - timedelta(days=6))
    consumer = Consumer("identity", house.databases["identity"].worker, handlers, house.clock)

    consumer.take(log.page(1, 5))

    assert folded == ["one", "two", "three", "four", "five"]
    assert reacted == ["five"]
