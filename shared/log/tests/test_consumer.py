"""Pages into one service: positions, gaps, forks, parking, retries. The pages are made by hand, the database is real."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import msgspec
import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from shared.contracts.identity import CompanyChanged
from shared.db import company_transaction
from shared.errors import LogForked
from shared.ids import new_id
from shared.log import pages, store
from shared.log.consumer import Consumer, Taken
from shared.log.handlers import Handlers
from shared.log.pages import NoPage
from shared.log.tests.made import Known, Log, Unheard
from shared.peers import PeerUnreachable
from tests.product import House


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

    @handlers.fold(Known, batch=True)
    def fold_known(ctx: object, events: list) -> None:  # type: ignore[type-arg]
        seen.batches.append(len(events))
        for event in events:
            if event.data.name in seen.broken:
                raise ValueError(f"cannot take in {event.data.name}")
        seen.extend(event.data.name for event in events)

    return Consumer("identity", house.databases["identity"].worker, handlers, house.clock)


def position(consumer: Consumer, log: Log) -> int:
    with consumer.engine.connect() as connection:
        return store.positions(connection).get(log.producer, 0)


def retry(consumer: Consumer, log: Log, subject: str) -> int:
    with company_transaction(consumer.engine, log.company, "t") as connection:
        return consumer.retry_parked(connection, log.company, subject)


def parked(consumer: Consumer, log: Log) -> dict[int, str]:
    """Number -> why, of what is parked of this log."""
    with consumer.engine.connect() as connection:
        return {item.seq: item.error for item in store.parked(connection) if item.producer == log.producer}


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

    assert retry(consumer, log, "a") == 0
    seen.broken = set()
    assert retry(consumer, log, "a") == 3

    assert seen == ["b1", "b2", "a1", "a2", "a3"]
    assert retry(consumer, log, "a") == 0


def test_an_event_that_cannot_be_decoded_is_parked(consumer: Consumer, log: Log, seen: Seen) -> None:
    log.events[1] = msgspec.structs.replace(log.events[1], data=msgspec.Raw(b'{"name": 7}'))

    consumer.take(log.page(1, 5))

    assert seen == ["one", "three", "four", "five"]


def test_events_that_nobody_handles_only_move_the_position(consumer: Consumer, seen: Seen) -> None:
    log = Log()
    log.add("x", fact=Unheard)

    assert consumer.take(log.page(1, 1)) is Taken.ALL
    assert (seen, position(consumer, log)) == ([], 1)


def test_a_lost_connection_parks_nothing_and_moves_nothing(house: House, log: Log) -> None:
    handlers = Handlers()

    @handlers.fold(Known)
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

    @handlers.fold(Known)
    def write_then_fail(ctx, event) -> None:  # type: ignore[no-untyped-def]
        ctx.session.exec_driver_sql(
            "insert into copies.principal (company_id, principal, valid_after) values (%s, %s, now())",
            (event.company_id, event.data.name),
        )
        if event.data.name == "two":
            raise ValueError

    consumer = Consumer("identity", house.databases["identity"].worker, handlers, house.clock)
    consumer.take(log.page(1, 5))

    with company_transaction(house.databases["identity"].worker, log.company, "t") as session:
        rows = session.exec_driver_sql("select principal from copies.principal order by 1").scalars().all()
    assert rows == ["five", "four", "one", "three"]


def test_a_reaction_is_not_run_when_it_comes_too_late_but_the_fold_is(house: House, log: Log) -> None:
    handlers, reacted, folded = Handlers(), [], []
    handlers.fold(Known)(lambda ctx, event: folded.append(event.data.name))
    handlers.react(Known, too_late_after=timedelta(days=7))(lambda ctx, event: reacted.append(event.data.name))
    log.events[4] = msgspec.structs.replace(log.events[4], time=house.clock.now() - timedelta(days=6))
    consumer = Consumer("identity", house.databases["identity"].worker, handlers, house.clock)

    consumer.take(log.page(1, 5))

    assert folded == ["one", "two", "three", "four", "five"]
    assert reacted == ["five"]


def test_one_bad_event_among_hundreds_is_found_in_some_steps(consumer: Consumer, seen: Seen) -> None:
    log = Log()
    for number in range(400):
        log.add(f"n{number}", f"subject {number}")
    log.add("later", "subject 123")
    seen.broken = {"n123"}

    consumer.take(log.page(1, 401))

    assert seen == [f"n{number}" for number in range(400) if number != 123]
    assert len(seen.batches) < 25
    assert list(parked(consumer, log)) == [124, 401]
    assert "behind" in parked(consumer, log)[401]


def test_pages_that_wait_together_are_taken_in_as_one(consumer: Consumer, log: Log, seen: Seen) -> None:
    arrived = [pages.read(log.page(first, last)) for first, last in ((1, 2), (3, 3), (4, 5))]

    (page,) = pages.joined(arrived)

    assert consumer.take_page(page) is Taken.ALL
    assert seen.batches == [5]
    assert position(consumer, log) == 5


def test_only_pages_that_follow_each_other_are_joined(log: Log) -> None:
    other = Log()
    other.add("x")
    first, second, third = (pages.read(log.page(number, number)) for number in (1, 2, 3))
    strange = pages.read(other.page(1, 1))
    elsewhere = msgspec.structs.replace(second, epoch=str(uuid4()))
    foreign = msgspec.structs.replace(second, producer="another")

    for apart in ([first, third], [second, first], [first, first], [first, strange], [first, elsewhere], [first, foreign]):
        assert pages.joined(apart) == apart
    assert [page.previous for page in pages.joined([first, second, third, first])] == [0, 0]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"producer":"tried"',
        b"[" * 100_000,
        b"x" * 5_000_000,
        b'{"producer":"tried","epoch":"e","previous":-1,"previous_id":"","events":[]}',
        b'{"producer":"tried","epoch":"e","previous":0.5,"previous_id":"","events":[]}',
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_what_is_no_page_is_refused(consumer: Consumer, raw: bytes) -> None:
    with pytest.raises(NoPage):
        consumer.take(raw)


def test_a_page_whose_events_are_not_numbered_one_after_the_other_is_no_page(consumer: Consumer, log: Log) -> None:
    whole = list(log.events)
    for number, broken in ((1, {"sequence": 9}), (2, {"sequence": 2}), (0, {"time": None})):
        log.events = [*whole]
        log.events[number] = msgspec.structs.replace(whole[number], **broken)
        with pytest.raises(NoPage):
            consumer.take(log.page(1, 5))
    assert position(consumer, log) == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"source": "ledger"}, "cannot state"),
        ({"specversion": "2.0"}, "version 2.0"),
        ({"data": msgspec.Raw(b'{"name": 12.5}')}, "Expected `str`, got `float`"),
        ({"data": msgspec.Raw(b'{"other": 1}')}, "missing required field"),
    ],
)
def test_an_event_that_its_producer_cannot_state_is_parked(
    consumer: Consumer, log: Log, seen: Seen, change: dict[str, object], why: str
) -> None:
    log.events[2] = msgspec.structs.replace(log.events[2], **change)

    assert consumer.take(log.page(1, 5)) is Taken.ALL

    assert seen == ["one", "two", "four", "five"]
    assert why in parked(consumer, log)[3]


def test_a_producer_states_its_own_facts_only(house: House, log: Log) -> None:
    log.events[2] = msgspec.structs.replace(log.events[2], type=CompanyChanged.type, source="identity")
    handlers, seen = Handlers(), []
    handlers.fold(CompanyChanged)(lambda ctx, event: seen.append(event))
    consumer = Consumer("identity", house.databases["identity"].worker, handlers, house.clock)

    consumer.take(log.page(1, 5))

    assert seen == []
    assert "tried cannot state identity.company.changed" in parked(consumer, log)[3]


def test_a_log_that_answers_something_else_is_a_producer_that_does_not_answer(consumer: Consumer, log: Log) -> None:
    other = Log()
    other.producer = "another"
    other.add("x")
    for fetch in (lambda *_: b"<html>", lambda *_: other.page(1, 1)):
        with pytest.raises(PeerUnreachable):
            consumer.catch_up(log.producer, fetch)
