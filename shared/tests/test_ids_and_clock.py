"""Ids sort by time and are checked by shape; clocks that stand still or are read from a file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import Clock, FileClock, MovedClock, clock_from_environment
from shared.ids import derived_id, is_id, new_id


def test_ids_are_unique_and_sort_by_the_time_of_making(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for millisecond in range(200):
        monkeypatch.setattr("time.time_ns", lambda now=millisecond: (1_700_000_000_000 + now) * 1_000_000)
        made.append(new_id("inv"))

    assert made == sorted(made)
    assert len(set(made)) == 200


def test_ids_made_in_the_same_millisecond_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_000_000_000)

    assert len({new_id("inv") for _ in range(5000)}) == 5000


def test_an_id_is_told_by_its_prefix_and_shape() -> None:
    id = new_id("inv")

    assert is_id(id, "inv")
    assert not is_id(id, "rct")
    assert len(id) == len("inv_") + 26


@pytest.mark.parametrize(
    "text",
    [
        "",
        "inv_",
        "inv_01",
        "inv_" + "0" * 27,
        "inv_" + "U" * 26,
        "inv_" + "i" * 26,
        "inv_" + "0" * 26 + "\n",
        "inv " + "0" * 26,
        "INV_" + "0" * 26,
    ],
)
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text, "inv")


def test_what_follows_from_an_event_has_an_id_that_anybody_can_name() -> None:
    event_id = new_id("evt")

    assert derived_id("je", event_id) == "je_" + event_id.removeprefix("evt_")
    assert is_id(derived_id("je", event_id), "je")


@pytest.mark.parametrize(
    ("zone", "today"),
    [
        ("UTC", "2026-01-31"),
        ("Pacific/Kiritimati", "2026-02-01"),
        ("Pacific/Honolulu", "2026-01-31"),
        ("Asia/Tokyo", "2026-02-01"),
    ],
)
def test_today_is_the_date_in_the_company_s_zone(zone: str, today: str) -> None:
    assert MovedClock(datetime(2026, 1, 31, 16, tzinfo=UTC)).today(zone) == date.fromisoformat(today)


def test_a_moved_clock_stands_where_it_was_put() -> None:
    clock = MovedClock(datetime(2026, 1, 1, tzinfo=UTC))

    clock.move_to(date(2028, 2, 29))
    assert clock.now() == datetime(2028, 2, 29, 12, tzinfo=UTC)
    clock.advance(timedelta(hours=12))
    assert clock.today("UTC") == date(2028, 3, 1)


def test_the_machine_s_clock_is_in_utc() -> None:
    assert Clock().now().utcoffset() == timedelta(0)


def test_processes_are_moved_together_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "clock"
    monkeypatch.setenv("DUEBOOK_CLOCK_FILE", str(file))
    clock = clock_from_environment()

    for text in ("2026-01-31T23:30:00+00:00", "2026-02-28T23:30:00+01:00\n"):
        file.write_text(text)
        assert clock.now() == datetime.fromisoformat(text.strip())
    assert isinstance(clock, FileClock)


def test_without_a_file_no_clock_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DUEBOOK_CLOCK_FILE", raising=False)

    assert clock_from_environment() is None
