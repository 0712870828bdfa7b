"""The copy of billing's customers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Row, Table, Text

from shared.contracts import Event

metadata = MetaData()
customer = Table(
    "customer",
    metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("gate", Integer, nullable=False),
    schema="copies",
)


def keep(session: Connection, events: Sequence[Event]) -> None:
    """Takes customers in as they are after these events; the last of several about one customer counts."""
    last = {(event.company_id, event.data.customer_id): event.data for event in events}
    session.exec_driver_sql(
        "insert into copies.customer (company_id, id, code, name) "
        "select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) "
        "on conflict (company_id, id) do update set code = excluded.code, name = excluded.name",
        (
            [company for company, _ in last],
            [customer_id for _, customer_id in last],
            [state.code for state in last.values()],
            [state.name for state in last.values()],
        ),
    )


def lock(session: Connection, company_id: int, customer_id: str) -> Row[tuple[str, str]] | None:
    """The customer (code, name), locked: nobody else takes this customer's money from where it is until the commit."""
    return session.exec_driver_sql(
        "select code, name from copies.customer where company_id = %s and id = %s for update", (company_id, customer_id)
    ).one_or_none()


def by_codes(session: Connection, company_id: int, codes: Sequence[str]) -> dict[str, str]:
    """Ids of customers by their codes."""
    rows = session.exec_driver_sql(
        "select code, id from copies.customer where company_id = %s and code = any(%s)", (company_id, list(codes))
    )
    return {row.code: row.id for row in rows}


def names(session: Connection, company_id: int, customer_ids: Iterable[str]) -> dict[str, str]:
    """Names of customers by their ids."""
    rows = session.exec_driver_sql(
        "select id, name from copies.customer where company_id = %s and id = any(%s)", (company_id, sorted(customer_ids))
    )
    return {row.id: row.name for row in rows}
