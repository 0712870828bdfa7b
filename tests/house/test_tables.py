"""The migrated databases against the code and against the rules for tables."""

from __future__ import annotations

import importlib
from collections import defaultdict
from typing import Any

import pytest
from sqlalchemy import Table

from tests.house.code import HERE, ROOT
from tests.product import House

WITHOUT_COMPANY = {
    "log.head": "the log is one, of all companies",
    "log.position": "the log is one, of all companies",
    "app.signing_key": "tokens of all companies are signed with it",
    "app.failed_sign_in": "no company is known before a person has signed in",
    "public.migration": "alembic's",
}
KEYED_OTHERWISE = {"log.event": "numbered over all companies, in the order of commits"}
MONEY = {
    "amount",
    "total",
    "fee",
    "freight",
    "tax",
    "balance",
    "debit",
    "credit",
    "net",
    "gross",
    "open",
    "applied",
    "opening",
    "closing",
}


_columns: dict[str, dict[str, dict[str, tuple[str, bool]]]] = {}


@pytest.fixture
def columns(house: House, service: str) -> dict[str, dict[str, tuple[str, bool]]]:
    """Table -> column -> (type, may be null) of the service's database."""
    if service not in _columns:
        _columns[service] = _read(house, service)
    return _columns[service]


def _read(house: House, service: str) -> dict[str, dict[str, tuple[str, bool]]]:
    with house.owner(service) as owner:
        rows = owner.execute(
            "select table_schema || '.' || table_name, column_name, data_type, is_nullable = 'YES' "
            "from information_schema.columns "
            "join information_schema.tables using (table_schema, table_name) "
            "where table_type = 'BASE TABLE' and table_schema in ('app', 'copies', 'log', 'audit', 'public')"
        ).fetchall()
    found: dict[str, dict[str, tuple[str, bool]]] = defaultdict(dict)
    for table, column, kind, null in rows:
        found[table][column] = (kind, null)
    return dict(found)


def declared(service: str) -> dict[str, Table]:
    """Tables that the service's stores declare."""
    found = {}
    for path in sorted((ROOT / "services" / service).rglob("store.py")):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for value in vars(module).values():
            if isinstance(value, Table):
                found[f"{value.schema}.{value.name}"] = value
    return found


@pytest.mark.parametrize("service", HERE)
def test_declared_tables_are_those_of_the_database(service: str, columns: dict[str, Any]) -> None:
    tables = declared(service)

    assert tables
    for name, table in tables.items():
        there = {column: null for column, (_, null) in columns[name].items()}
        assert {column.name: bool(column.nullable) for column in table.columns} == there, name


@pytest.mark.parametrize("service", HERE)
def test_every_table_begins_with_the_company(service: str, house: House, columns: dict[str, Any]) -> None:
    with house.owner(service) as owner:
        keys = dict(
            owner.execute(
                "select n.nspname || '.' || c.relname, "
                "array(select a.attname::text from unnest(i.indkey) with ordinality k (n, place) "
                "join pg_attribute a on a.attrelid = c.oid and a.attnum = k.n order by k.place) "
                "from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace "
                "where i.indisprimary and n.nspname in ('app', 'copies', 'log', 'audit')"
            ).fetchall()
        )

    for table in columns:
        if table in WITHOUT_COMPANY:
            continue
        assert columns[table].get("company_id") == ("bigint", False), table
        if table not in KEYED_OTHERWISE:
            assert keys[table][0] == "company_id", table


@pytest.mark.parametrize("service", HERE)
def test_every_table_is_isolated_by_company(service: str, house: House, columns: dict[str, Any]) -> None:
    with house.owner(service) as owner:
        isolated = {
            name
            for (name,) in owner.execute(
                "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
                "where c.relrowsecurity and exists (select from pg_policy p where p.polrelid = c.oid)"
            )
        }

    assert set(columns) - isolated - set(WITHOUT_COMPANY) == set(), "call protect() for it in its migration"


@pytest.mark.parametrize("service", HERE)
def test_money_is_whole_minor_units(service: str, columns: dict[str, Any]) -> None:
    wrong = []
    for table, of_table in columns.items():
        for column, (kind, _) in of_table.items():
            if kind in ("real", "double precision", "money"):
                wrong.append(f"{table}.{column} is {kind}")
            is_money = column in MONEY or column.endswith(("_minor", "_amount", "_balance", "_total"))
            if is_money and kind not in ("bigint", "ARRAY"):
                wrong.append(f"{table}.{column} is {kind}")

    assert wrong == []


@pytest.mark.parametrize("service", HERE)
def test_instants_carry_their_zone(service: str, columns: dict[str, Any]) -> None:
    naive = [
        f"{table}.{column}"
        for table, of_table in columns.items()
        for column, (kind, _) in of_table.items()
        if kind == "timestamp without time zone" or (column.endswith("_at") and kind != "timestamp with time zone")
    ]

    assert naive == []


@pytest.mark.parametrize("service", HERE)
def test_days_are_dates(service: str, columns: dict[str, Any]) -> None:
    wrong = [
        f"{table}.{column}"
        for table, of_table in columns.items()
        for column, (kind, _) in of_table.items()
        if column.endswith("_on") and kind != "date"
    ]

    assert wrong == []


@pytest.mark.parametrize("service", HERE)
def test_a_function_that_runs_as_the_owner_fixes_its_search_path(service: str, house: House) -> None:
    with house.owner(service) as owner:
        loose = owner.execute(
            "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
            "where n.nspname in ('app', 'copies', 'log', 'audit') and p.prosecdef "
            "and not coalesce(p.proconfig::text like '%search_path=pg_catalog, pg_temp%', false)"
        ).fetchall()

    assert loose == []
