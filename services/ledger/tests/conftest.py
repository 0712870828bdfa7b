"""The ledger alone with identity, for tests that speak for the other services themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from services.ledger.tests.books import Books, Producer
from shared.clock import MovedClock
from tests.product import House, build_databases, drop_databases, random_prefix


@pytest.fixture(scope="module")
def alone(admin_url: str) -> Iterator[tuple[House, dict[str, Producer]]]:
    """Identity and ledger over databases of their own; the other logs are the tests'."""
    prefix = random_prefix()
    house = House(
        build_databases(admin_url, prefix, ("identity", "ledger")), MovedClock(datetime(2026, 1, 15, 12, tzinfo=UTC)), admin_url
    )
    yield house, {name: Producer(house, name) for name in ("billing", "payments", "banking")}
    house.close()
    drop_databases(admin_url, prefix)


@pytest.fixture
def books(alone: tuple[House, dict[str, Producer]]) -> Books:
    """A company of its own for this test."""
    house, producers = alone
    house.clock.instant = datetime(2026, 1, 15, 12, tzinfo=UTC)  # type: ignore[attr-defined]
    return Books(house, house.company(), producers)
