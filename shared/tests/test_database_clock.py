"""The database's clock: real seconds on a machine whose own clock is wrong, also while the database is away."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import jwt
import psycopg
import pytest

from shared import clock
from shared.clock import Clock, DatabaseClock
from shared.peers import internal_caller, internal_token
from shared.tokens import claims_of
from tests.torture.proxy import Proxy

SECRET = "for tests only, for tests only, for tests only"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def database_now(admin_url: str) -> datetime:
    with psycopg.connect(admin_url) as admin:
        return admin.execute("select clock_timestamp()").fetchall()[0][0]


def test_it_tells_what_the_database_tells(admin_url: str) -> None:
    asked = DatabaseClock(admin_url)

    before, told, after = database_now(admin_url), asked.now(), database_now(admin_url)

    assert before - timedelta(seconds=30) < told < after + timedelta(seconds=30)
    assert told.utcoffset() == timedelta(0)


def test_the_machine_s_clock_makes_no_difference(admin_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = DatabaseClock(admin_url)
    wrong = time.time() + 7200
    monkeypatch.setattr("time.time", lambda: wrong)

    assert abs(asked.now() - database_now(admin_url)) < timedelta(minutes=1)


def test_the_database_is_asked_now_and_then_and_not_each_time(admin_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(admin_url) as wire:
        asked = DatabaseClock(wire.url)
        asked.now()
        wire.refuse()
        first = [asked.now() for _ in range(100)]
        assert first == sorted(first)
        wire.accept()
        monkeypatch.setattr(clock, "ASK_EVERY_S", 0.0)
        asked.known = (NOON, time.monotonic())

        assert asked.now() > NOON + timedelta(days=30)


def test_while_the_database_is_away_it_goes_on_as_last_known(admin_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "ASK_EVERY_S", 0.0)
    with Proxy(admin_url) as wire:
        asked = DatabaseClock(wire.url)
        asked.known = (NOON, time.monotonic())
        wire.refuse()

        first, second = asked.now(), asked.now()

    assert NOON <= first <= second < NOON + timedelta(minutes=10)


def test_nobody_waits_for_an_answer_that_another_is_getting(admin_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "ASK_EVERY_S", 0.0)
    asked = DatabaseClock(admin_url)
    asked.now()
    with asked.lock:
        waits = threading.Thread(target=asked.now)
        waits.start()
        waits.join(60)

        assert not waits.is_alive()


def test_a_time_that_was_never_told_is_no_time(admin_url: str) -> None:
    with Proxy(admin_url) as wire:
        asked = DatabaseClock(wire.url)
        wire.refuse()
        with pytest.raises(psycopg.OperationalError):
            asked.now()
        wire.accept()

        assert asked.now() > NOON


def test_many_who_ask_first_ask_once(admin_url: str) -> None:
    asked = DatabaseClock(admin_url)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: asked.now(), range(8)))

    assert max(told) - min(told) < timedelta(minutes=1)


@pytest.mark.parametrize(("off_s", "good"), [(0, True), (29, True), (91, False), (-29, True), (-31, False)])
def test_an_internal_token_is_good_by_the_clock_that_is_given(off_s: int, good: bool) -> None:
    token = internal_token("ledger", SECRET, NOON)

    assert internal_caller(token, SECRET, NOON + timedelta(seconds=off_s)) == ("service:ledger" if good else None)


@pytest.mark.parametrize(
    "claims",
    [{}, {"exp": 9e9}, {"iat": 0}, {"iat": 0, "exp": "soon"}, {"iat": True, "exp": 9e9}, {"iat": 0, "exp": 9e9, "nbf": 9e9}],
)
def test_a_token_without_its_times_is_not_good(claims: dict) -> None:
    body = json.dumps({**claims, "aud": "a"}).encode()
    token = jwt.api_jws.encode(body, SECRET, "HS256")  # which, unlike the library's front door, signs anything

    with pytest.raises(jwt.InvalidTokenError):
        claims_of(token, SECRET, "HS256", Clock().now(), audience="a")
