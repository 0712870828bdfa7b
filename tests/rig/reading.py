"""Reads every service's database as its owner, who sees all companies. Nothing here goes through the product's own code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row

from tests.rig.breach import Breach

SCHEMAS = ("app", "copies", "log", "audit")


class Event(NamedTuple):
    """An event as it stands in its producer's log; `seq` is None while it has no number."""

    seq: int | None
    company_id: int
    event_id: str
    type: str
    subject: str
    recorded_at: datetime | None
    body: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.body["data"]
        return data

    def __str__(self) -> str:
        return f"{self.type} {self.event_id} ({self.subject})"


class Reading:
    """One moment of each database: everything that is read of a service is of one snapshot, made at the beginning.

    Tables appear under their own name, those of schema `copies` with `copy_` before it, cut down to the chosen companies, so
    that no query has to say so. Logs are read once more later (`log`), so that of whatever a reader has taken in the
    producer's event is there: a log only grows.
    """

    def __init__(self, urls: Mapping[str, Mapping[str, str]], companies: Sequence[int] | None = None):
        self.urls, self.companies = urls, companies
        self.moments: dict[str, psycopg.Connection[Any]] = {}
        self.logs: dict[str, psycopg.Connection[Any]] = {}
        self._events: dict[str, list[Event]] = {}
        self._positions: dict[str, dict[str, int]] = {}
        self._parked: dict[str, set[tuple[str, int]]] = {}

    def __enter__(self) -> Reading:
        try:
            for service in self.urls:
                self.moments[service] = self._open(service)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (*self.moments.values(), *self.logs.values()):
            connection.close()

    def has(self, *services: str) -> bool:
        return all(service in self.urls for service in services)

    def rows(self, service: str, query: str, **values: Any) -> list[Any]:
        """The rows as named tuples."""
        return _named(self.moments[service], query, values)

    def log(self, service: str, query: str, **values: Any) -> list[Any]:
        """The same of a later moment, for what is asked of a producer about what its readers have taken in."""
        if service not in self.logs:
            self.logs[service] = self._open(service, "log")
        return _named(self.logs[service], query, values)

    def found(self, rule: str, service: str, query: str, **values: Any) -> Iterator[Breach]:
        """A breach for each row of a query that selects the company and what is wrong."""
        for company_id, what in self.moments[service].execute(query, values or None).fetchall():
            yield Breach(rule, service, company_id, what if what is not None else f"a row that could not be named by {query}")

    def position(self, service: str, producer: str) -> int:
        """Up to where the service has taken the producer's log in."""
        if service not in self._positions:
            self._positions[service] = {
                row.producer: row.seq for row in self.rows(service, "select producer, seq from log.position")
            }
        return self._positions[service].get(producer, 0)

    def events(self, producer: str) -> list[Event]:
        """The producer's log, in its order."""
        if producer not in self._events:
            self._events[producer] = [Event(*row) for row in self.log(producer, EVENTS)]
        return self._events[producer]

    def own_events(self, service: str) -> list[Event]:
        """What the service has stated at the moment that is read."""
        return [Event(*row) for row in self.rows(service, EVENTS)]

    def taken_in(self, service: str, producer: str) -> list[Event]:
        """What had its effect in the service: up to its position, without what is parked there."""
        if service not in self._parked:
            parked = self.rows(service, "select producer, seq from parked where resolved_at is null")
            self._parked[service] = {(row.producer, row.seq) for row in parked}
        last = self.position(service, producer)
        return [
            event
            for event in self.events(producer)
            if event.seq is not None and event.seq <= last and (producer, event.seq) not in self._parked[service]
        ]

    def _open(self, service: str, *schemas: str) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.urls[service]["owner"], connect_timeout=10)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            connection.execute("set jit = off")
            connection.execute(";".join(self._views(connection, schemas or SCHEMAS)))
        except BaseException:
            connection.close()
            raise
        return connection

    def _views(self, connection: psycopg.Connection[Any], schemas: Sequence[str]) -> Iterator[str]:
        chosen = "" if self.companies is None else f" where company_id in ({', '.join(map(str, self.companies)) or 'null'})"
        for table in company_tables(connection, schemas):
            yield f"create temp view {table.view} as select * from {table.schema}.{table.name}{chosen}"


EVENTS = "select seq, company_id, event_id, type, subject, recorded_at, body::jsonb from event order by seq nulls last, id"


def _named(connection: psycopg.Connection[Any], query: str, values: Mapping[str, Any]) -> list[Any]:
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query, values or None).fetchall()


class CompanyTable(NamedTuple):
    """A table whose rows each belong to a company."""

    schema: str
    name: str

    @property
    def view(self) -> str:
        return f"copy_{self.name}" if self.schema == "copies" else self.name


def company_tables(connection: psycopg.Connection[Any], schemas: Sequence[str]) -> list[CompanyTable]:
    rows = connection.execute(
        "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "join pg_attribute a on a.attrelid = c.oid and a.attname = 'company_id' "
        "where c.relkind = 'r' and n.nspname = any(%s) order by 1, 2",
        (list(schemas),),
    )
    return [CompanyTable(*row) for row in rows]
