"""Queries on deposit groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, select

from shared.http.paging import Listing

metadata = MetaData()

deposit_group = Table(
    "deposit_group",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", String, primary_key=True),
    Column("description", String, nullable=False),
    schema="app",
)

GROUPS = Listing(sorts={"description": deposit_group.c.description}, key=deposit_group.c.id, filters={})


def add_groups(session: Connection, company_id: int, groups: Sequence[tuple[str, str]]) -> int:
    """Adds (id, description) pairs; those whose id or description exists stay as they are. Returns how many are new."""
    return session.exec_driver_sql(
        "insert into app.deposit_group (company_id, id, description) "
        "select %s, * from unnest(%s::text[], %s::text[]) on conflict do nothing",
        (company_id, [group_id for group_id, _ in groups], [description for _, description in groups]),
    ).rowcount


def description_of(session: Connection, company_id: int, group_id: str) -> str | None:
    result: str | None = session.exec_driver_sql(
        "select description from app.deposit_group where company_id = %s and id = %s", (company_id, group_id)
    ).scalar_one_or_none()
    return result


def page(session: Connection, company_id: int, query: Mapping[str, Any]) -> dict[str, Any]:
    return GROUPS.page(session, select(deposit_group).where(deposit_group.c.company_id == company_id), query)
