"""Fixtures that every test folder may use: servers that were found, migrated databases, the whole house in one process."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.clock import MovedClock
from tests.infrastructure import Found, broker, postgres
from tests.product import Company, House, build_databases, drop_databases, random_prefix

POSTGRES, BROKER = pytest.StashKey[Found](), pytest.StashKey[Found]()
RESULTS = "DUEBOOK_RIG_RESULTS"
"""Names the file that takes one JSON line for each test of a row of the fault matrix; see `tests.rig.report`."""


def pytest_configure(config: pytest.Config) -> None:
    """Finds the servers before the first test, so that the header can say which they are; SIGTERM ends them like Ctrl-C."""
    config.addinivalue_line("markers", "matrix(row, times=1): the test covers this row of the fault matrix, so many times")
    if not config.option.help and not config.option.collectonly:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        config.stash[POSTGRES], config.stash[BROKER] = postgres(), broker()


def pytest_report_header(config: pytest.Config) -> str:
    if POSTGRES not in config.stash:
        return "servers: not looked for"
    return f"servers: {config.stash[POSTGRES]}, {config.stash[BROKER]}"


def pytest_unconfigure(config: pytest.Config) -> None:
    for key in (POSTGRES, BROKER):
        if key in config.stash:
            config.stash[key].close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Writes down what became of a test that covers rows of the fault matrix. One that was skipped covered nothing."""
    report = yield
    path, marks = os.environ.get(RESULTS), list(item.iter_markers("matrix"))
    if path and marks and (report.failed or (report.when == "call" and report.passed)):
        with Path(path).open("a") as file:
            for mark in marks:
                file.write(json.dumps(_result(mark, item, report)) + "\n")
    return report


def _result(mark: pytest.Mark, item: pytest.Item, report: pytest.TestReport) -> dict[str, object]:
    return {
        "row": str(mark.args[0]),
        "times": mark.kwargs.get("times", 1),
        "test": item.name,
        "module": item.nodeid.split("::")[0],
        "outcome": report.outcome,
        "seconds": round(report.duration, 2),
    }


@pytest.fixture(scope="session")
def admin_url(pytestconfig: pytest.Config) -> str:
    """A PostgreSQL where databases and roles can be made."""
    return pytestconfig.stash[POSTGRES].url


@pytest.fixture(scope="session")
def broker_found(pytestconfig: pytest.Config) -> Found:
    """RabbitMQ, or the in-memory transport where none answers."""
    return pytestconfig.stash[BROKER]


@pytest.fixture(scope="session")
def database_urls(admin_url: str) -> Iterator[dict[str, dict[str, str]]]:
    """Every service's database, migrated once for the whole run. Tests are apart because each has its own company."""
    prefix = random_prefix()
    urls = build_databases(admin_url, prefix)
    yield urls
    drop_databases(admin_url, prefix)


@pytest.fixture(scope="session")
def clock() -> MovedClock:
    """Noon of January 15, 2026 (UTC) until a test moves it."""
    return MovedClock(datetime(2026, 1, 15, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def shared_house(admin_url: str, database_urls: dict[str, dict[str, str]], clock: MovedClock) -> Iterator[House]:
    made = House(database_urls, clock, admin_url)
    yield made
    made.close()


@pytest.fixture
def house(shared_house: House, clock: MovedClock) -> House:
    """All services over the run's databases, the clock back at its beginning."""
    clock.instant = datetime(2026, 1, 15, 12, tzinfo=UTC)
    return shared_house


@pytest.fixture
def company(house: House) -> Company:
    """A company of its own for this test, with US dollars and UTC."""
    return house.company()
