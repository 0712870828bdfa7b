"""The database of one service is restored to an older state: the others name the fork, and no proof is green by chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from embedded.assembly import service as description_of
from services.ledger.proofs.domain import CLAIMS
from shared.clock import MovedClock
from shared.log import store
from shared.log.worker import Worker
from tests.integration.faults.business import Office, deposit_of, invoice_of, prepaid, receipt_of, wait_for
from tests.product import House, build_databases, drop_databases, iso, random_prefix
from tests.rig.checker import check

pytestmark = [pytest.mark.timeout(300), pytest.mark.matrix("40", times=1)]


class Installation:
    """A house whose workers run by themselves, and whose databases can be put back to what they were."""

    def __init__(self, house: House):
        self.house = house
        house.assembly.bus_prefix = random_prefix()
        self.office = Office(house, house.company())
        self.bank = self.office.company.get("/api/banking/bank-accounts")["items"][0]["id"]
        self.customer = self.office.customer()
        house.pump()
        house.rest()
        self.workers: dict[str, Worker] = {}
        for name in house.services:
            self.start(name)

    def start(self, name: str) -> None:
        self.workers[name] = self.house.assembly.worker(name)
        self.workers[name].start()

    def stop(self, name: str) -> None:
        self.workers.pop(name).stop()

    def state(self, service: str) -> None:
        """One more fact of this service, and all that it needs of the others."""
        if service == "billing":
            self.office.post("billing/invoices", invoice_of(self.customer, "40.00"))
            return
        receipt = self.office.post("payments/receipts", receipt_of(self.customer, "25.00", prepaid("25.00")))["id"]
        if service == "banking":
            wait_for(lambda: receipt in self.waiting(), "the receipt to wait for a deposit")
            self.office.post("banking/deposits", deposit_of(self.bank, receipt))

    def waiting(self) -> set[str]:
        found = self.office.company.get("/api/banking/undeposited-receipts", limit=200)["items"]
        return {item["receipt_id"] for item in found}

    def behind(self) -> list[str]:
        heads, found = {}, []
        for name in self.house.services:
            with self.house.databases[name].log.begin() as connection:
                heads[name] = store.number(connection)
        for name in self.house.services:
            with self.house.databases[name].log.begin() as connection:
                positions = store.positions(connection)
            found += [f"{name} of {each}" for each in description_of(name).follows if positions.get(each, 0) != heads[each]]
        return found

    def at_rest(self) -> None:
        wait_for(lambda: not self.behind(), "everything to be taken in")

    def forks(self, producer: str) -> dict[str, str]:
        """Who names the producer's log as forked, and how."""
        found = {}
        for name in self.house.services:
            positions = self.office.company.get(f"/api/{name}/status")["positions"]
            for each in positions:
                if each["producer"] == producer and each["forked"]:
                    found[name] = each["forked"]
        return found

    def readers(self, producer: str) -> set[str]:
        return {name for name in self.house.services if producer in description_of(name).follows}

    def proofs(self) -> dict[str, tuple[str, str]]:
        found = self.office.company.get("/api/ledger/proofs")["proofs"]
        return {proof["code"]: (proof["state"], proof["reason"]) for proof in found}

    def database(self, name: str) -> str:
        return str(psycopg.conninfo.conninfo_to_dict(self.house.assembly.urls[name]["owner"])["dbname"])

    def copy(self, name: str, to: str) -> None:
        """A copy of the service's database as it is, as a backup has it."""
        self.stop(name)
        self._alone(name, sql.SQL("create database {} template {} owner {}"), to, self.database(name), self._owner(name))
        self.start(name)

    def put(self, name: str, instead: str, kept_as: str) -> None:
        """Puts another database in the place of the service's own, which is kept."""
        self.stop(name)
        self._alone(name, sql.SQL("alter database {} rename to {}"), self.database(name), kept_as)
        with psycopg.connect(self.house.admin_url, autocommit=True) as admin:
            identifiers = sql.Identifier(instead), sql.Identifier(self.database(name))
            admin.execute(sql.SQL("alter database {} rename to {}").format(*identifiers))
        self.start(name)

    def _owner(self, name: str) -> str:
        return f"{self.database(name)}_owner"

    def _alone(self, name: str, statement: sql.SQL, *names: str) -> None:
        """Runs it while nobody is connected to the service's database."""
        database = self.database(name)
        allow = sql.SQL("alter database {} allow_connections {}")
        with psycopg.connect(self.house.admin_url, autocommit=True) as admin:
            admin.execute(allow.format(sql.Identifier(database), sql.Literal(False)))
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (database,))
            count = "select count(*) from pg_stat_activity where datname = %s"
            wait_for(lambda: admin.execute(count, (database,)).fetchall() == [(0,)], "the database to be left alone")
            admin.execute(statement.format(*map(sql.Identifier, names)))
            for each in {database, *names} - {self._owner(name)}:
                if admin.execute("select from pg_database where datname = %s", (each,)).fetchall():
                    admin.execute(allow.format(sql.Identifier(each), sql.Literal(True)))
        self.house.rest()

    def close(self) -> None:
        for name in list(self.workers):
            self.stop(name)


