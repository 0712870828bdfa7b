"""Books that the rows about business have to themselves: other tests leave events parked, which here would be breaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from shared.clock import MovedClock
from shared.contracts import FACTS
from shared.log.tests.made import PRODUCER, Known, Unheard
from tests.infrastructure import Found, delete_from_broker
from tests.infrastructure import random_prefix as random_bus_prefix
from tests.integration.cluster import Cluster
from tests.integration.faults.business import APPLICATION, Apis, Office
from tests.integration.faults.line import Line
from tests.product import House, build_databases, drop_databases, iso, random_prefix


@pytest.fixture(scope="session")
def books(admin_url: str) -> Iterator[House]:
    """A house over databases of its own. Today is January 15, 2026."""
    prefix = random_prefix()
    clock = MovedClock.__new__(MovedClock)
    clock.move_to(iso("2026-01-15"))
    house = House(build_databases(admin_url, prefix), clock, admin_url)
    yield house
    house.close()
    drop_databases(admin_url, prefix)


@pytest.fixture
def office(books: House) -> Iterator[Office]:
    """The clerks of a new company."""
    yield Office(books, books.company())
    books.rest()


@pytest.fixture(scope="module")
def apis(books: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apis]:
    """API processes over the same databases, of identity from the start. They need no broker."""
    patient = "-c lock_timeout=60s -c statement_timeout=60s"  # what waits for a lock shall wait until it is killed
    environment = {"DUEBOOK_POOL_SIZE": "10", "PGAPPNAME": APPLICATION, "PGOPTIONS": patient}
    folder = tmp_path_factory.mktemp("apis")
    made = Apis(Cluster(books.assembly.urls, "memory://", "none", folder, services=(), environment=environment), books)
    try:
        made.start("identity")
        yield made
    finally:
        made.close()


@pytest.fixture
def clerks(office: Office, apis: Apis) -> Callable[..., Office]:
    """The office, over the processes of these services, each started if it does not run."""

    def over(*names: str) -> Office:
        apis.start(*(name for name in names if f"api {name} 0" not in apis.cluster.processes))
        office.sender = apis.send
        return office

    return over


@pytest.fixture
def line(house: House, broker_found: Found, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """The way of a made-up producer's pages over RabbitMQ, nobody at work yet."""
    if not broker_found.url.startswith("amqp"):
        pytest.skip(f"needs RabbitMQ, and only {broker_found} is here")
    for fact in (Known, Unheard):
        monkeypatch.setitem(FACTS, fact.type, fact)
    made = Line(house, broker_found.url, random_bus_prefix().rstrip("_"))
    yield made
    made.stop()
    delete_from_broker(
        broker_found.url, [f"{made.prefix}.{name}" for name in (PRODUCER, "identity")], [f"{made.prefix}.identity.v1"]
    )
    with house.owner("identity") as owner:
        owner.execute("delete from log.position where producer = %s", (PRODUCER,))
        owner.execute("delete from log.parked where producer = %s", (PRODUCER,))
        owner.execute("delete from copies.principal where company_id = %s", (made.log.company,))
