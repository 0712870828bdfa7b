"""The tables of people and of their passwords."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Column, Connection, DateTime, MetaData, Select, Table, Text, select
from sqlalchemy.exc import IntegrityError

from shared.db import constraint
from shared.http.paging import Listing

_metadata = MetaData()

person = Table(
    "person",
    _metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("valid_after", DateTime(timezone=True)),
    schema="app",
)
password = Table(
    "password",
    _metadata,
    Column("company_id", BigInteger, primary_key=True),
    Column("person_id", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    schema="app",
)

listing = Listing(
    sorts={"name": person.c.name, "email": person.c.email, "created_at": person.c.created_at},
    key=person.c.id,
    filters={"role": lambda role: person.c.role == role, "active": lambda active: person.c.active == active},
)


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    email: str
    name: str
    role: str
    active: bool
    created_at: datetime


_COLUMNS = "id, email, name, role, active, created_at"


class EmailKnown(Exception):
    """The address is somebody's in this installation."""


def people(company_id: int) -> Select[tuple[object, ...]]:
    return select(person.c.id, person.c.email, person.c.name, person.c.role, person.c.active, person.c.created_at).where(
        person.c.company_id == company_id
    )


def add(session: Connection, company_id: int, id: str, email: str, name: str, role: str, hash: str) -> None:
    """Raises EmailKnown."""
    try:
        session.exec_driver_sql(
            "insert into app.person (company_id, id, email, name, role) values (%s, %s, %s, %s, %s)",
            (company_id, id, email, name, role),
        )
    except IntegrityError as error:
        if constraint(error) == "person_email":
            raise EmailKnown() from error
        raise
    set_password(session, company_id, id, hash)


def set_password(session: Connection, company_id: int, person_id: str, hash: str) -> None:
    session.exec_driver_sql(
        "insert into app.password (company_id, person_id, hash) values (%s, %s, %s) "
        "on conflict (company_id, person_id) do update set hash = excluded.hash",
        (company_id, person_id, hash),
    )


def hash_of(session: Connection, company_id: int, person_id: str) -> str | None:
    found: str | None = session.exec_driver_sql(
        "select hash from app.password where company_id = %s and person_id = %s", (company_id, person_id)
    ).scalar_one_or_none()
    return found


def of(session: Connection, company_id: int, id: str) -> Person | None:
    row = session.exec_driver_sql(
        f"select {_COLUMNS} from app.person where company_id = %s and id = %s", (company_id, id)
    ).one_or_none()
    return Person(*row) if row else None


def of_for_update(session: Connection, company_id: int, id: str) -> Person | None:
    """The person, who gets no token until this transaction has ended."""
    row = session.exec_driver_sql(
        f"select {_COLUMNS} from app.person where company_id = %s and id = %s for update", (company_id, id)
    ).one_or_none()
    return Person(*row) if row else None


def change(session: Connection, company_id: int, id: str, name: str, role: str, active: bool) -> None:
    session.exec_driver_sql(
        "update app.person set name = %s, role = %s, active = %s where company_id = %s and id = %s",
        (name, role, active, company_id, id),
    )


def withdraw_tokens(session: Connection, company_id: int, id: str) -> datetime:
    """Tokens that the person holds no longer count. The row must be locked. Returns valid_after."""
    valid_after: datetime = session.exec_driver_sql(
        "update app.person set valid_after = app.withdrawn_at(valid_after) where company_id = %s and id = %s "
        "returning valid_after",
        (company_id, id),
    ).scalar_one()
    return valid_after
