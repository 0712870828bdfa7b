"""Companies are isolated by the database itself, in every table of every service: generated from the catalog, so a new
table is covered. The rows are made up, so this runs on databases of its own, whose checks and foreign keys are dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from shared.config import SERVICES
from tests.product import build_databases, drop_databases, random_prefix

OURS, THEIRS = 1, 2
SEEN_BY_THE_WORKER = {"app.job", "log.parked"}
"""Work that a worker looks for before it knows of which company it is."""
Urls = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def urls(admin_url: str) -> Iterator[Urls]:
    """Databases in which every table that has companies holds one row of each of two."""
    prefix = random_prefix()
    made = build_databases(admin_url, prefix, SERVICES)
    for service in SERVICES:
        with psycopg.connect(made[service]["owner"]) as owner:
            for table in tables(owner):
                drop_checks(owner, table)
            for table in tables(owner):
                for company_id in (OURS, THEIRS):
                    insert(owner, table, company_id)
    yield made
    drop_databases(admin_url, prefix)


def tables(connection: psycopg.Connection) -> list[str]:
    return [
        name
        for (name,) in connection.execute(
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "join pg_attribute a on a.attrelid = c.oid and a.attname = 'company_id' and not a.attisdropped "
            "where c.relkind in ('r', 'p') and n.nspname in ('app', 'copies', 'log', 'audit') order by 1"
        )
    ]


def identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def drop_checks(owner: psycopg.Connection, table: str) -> None:
    names = owner.execute("select conname from pg_constraint where conrelid = %s::regclass and contype in ('c', 'f')", (table,))
    for (name,) in names.fetchall():
        owner.execute(sql.SQL("alter table {} drop constraint {}").format(identifier(table), sql.Identifier(name)))
    owner.execute(sql.SQL("alter table {} disable trigger user").format(identifier(table)))


def insert(connection: psycopg.Connection, table: str, company_id: int) -> None:
    """A made-up row of this company."""
    columns = connection.execute(
        "select attname, format_type(atttypid, null), attidentity, attgenerated from pg_attribute "
        "where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        (table,),
    ).fetchall()
    row = {
        name: company_id if name == "company_id" else made_up(kind, company_id)
        for name, kind, identity, generated in columns
        if identity != "a" and not generated
    }
    connection.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Literal, row.values())),
        )
    )


def made_up(kind: str, company_id: int) -> Any:
    if kind.endswith("[]"):
        return "{}"
    values = {
        "bigint": company_id,
        "integer": company_id,
        "smallint": company_id,
        "numeric": company_id,
        "boolean": True,
        "text": f"x{company_id}",
        "character": "USD",
        "character varying": "x",
        "date": f"2026-01-0{company_id}",
        "timestamp with time zone": f"2026-01-0{company_id} 00:00:00+00",
        "uuid": f"00000000-0000-0000-0000-00000000000{company_id}",
        "bytea": f"\\x0{company_id}",
        "jsonb": "{}",
        "json": "{}",
    }
    return values[kind]


def connect(urls: Urls, service: str, role: str, companies: list[int] | None) -> psycopg.Connection:
    connection = psycopg.connect(urls[service][role])
    if companies is not None:
        connection.execute("select app.enter_companies(%s::bigint[], 'usr_x', 'req_x')", (companies,))
    return connection


def companies_seen(connection: psycopg.Connection, table: str) -> list[int] | None:
    """None where the role may not read the table at all."""
    try:
        with connection.transaction():
            rows = connection.execute(sql.SQL("select company_id from {} order by 1").format(identifier(table))).fetchall()
    except InsufficientPrivilege:
        return None
    return [company_id for (company_id,) in rows]


def touched(connection: psycopg.Connection, statement: str, table: str, *values: Any) -> int:
    """Rows that a statement changed; what the role may not do touches none."""
    try:
        with connection.transaction():
            return connection.execute(sql.SQL(statement).format(identifier(table)), values).rowcount
    except InsufficientPrivilege:
        return 0


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize("service", SERVICES)
def test_without_a_company_there_is_no_row(urls: Urls, service: str, role: str) -> None:
    with connect(urls, service, role, None) as connection:
        for table in tables(connection):
            if role == "api" or table not in SEEN_BY_THE_WORKER:
                assert not companies_seen(connection, table), table


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_company_sees_its_own_rows_alone(urls: Urls, service: str, role: str) -> None:
    readable = 0
    with connect(urls, service, role, [OURS]) as connection:
        for table in tables(connection):
            if role == "worker" and table in SEEN_BY_THE_WORKER:
                continue
            seen = companies_seen(connection, table)
            assert seen in (None, [OURS]), table
            readable += seen == [OURS]

    assert readable >= 5, "the rows are there to be seen"


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_sees_the_companies_of_its_page(urls: Urls, service: str) -> None:
    with connect(urls, service, "worker", [OURS, THEIRS]) as connection:
        assert companies_seen(connection, "copies.company") == [OURS, THEIRS]


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize("service", SERVICES)
def test_rows_of_another_company_are_not_changed(urls: Urls, service: str, role: str) -> None:
    with connect(urls, service, role, [OURS]) as connection:
        for table in tables(connection):
            if role == "worker" and table in SEEN_BY_THE_WORKER:
                continue
            columns = connection.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 "
                "and not attisdropped and attgenerated = '' and attidentity <> 'a' "
                "and has_column_privilege(%s::regclass, attnum, 'update')",
                (table, table),
            ).fetchall()
            for (column,) in columns:
                change = sql.SQL("update {{}} set {0} = {0} where company_id = %s").format(sql.Identifier(column)).as_string()
                assert touched(connection, change, table, THEIRS) == 0, f"{table}.{column}"
            assert touched(connection, "delete from {} where company_id = %s", table, THEIRS) == 0, table
        connection.rollback()


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize("service", SERVICES)
def test_rows_are_not_put_into_another_company(urls: Urls, service: str, role: str) -> None:
    with connect(urls, service, role, [OURS]) as connection:
        for table in tables(connection):
            if role == "worker" and table in SEEN_BY_THE_WORKER:
                continue
            assert touched(connection, "update {} set company_id = %s", table, THEIRS) == 0, table
            with pytest.raises(InsufficientPrivilege), connection.transaction():
                insert(connection, table, THEIRS)
        connection.rollback()
