"""The table of roles."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Connection, MetaData, Table, Text

from shared.contracts import encode

role = Table(
    "role",
    MetaData(),
    Column("company_id", BigInteger, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("permissions", ARRAY(Text), nullable=False),
    Column("built_in", Boolean, nullable=False),
    schema="app",
)


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    permissions: list[str]
    built_in: bool


def add_built_in(session: Connection, company_id: int, roles: Mapping[str, list[str]]) -> None:
    session.exec_driver_sql(
        "insert into app.role (company_id, name, permissions, built_in) "
        "select %s, role.key, array(select jsonb_array_elements_text(role.value)), true from jsonb_each(%s::jsonb) role",
        (company_id, encode(roles).decode()),
    )


def add(session: Connection, company_id: int, name: str, permissions: Collection[str]) -> None:
    session.exec_driver_sql(
        "insert into app.role (company_id, name, permissions, built_in) values (%s, %s, %s, false)",
        (company_id, name, sorted(permissions)),
    )


def change(session: Connection, company_id: int, name: str, permissions: Collection[str]) -> None:
    session.exec_driver_sql(
        "update app.role set permissions = %s where company_id = %s and name = %s", (sorted(permissions), company_id, name)
    )


def of(session: Connection, company_id: int, name: str) -> Role | None:
    """The role, which nobody changes until this transaction has ended."""
    return _one(session, company_id, name, "for share")


def of_for_update(session: Connection, company_id: int, name: str) -> Role | None:
    """The role, which nobody reads for granting until this transaction has ended."""
    return _one(session, company_id, name, "for update")


def _one(session: Connection, company_id: int, name: str, lock: str) -> Role | None:
    row = session.exec_driver_sql(
        f"select name, permissions, built_in from app.role where company_id = %s and name = %s {lock}", (company_id, name)
    ).one_or_none()
    return Role(*row) if row else None


def every(session: Connection, company_id: int) -> list[Role]:
    """The company's roles by name; they are a few dozen at most."""
    rows = session.exec_driver_sql(
        "select name, permissions, built_in from app.role where company_id = %s order by built_in desc, name", (company_id,)
    )
    return [Role(*row) for row in rows]


def count(session: Connection, company_id: int) -> int:
    counted: int = session.exec_driver_sql("select count(*) from app.role where company_id = %s", (company_id,)).scalar_one()
    return counted


def withdraw_tokens(session: Connection, company_id: int, name: str) -> list[tuple[str, datetime]]:
    """Moves valid_after of everybody who holds the role. Returns their ids with it.

    The rows are locked first, in the order of their ids, and the clock is read in a later statement: a token that was
    being issued meanwhile began before.
    """
    found: list[tuple[str, datetime]] = []
    for table, which in (("app.person", ""), ("app.api_key", " and revoked_at is null")):
        held = (company_id, name)
        session.exec_driver_sql(f"select from {table} where company_id = %s and role = %s{which} order by id for update", held)
        rows = session.exec_driver_sql(
            f"update {table} set valid_after = app.withdrawn_at(valid_after) where company_id = %s and role = %s{which} "
            "returning id, valid_after",
            held,
        )
        found += [(row.id, row.valid_after) for row in rows]
    return sorted(found)
