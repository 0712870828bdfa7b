"""Books of the rig's own: other tests leave events parked and logs unread, which here would be breaches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared.clock import MovedClock
from shared.log import store
from tests.product import Company, House, build_databases, drop_databases, random_prefix
from tests.rig.story import tell


@pytest.fixture(scope="session")
def rig_house(admin_url: str) -> Iterator[House]:
    """A house over databases of its own."""
    prefix = random_prefix()
    made = House(build_databases(admin_url, prefix), MovedClock(datetime(2026, 1, 15, 12, tzinfo=UTC)), admin_url)
    yield made
    made.close()
    drop_databases(admin_url, prefix)


@pytest.fixture(scope="module")
def books(rig_house: House) -> Iterator[House]:
    """The same, its connections given back when a file of tests is done."""
    yield rig_house
    rig_house.rest()


@pytest.fixture(scope="session")
def told(rig_house: House) -> tuple[Company, Company]:
    """Two companies to which everything has happened, at rest."""
    companies = rig_house.company(), rig_house.company(name="Linden Works")
    for company in companies:
        tell(company)
    settle(rig_house)
    return companies


def settle(house: House) -> None:
    """Lets everything be taken in. There is no broker here: what every service has taken in counts as published."""
    house.pump()
    for name in house.services:
        with house.databases[name].log.begin() as connection:
            store.mark_published(connection, store.head(connection).seq)
