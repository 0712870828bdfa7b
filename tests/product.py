"""The whole product in the test's own process: real databases, real apps, real consumers, stepped by hand."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import psycopg
from psycopg import sql

from embedded.assembly import Assembly, service
from services.identity.companies.usecases import create_company
from services.identity.tokens.usecases import mint_token
from services.ledger.periods import usecases as closings
from shared.clock import Clock
from shared.config import SERVICES
from shared.context import Context
from shared.db import Database, provision
from shared.ids import new_id
from shared.jobs import run_due
from shared.log import store
from shared.log.consumer import Consumer
from shared.log.wake import Waker
from shared.migrations import upgrade

SECRET = "for tests only, for tests only, for tests only"
closings.WAIT_S = 0.0  # in the house one thread does all, so a job that waited for the consumer would wait for itself


def build_databases(admin_url: str, prefix: str, services: Sequence[str] = SERVICES) -> dict[str, dict[str, str]]:
    """Provisions and migrates the services' databases. Returns service -> role -> URL."""
    urls = {}
    for name in services:
        urls[name] = provision(admin_url, name, prefix)
        upgrade(name, urls[name]["owner"])
    return urls


def drop_databases(admin_url: str, prefix: str) -> None:
    """Drops every database and role whose name begins with `prefix`."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        for (name,) in admin.execute("select datname from pg_database where starts_with(datname, %s)", (prefix,)).fetchall():
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        for (name,) in admin.execute("select rolname from pg_roles where starts_with(rolname, %s)", (prefix,)).fetchall():
            admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


class House:
    """All services over one set of databases; `pump()` lets every consumer take in all there is."""

    def __init__(self, urls: Mapping[str, Mapping[str, str]], clock: Clock | None = None, admin_url: str = ""):
        self.admin_url = admin_url
        self.assembly = Assembly(urls, SECRET, clock=clock, pool_size=4)
        self.clock = self.assembly.clock
        self.services = [name for name in SERVICES if name in urls]
        self.databases = {name: Database(self.assembly.settings(name)) for name in self.services}
        self.consumers = {
            name: Consumer(name, self.databases[name].worker, service(name).handlers, self.clock) for name in self.services
        }
        self.peers = {name: self.assembly.peers(name) for name in self.services}

    def close(self) -> None:
        for database in self.databases.values():
            database.close()
        self.assembly.close()

    def rest(self) -> None:
        """Closes the connections that are idle, so that others can have them; they are opened again when needed."""
        for name in self.services:
            self.databases[name].close()
            if name in self.assembly.apps:
                state = self.assembly.apps[name].extensions["duebook"]
                # its thread may be calling the relay just now, on a connection that nobody would close then
                state.waker.close()
                state.waker = Waker(state.database.log)
                state.database.close()

    def pump(self, only: Sequence[str] | None = None) -> None:
        """Every consumer (or only those named) takes in all logs, and due jobs run, until nothing new is left."""
        names = [name for name in self.services if only is None or name in only]
        moved = True
        while moved:
            moved = False
            heads = {name: self._head(name) for name in self.services}
            for name in names:
                with self.databases[name].log.connect() as connection:
                    positions = store.positions(connection)
                for producer in service(name).follows:
                    if heads.get(producer, 0) > positions.get(producer, 0):
                        moved = self.consumers[name].catch_up(producer, self.peers[name].fetch) > 0 or moved
                moved = run_due(self.databases[name].worker, name, self.clock, service(name).jobs, self.peers[name]) > 0 or moved

    def _head(self, name: str) -> int:
        """The last number of a service's log, once all that is committed has one."""
        with self.databases[name].log.connect() as connection:
            last = store.number(connection)
            connection.commit()
            return last

    def owner(self, name: str) -> psycopg.Connection:
        """A connection as the owner of a service's database, who sees every company; commits when its `with` ends well."""
        return psycopg.connect(self.assembly.urls[name]["owner"])

    def company(self, currency: str = "USD", time_zone: str = "UTC", name: str = "Greenfield Supply") -> Company:
        """A new company, known to every service."""
        company_id = self.company_elsewhere(currency, time_zone, name)
        self.pump()
        return Company(self, company_id, currency)

    def company_elsewhere(self, currency: str = "USD", time_zone: str = "UTC", name: str = "Greenfield Supply") -> int:
        """A new company that the workers of other processes take in. Returns its number."""
        with self.databases["identity"].api.begin() as session:
            ctx = Context(session, self.clock, "identity", 0, "test", "test")
            company_id = create_company(ctx, name, time_zone, currency)
            ctx.write_stated()
        return company_id

    def token(self, company_id: int, permissions: Sequence[str] = ("*",), principal: str = "usr_test") -> str:
        with self.databases["identity"].api.begin() as session:
            return mint_token(session, principal, company_id, list(permissions))


@dataclass
class Company:
    """Speaks to the services for one company, as someone who may do everything unless `permissions` say less."""

    house: House
    id: int
    currency: str
    permissions: Sequence[str] = ("*",)
    tokens: dict[tuple[str, ...], str] = field(default_factory=dict)

    def token(self) -> str:
        key = tuple(self.permissions)
        if key not in self.tokens:
            self.tokens[key] = self.house.token(self.id, self.permissions)
        return self.tokens[key]

    def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> httpx.Response:
        """`path` begins with `/api/<service>/`. Writes get a fresh Idempotency-Key unless `key` is given ("" for none)."""
        sent = {"Authorization": f"Bearer {self.token()}", **(headers or {})}
        if method != "GET" and key != "":
            sent["Idempotency-Key"] = key or new_id("idk")
        client = self.house.peers["identity"].client(path.split("/")[2])
        return client.request(method, path, json=json, params=params or None, headers=sent)

    def get(self, path: str, **params: Any) -> Any:
        """The answer's JSON; the request must succeed."""
        answer = self.call("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, json: Any = None, *, pump: bool = True) -> Any:
        """Posts, must succeed, and lets every service take it in."""
        answer = self.call("POST", path, json)
        assert answer.status_code in (200, 201, 202), answer.text
        if pump:
            self.house.pump()
        return answer.json()

    def refused(self, path: str, json: Any = None, *, status: int, problem: str, method: str = "POST", **more: Any) -> Any:
        """The problem document of a request that must be refused this way."""
        answer = self.call(method, path, json, **more)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        document = answer.json()
        assert document["type"] == f"/problems/{problem}", document
        return document

    def may_only(self, *permissions: str) -> Company:
        """The same company through somebody with these permissions."""
        return Company(self.house, self.id, self.currency, permissions)


def random_prefix() -> str:
    return f"dbt_{secrets.token_hex(4)}_"


def iso(day: str) -> date:
    return date.fromisoformat(day)
