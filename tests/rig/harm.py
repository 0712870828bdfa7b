"""Changes rows behind the database's back, as somebody with the disk in his hands could, and puts them back."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from tests.product import Company, House


class Harm:
    """A superuser's connection to one service's database, with triggers and foreign keys off, and a random choice of rows."""

    def __init__(self, connection: psycopg.Connection[Any], company: Company, other: Company, seed: int):
        self.connection, self.company, self.other = connection, company.id, other.id
        self.random = random.Random(seed)

    def rows(self, query: str, **values: Any) -> list[Any]:
        """The company's rows, as `%(company)s` in the query says."""
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(query, {"company": self.company, "other": self.other, **values}).fetchall()

    def pick(self, query: str, **values: Any) -> Any:
        """One of the rows."""
        found = self.rows(query, **values)
        assert found, f"the story has no row for this: {query}"
        return self.random.choice(found)

    def do(self, statement: str, **values: Any) -> None:
        """Runs a statement that must touch a row."""
        done = self.connection.execute(statement, {"company": self.company, "other": self.other, **values})
        assert done.rowcount > 0, statement


@contextmanager
def behind_the_back(
    house: House, service: str, tables: Sequence[str], company: Company, other: Company, seed: int = 0
) -> Iterator[Harm]:
    """A Harm on the service's database; at the end these tables are what they were."""
    database = house.assembly.urls[service]["owner"].rpartition("/")[2]
    with psycopg.connect(house.admin_url.rpartition("/")[0] + "/" + database, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        for number, table in enumerate(tables):
            connection.execute(f"create temp table saved_{number} as select * from {table}")
        try:
            yield Harm(connection, company, other, seed)
        finally:
            for number, table in enumerate(tables):
                with connection.transaction():
                    connection.execute(f"delete from {table}")
                    connection.execute(f"insert into {table} overriding system value select * from saved_{number}")
