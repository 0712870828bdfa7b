"""Fixtures that every test folder may use: servers that were found, migrated databases, the whole house in one process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.clock import MovedClock
from shared.config import SERVICES
from tests.product import Company, House, build_databases, drop_databases, random_prefix
from tests.infrastructure import postgres


@pytest.fixture(scope="session")
def admin_url() -> Iterator[str]:
    """A PostgreSQL where databases and roles can be made."""
    found = postgres()
    yield found.url
    found.close()


@pytest.fixture(scope="session")
def database_urls(admin_url: str) -> Iterator[dict[str, dict[str, str]]]:
    """Every service's database, migrated once for the whole run. Tests are apart because each has its own company."""
    prefix = random_prefix()
    from pathlib import Path
    present = [n for n in SERVICES if (Path(__file__).parent / 'services' / n / 'app.py').exists()]
    urls = build_databases(admin_url, prefix, present)
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
def house(shared_house: House, clock: MovedClock) -> Iterator[House]:
    """All services over the run's databases, the clock back at its beginning."""
    clock.instant = datetime(2026, 1, 15, 12, tzinfo=UTC)
    yield shared_house


@pytest.fixture
def company(house: House) -> Company:
    """A company of its own for this test, with US dollars and UTC."""
    return house.company()
