"""Reads every service's database as its owner, who sees all companies. Nothing here goes through the product's own code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row

from tests.rig.breach import Breach

POSTING = ("billing", "payments", "banking", "ledger")
"""Services whose documents post to the journal."""


class Reading:
    """One moment of each database: everything that is read of a service is of one snapshot.

    Tables appear under their own name, those of schema `copies` with `copy_` before it, cut down to the chosen companies, so
    that no query has to say so.
    """

    def __init__(self, urls: Mapping[str, Mapping[str, str]], companies: Sequence[int] | None = None):
        self.urls, self.companies = urls, companies
        self.connections: dict[str, psycopg.Connection[Any]] = {}

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.connections.values():
            connection.close()

    def has(self, *services: str) -> bool:
        return all(service in self.urls for service in services)

    def rows(self, service: str, query: str, **values: Any) -> list[Any]:
        """The rows as named tuples."""
        with self._connection(service).cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(query, values or None).fetchall()

    def found(self, rule: str, service: str, query: str, **values: Any) -> Iterator[Breach]:
        """A breach for each row of a query that selects the company and what is wrong."""
        for company_id, what in self._connection(service).execute(query, values or None).fetchall():
            yield Breach(rule, service, company_id, what)

    def _connection(self, service: str) -> psycopg.Connection[Any]:
        if service not in self.connections:
            connection = psycopg.connect(self.urls[service]["owner"])
            self.connections[service] = connection
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute("set jit = off")
            connection.execute(";".join(self._views(connection)))
        return self.connections[service]

    def _views(self, connection: psycopg.Connection[Any]) -> Iterator[str]:
        chosen = "" if self.companies is None else f" where company_id in ({', '.join(map(str, self.companies)) or 'null'})"
        for table in company_tables(connection):
            yield f"create temp view {table.view} as select * from {table.schema}.{table.name}{chosen}"


class CompanyTable(NamedTuple):
    """A table whose rows each belong to a company."""

    schema: str
    name: str

    @property
    def view(self) -> str:
        return f"copy_{self.name}" if self.schema == "copies" else self.name


def company_tables(connection: psycopg.Connection[Any]) -> list[CompanyTable]:
    rows = connection.execute(
        "select table_schema, table_name from information_schema.columns "
        "where column_name = 'company_id' and table_schema in ('app', 'copies', 'log', 'audit') order by 1, 2"
    )
    return [CompanyTable(*row) for row in rows]
