"""Numbers without gaps, instants that never go back, totals that fit the clock; all of it while writers run."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import httpx
import pytest

from shared.context import Context
from shared.contracts import Page, page_decoder
from shared.contracts.identity import CompanyChanged
from shared.errors import LogForked
from shared.log import store
from tests.product import Company, House


def state_some(house: House, company: int, how_many: int) -> None:
    """One transaction of identity that states facts; some are slow between stating and commit."""
    with house.databases["identity"].api.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s::bigint[], 't', 't')", ([company],))
        ctx = Context(session, house.clock, "identity", company, "t", "t")
        for number in range(how_many):
            ctx.state(CompanyChanged(name=str(number), time_zone="UTC", currency="USD"), f"cmp_{company}")
        ctx.write_stated()
        if random.random() < 0.3:
            time.sleep(random.random() * 0.01)
        if random.random() < 0.2:
            session.rollback()


@contextmanager
def running(*loops: Callable[[], None]) -> Iterator[None]:
    """Each loop again and again in a thread of its own; a failure of one fails the test."""
    stop, failures = threading.Event(), []

    def again(loop: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                loop()
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=again, args=(loop,)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures


def test_two_who_number_while_others_write_leave_no_gap_and_no_instant_goes_back(house: House, company: Company) -> None:
    def write() -> None:
        state_some(house, company.id, random.randint(1, 3))

    def number() -> None:
        with house.databases["identity"].log.connect() as connection:
            store.number(connection)

    with running(write, write, write, number, number):
        time.sleep(1.5)
    number()

    with house.databases["identity"].log.connect() as connection:
        rows = connection.exec_driver_sql("select seq, recorded_at from log.event order by seq").all()
        head = store.head(connection)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert head.seq == len(rows)
    assert all(before.recorded_at <= after.recorded_at for before, after in pairwise(rows))


def test_events_of_one_transaction_keep_their_order_and_share_no_number(house: House, company: Company) -> None:
    with house.databases["identity"].api.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s::bigint[], 't', 't')", ([company.id],))
        ctx = Context(session, house.clock, "identity", company.id, "t", "t")
        ids = [ctx.state(CompanyChanged(name="n", time_zone="UTC", currency="USD"), f"cmp_{company.id}") for _ in range(5)]
        ctx.write_stated()
    with house.databases["identity"].log.connect() as connection:
        last = store.number(connection)
        page = store.page_after(connection, "identity", last - 5)

    assert page is not None
    events = page_decoder.decode(page.body).events
    assert [event.id for event in events] == ids
    assert [event.sequence for event in events] == list(range(last - 4, last + 1))


def test_pages_follow_each_other_without_gap_or_overlap(house: House, company: Company) -> None:
    for _ in range(3):
        state_some(house, company.id, 3)
    pages: list[Page] = []
    with house.databases["identity"].log.connect() as connection:
        store.number(connection)
        after = 0
        while raw := store.page_after(connection, "identity", after, limit=4):
            pages.append(page_decoder.decode(raw.body))
            after = raw.last

    assert pages[0].previous == 0
    assert pages[0].previous_id == ""
    for before, page in pairwise(pages):
        assert page.previous == before.events[-1].sequence
        assert page.previous_id == before.events[-1].id
        assert page.epoch == before.epoch


def internal_get(house: House, path: str, **params: object) -> httpx.Response:
    return house.peers["identity"].get("identity", path, **params)


def test_the_log_endpoint_numbers_so_that_a_stalled_relay_stalls_nobody(house: House, company: Company) -> None:
    before = internal_get(house, "/internal/status").json()["head"]
    state_some_surely(house, company.id)

    raw = house.peers["identity"].fetch("identity", before)

    page = page_decoder.decode(raw)
    assert page.previous == before
    end = page_decoder.decode(house.peers["identity"].fetch("identity", before + 1))
    assert (end.events, end.previous, end.epoch) == ([], before + 1, page.epoch)
    assert end.previous_id == page.events[-1].id


def test_a_log_that_is_shorter_than_what_was_read_of_it_is_a_forked_log(house: House, company: Company) -> None:
    with pytest.raises(LogForked, match="identity has no number"):
        house.peers["identity"].fetch("identity", 10**12)


def state_some_surely(house: House, company: int) -> str:
    with house.databases["identity"].api.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s::bigint[], 't', 't')", ([company],))
        ctx = Context(session, house.clock, "identity", company, "t", "t")
        event_id = ctx.state(CompanyChanged(name="n", time_zone="UTC", currency="USD"), f"cmp_{company}")
        ctx.write_stated()
    return event_id


def test_the_number_of_an_event_is_answered_even_before_the_relay_saw_it(house: House, company: Company) -> None:
    event_id = state_some_surely(house, company.id)

    def answer(event_id: str, **company_id: int) -> httpx.Response:
        return internal_get(house, f"/internal/events/{event_id}", **company_id)

    assert answer(event_id, company=company.id).json()["sequence"] > 0
    for unknown in (answer(event_id, company=company.id + 1), answer(event_id), answer(f"evt_{'0' * 26}", company=company.id)):
        assert unknown.status_code == 404


def test_internal_routes_are_for_services_only(house: House, company: Company) -> None:
    client = house.peers["identity"].client("identity")

    assert client.get("/internal/log").status_code == 401
    assert client.get("/internal/log", headers={"Authorization": f"Bearer {company.token()}"}).status_code == 401