@pytest.fixture(scope="module")
def installation(admin_url: str, shared_house: House) -> Iterator[Installation]:
    shared_house.rest()
    prefix = random_prefix()
    try:
        clock = MovedClock.__new__(MovedClock)
        clock.move_to(iso("2026-01-15"))
        house = House(build_databases(admin_url, prefix), clock, admin_url)
        try:
            made = Installation(house)
            try:
                yield made
            finally:
                made.close()
        finally:
            house.close()
    finally:
        drop_databases(admin_url, prefix)


@pytest.mark.parametrize("producer", ["billing", "payments", "banking"])
def test_a_producer_that_is_restored_to_older_days_is_named_and_its_proofs_are_unknown(
    installation: Installation, producer: str
) -> None:
    at = installation
    older, newer = f"{at.database(producer)}_older", f"{at.database(producer)}_newer"
    touched = {claim.code for claim in CLAIMS if producer in claim.depends_on}
    at.state(producer)
    at.at_rest()
    at.copy(producer, older)
    at.state(producer)
    at.at_rest()
    assert {state for state, _ in at.proofs().values()} == {"green"}

    at.put(producer, older, kept_as=newer)

    wait_for(lambda: at.forks(producer).keys() == at.readers(producer), "every reader to name the fork")
    assert_named(at, producer, touched)
    breaches = check(at.house.assembly.urls, settled=False, companies=[at.office.company.id])
    assert any(f"of {producer}" in breach.what and breach.rule in ("A6", "E7") for breach in breaches), breaches

    entries = entries_of(at, producer)
    for _ in range(3):  # by now there are other events under the numbers that were taken in
        at.state(producer)
    wait_for(lambda: all("was taken in" in how for how in at.forks(producer).values()), "every reader to see other events")
    assert_named(at, producer, touched)
    assert entries_of(at, producer) == entries

    at.put(producer, newer, kept_as=older)
    wait_for(lambda: not at.forks(producer), "the readers to find the log that they know")
    at.at_rest()
    assert {state for state, _ in at.proofs().values()} == {"green"}


def assert_named(at: Installation, producer: str, touched: set[str]) -> None:
    forks, proofs = at.forks(producer), at.proofs()
    assert forks.keys() == at.readers(producer)
    assert all(how.startswith("log forked: ") and producer in how for how in forks.values()), forks
    assert {code for code, (state, _) in proofs.items() if state == "unknown"} == touched, proofs
    assert all("log forked" in proofs[code][1] for code in touched), proofs


def entries_of(at: Installation, producer: str) -> list[tuple[Any, ...]]:
    """What the journal holds of the producer."""
    with at.house.owner("ledger") as owner:
        query = "select number, event_id, sequence from app.journal_entry where company_id = %s and producer = %s order by 1"
        return owner.execute(query, (at.office.company.id, producer)).fetchall()
