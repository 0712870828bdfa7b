"""Books of the rig's own: other tests leave events parked and logs unread, which here would be breaches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.clock import MovedClock
from shared.log import store
from tests.product import Company, House, build_databases, drop_databases, iso, random_prefix
from tests.rig.story import tell


@pytest.fixture(scope="session")
def books(admin_url: str) -> Iterator[House]:
    """A house over databases of its own."""
    prefix = random_prefix()
    clock = MovedClock.__new__(MovedClock)
    clock.move_to(iso("2026-01-15"))
    made = House(build_databases(admin_url, prefix), clock, admin_url)
    yield made
    made.close()
    drop_databases(admin_url, prefix)


@pytest.fixture(scope="session")
def told(books: House) -> tuple[Company, Company]:
    """Two companies to which everything has happened, at rest."""
    companies = books.company(), books.company(name="Linden Works")
    for company in companies:
        tell(company)
    settle(books)
    return companies


def settle(house: House) -> None:
    """Lets everything be taken in. There is no broker here: what every service has taken in counts as published."""
    house.pump()
    for name in house.services:
        with house.databases[name].log.begin() as connection:
            store.mark_published(connection, store.head(connection).seq)
