"""What a service's database holds of a company, read as the owner, who sees all."""

from __future__ import annotations

from functools import cache

from psycopg import sql

from tests.product import House


@cache
def _tables(house: House, service: str) -> tuple[tuple[str, str], ...]:
    with house.owner(service) as owner:
        return tuple(
            owner.execute(
                "select table_schema, table_name from information_schema.columns where column_name = 'company_id' "
                "and table_schema in ('app', 'copies', 'log', 'audit') order by 1, 2"
            ).fetchall()
        )


def rows(house: House, service: str, company_id: int) -> dict[str, list[str]]:
    """Table -> its rows of the company as text, sorted."""
    found: dict[str, list[str]] = {}
    parts = [
        sql.SQL("select {name}, t::text from {table} t where company_id = {company}").format(
            name=sql.Literal(f"{schema}.{table}"), table=sql.Identifier(schema, table), company=sql.Literal(company_id)
        )
        for schema, table in _tables(house, service)
    ]
    with house.owner(service) as owner:
        for table, text in owner.execute(sql.SQL(" union all ").join(parts)):
            found.setdefault(table, []).append(text)
    return {table: sorted(found[table]) for table in sorted(found)}


def texts(house: House, service: str, company_id: int) -> list[str]:
    """Every row of the company, as text."""
    return [text for of_table in rows(house, service, company_id).values() for text in of_table]


def digest(house: House, service: str, company_id: int) -> str:
    """Changes with any row of the company."""
    parts = [
        sql.SQL(
            "select {name} as t, md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as d from {table} t "
            "where company_id = {company}"
        ).format(name=sql.Literal(f"{schema}.{table}"), table=sql.Identifier(schema, table), company=sql.Literal(company_id))
        for schema, table in _tables(house, service)
    ]
    with house.owner(service) as owner:
        found = owner.execute(
            sql.SQL("select md5(string_agg(d, '|' order by t)) from ({}) parts").format(sql.SQL(" union all ").join(parts))
        ).fetchone()
    assert found
    return str(found[0])
