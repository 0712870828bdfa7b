"""Payments by itself: its own database and identity's; the other services' facts come as pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.payments.tests.desk import Desk, Producer
from shared.clock import MovedClock
from tests.product import House, build_databases, drop_databases, iso, random_prefix


@pytest.fixture(scope="session")
def payments_house(admin_url: str, clock: MovedClock) -> Iterator[House]:
    prefix = random_prefix()
    made = House(build_databases(admin_url, prefix, ("identity", "payments")), clock, admin_url)
    yield made
    made.close()
    drop_databases(admin_url, prefix)


@pytest.fixture(scope="session")
def producers(payments_house: House) -> dict[str, Producer]:
    return {name: Producer(name, payments_house) for name in ("billing", "ledger", "banking")}


@pytest.fixture
def desk(payments_house: House, producers: dict[str, Producer], clock: MovedClock) -> Desk:
    """A company of its own for this test, on January 15, 2026."""
    clock.move_to(iso("2026-01-15"))
    company = payments_house.company()
    return Desk(payments_house, company.id, company.currency).open(producers)
