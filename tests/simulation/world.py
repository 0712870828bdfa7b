"""All six services on one set of databases, each an API process and a worker process that may end at any statement."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from random import Random
from typing import Any
from unittest.mock import patch

import httpx
import psycopg
import structlog
from psycopg import sql
from sqlalchemy import Engine

from embedded.assembly import Assembly, service
from services.identity.companies.usecases import create_company
from services.identity.tokens.usecases import mint_token
from services.ledger.periods import domain as periods
from services.ledger.periods import usecases as closings
from services.ledger.proofs import usecases as proofs
from shared import db, ids
from shared.clock import MovedClock
from shared.config import SERVICES
from shared.context import Context
from shared.db import ROLES, Database
from shared.http import attempts, auth
from shared.jobs import run_due
from shared.log import store
from shared.log.consumer import Consumer
from shared.log.relay import Relay
from shared.peers import Peers
from tests.product import SECRET, build_databases, drop_databases, random_prefix
from tests.simulation.faults import Crash, Points

NEW_YEAR = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOMES = (("USD", "America/New_York"), ("JPY", "Asia/Tokyo"), ("KWD", "Asia/Kuwait"))
"""Currencies of two, none and three decimals."""
NEVER_S = 86_400
PATIENCE = ("API_ANSWERS_S", "WORKER_ANSWERS_S", "LOG_ANSWERS_S")
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


class Assembled(Assembly):
    """The services, reaching each other and reached by clients over wires that end where a process is down."""

    def __init__(self, world: World, urls: Any):
        super().__init__(urls, SECRET, clock=world.clock, pool_size=2)
        self.world = world

    def peers(self, name: str) -> Peers:
        return Peers(name, self.internal_secret, {}, apps=self.wire)

    def wire(self, name: str) -> Callable[[Any, Any], Iterable[bytes]]:
        """The API process of a service as others see it: it answers, or the connection breaks."""
        process, world = f"{name} api", self.world

        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            if process in world.down:
                raise httpx.ConnectError(f"{process} is down")
            try:
                with world.points.inside(process):
                    return list(self.app(name)(environ, start_response))
            except Crash as crash:
                world.ended(crash.process)
                raise httpx.ReadError(f"{process} ended") from None
            finally:
                if not world.points.running:
                    structlog.contextvars.clear_contextvars()

        return call


class Woken:
    """In the place of the thread that sends wake-up calls: notes that the relay of a service was called."""

    def __init__(self, woken: set[str], service: str):
        self.woken, self.service = woken, service

    def call(self) -> None:
        self.woken.add(self.service)

    def close(self) -> None:
        self.woken.discard(self.service)


class Ids:
    """Ids from a seed: in the order of making as real ones are, and of no other run in the same databases."""

    runs = 0

    def __init__(self, seed: int):
        Ids.runs += 1
        self.chance = Random(f"ids {seed}")
        self.ms = Ids.runs * 10_000_000

    def time_ns(self) -> int:
        self.ms += self.chance.randrange(3)  # some within the same millisecond, whose order is by chance
        return self.ms * 1_000_000

    def urandom(self, count: int) -> bytes:
        return self.chance.randbytes(count)


@dataclass(frozen=True)
class Home:
    """A company for one run, with the token of somebody who may do everything."""

    id: int
    currency: str
    time_zone: str
    token: str


class World:
    """Databases and processes for many runs, one after the other. A run that went wrong leaves it of no use.

    `stocked`: how many companies of each currency are set up at once, the first of them now.
    """

    def __init__(self, admin_url: str, stocked: int = 8):
        self.admin_url, self.prefix, self.stocked = admin_url, random_prefix(), stocked
        self.clock, self.points = MovedClock(NEW_YEAR), Points()
        self.down: set[str] = set()
        self.woken: set[str] = set()
        self.page_events = store.PAGE_EVENTS
        """How many events a page has; a run lets it vary."""
        self.stock: dict[str, list[int]] = {currency: [] for currency, _ in HOMES}
        try:
            self.urls = build_databases(admin_url, self.prefix)
            self._make_calm()
            self.assembly = Assembled(self, self.urls)
            self.databases = {name: Database(self.assembly.settings(name)) for name in SERVICES}
            with patch.multiple(db, **dict.fromkeys(PATIENCE)):
                self._watch_engines()
            self.peers = {name: self.assembly.peers(name) for name in SERVICES}
            self.clients = Peers("client", "", {}, apps=self.assembly.wire)
            self.relays = {name: Relay(name, self.databases[name].log, "memory://", "simulated") for name in SERVICES}
            self.consumers = {name: self._consumer(name) for name in SERVICES}
            self.stock_up()
            self._learn_keys()
        except BaseException:
            drop_databases(admin_url, self.prefix)
            raise

    def _watch_engines(self) -> None:
        for name in SERVICES:
            state = self.assembly.app(name).extensions["duebook"]
            state.waker = Woken(self.woken, name)
            for engine in (state.database.api, state.database.log, self.databases[name].worker, self.databases[name].log):
                self.points.watch(engine)

    def _learn_keys(self) -> None:
        """The keys for tokens, before anything goes wrong: how soon they are asked for again goes by the machine's time."""
        with self._identity().begin() as session:
            token = mint_token(session, "usr_simulated", self.stock["USD"][0], [])
        for name in SERVICES:
            self.assembly.app(name).extensions["duebook"].tokens.check(token)

    def _make_calm(self) -> None:
        """No run ends the server, so no commit need wait for the disk; and none is another because the machine is slow."""
        with psycopg.connect(self.admin_url, autocommit=True) as admin:
            for name in SERVICES:
                for role, limit in product(ROLES, LIMITS):
                    names = (sql.Identifier(f"{self.prefix}{name}_{role}"), sql.Identifier(self.prefix + name))
                    admin.execute(sql.SQL(f"alter role {{}} in database {{}} set {limit} = 0").format(*names))
                admin.execute(
                    sql.SQL("alter database {} set synchronous_commit = off").format(sql.Identifier(self.prefix + name))
                )

    def close(self) -> None:
        for name in SERVICES:
            self.databases[name].close()
            self.peers[name].close()
        self.clients.close()
        self.assembly.close()
        drop_databases(self.admin_url, self.prefix)

    def _consumer(self, name: str) -> Consumer:
        return Consumer(name, self.databases[name].worker, service(name).handlers, self.clock, Woken(self.woken, name).call)

    def ended(self, process: str) -> None:
        """The process is gone, with its connections and all that it held in memory; it is down until somebody starts it."""
        name, kind = process.split()
        if kind == "worker":
            self.databases[name].close()
            self.consumers[name] = self._consumer(name)
        else:
            self.assembly.app(name).extensions["duebook"].database.close()
        self.woken.discard(name)
        self.down.add(process)
        structlog.contextvars.clear_contextvars()

    @contextmanager
    def run(self, seed: int) -> Iterator[None]:
        """The surroundings of one seed: ids of its own, the clock at its beginning, small pages, nothing that waits in real
        time."""
        seeded = Ids(seed)
        self.clock.instant = NEW_YEAR
        self.down.clear()
        self.woken.clear()
        whole = store.page_after

        def small(connection: Any, producer: str, after: int, limit: int = 0) -> store.RawPage | None:
            return whole(connection, producer, after, self.page_events)

        with (
            _silence(),
            patch.object(ids, "time", seeded),
            patch.object(ids, "os", seeded),
            patch.object(store, "page_after", small),
            # a closing is looked at again when the run says that time has passed, not when the machine's clock does
            patch.object(periods, "delay_s", lambda looks: NEVER_S),
            patch.object(closings, "WAIT_S", 0.0),
            patch.object(proofs.prove, "__defaults__", (0.0,)),
            # what goes by the machine's time would not be the same on a slow one
            patch.object(attempts, "RECONNECT_S", NEVER_S),
            patch.object(auth, "KEYS_KEPT_S", NEVER_S),
        ):
            yield

    def homes(self, chance: Random) -> list[Home]:
        """One or two new companies; every service knows them."""
        wanted = chance.choices(HOMES, k=chance.choice((1, 1, 2)))
        self.stock_up()
        found = []
        for currency, time_zone in wanted:
            company_id = self.stock[currency].pop(0)
            with self._identity().begin() as session:
                token = mint_token(session, "usr_simulated", company_id, ["*"])
            found.append(Home(company_id, currency, time_zone, token))
        return found

    def _identity(self) -> Engine:
        engine: Engine = self.assembly.app("identity").extensions["duebook"].database.api
        return engine

    def stock_up(self) -> None:
        """More companies where there are not enough for a run, several at once: none need wait for its own to be set up."""
        if min(map(len, self.stock.values())) >= 2:
            return
        for currency, time_zone in HOMES:
            for _ in range(self.stocked):
                with self._identity().begin() as session:
                    ctx = Context(session, self.clock, "identity", 0, "test", "test")
                    self.stock[currency].append(create_company(ctx, f"Simulated in {currency}", time_zone, currency))
                    ctx.write_stated()
        self.settle_quietly()

    def settle_quietly(self) -> None:
        """Everything that was stated is published and taken in, with nothing going wrong."""
        moved = True
        self.page_events = store.PAGE_EVENTS
        while moved:
            moved = False
            for name in SERVICES:
                for producer in service(name).follows:
                    moved = self.consumers[name].catch_up(producer, self.peers[name].fetch) > 0 or moved
        for name in SERVICES:
            with self.databases[name].log.begin() as connection:
                store.mark_published(connection, store.number(connection))

    def run_jobs(self, name: str) -> int:
        """Jobs of a service that are due."""
        return run_due(self.databases[name].worker, name, self.clock, service(name).jobs, self.peers[name])

    def time_passes(self, companies: list[int]) -> int:
        """Jobs of these companies that wait for a moment are due now."""
        with self.databases["ledger"].worker.begin() as connection:
            return connection.exec_driver_sql(
                "update app.job set run_after = now() where done_at is null and run_after > now() and company_id = any(%s)",
                (companies,),
            ).rowcount


@contextmanager
def _silence() -> Iterator[None]:
    """The product says of each crash that it met one; here they are meant, and the trace names them."""
    was = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**was)


def admin_url() -> str:
    """Where databases can be made, for runs by command."""
    from tests.infrastructure import postgres

    return os.environ.get("DUEBOOK_TEST_PG_URL") or postgres().url
