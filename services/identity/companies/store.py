"""Queries on companies and roles."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from shared.contracts import encode


def add_company(session: Connection, name: str, time_zone: str, currency: str) -> int:
    company_id: int = session.exec_driver_sql(
        "insert into app.company (name, time_zone, currency) values (%s, %s, %s) returning company_id", (name, time_zone, currency)
    ).scalar_one()
    return company_id


def add_roles(session: Connection, company_id: int, roles: Mapping[str, list[str]]) -> None:
    session.exec_driver_sql(
        "insert into app.role (company_id, name, permissions, built_in) "
        "select %s, role.key, array(select jsonb_array_elements_text(role.value)), true from jsonb_each(%s::jsonb) role",
        (company_id, encode(roles).decode()),
    )
