"""What sign-in looks up before a company is known, and failed sign-ins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import BigInteger, Column, Connection, DateTime, LargeBinary, MetaData, Table, Text

failed_sign_in = Table(
    "failed_sign_in",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("who", LargeBinary, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    schema="app",
)


@dataclass(frozen=True, slots=True)
class KnownPerson:
    company_id: int
    id: str
    hash: str | None
    role: str


@dataclass(frozen=True, slots=True)
class KnownKey:
    company_id: int
    id: str
    secret_hash: bytes
    role: str
    expires_on: date | None
    time_zone: str


def person_to_sign_in(session: Connection, email: str) -> KnownPerson | None:
    """The active person of this address, whose rights nobody changes until this transaction has ended."""
    row = session.exec_driver_sql("select company_id, id, hash, role from app.person_to_sign_in(%s)", (email,)).one()
    return KnownPerson(*row) if row.id else None


def key_to_exchange(session: Connection, id: str) -> KnownKey | None:
    """The API key of this id that is not revoked; nobody revokes it until this transaction has ended."""
    row = session.exec_driver_sql(
        "select company_id, id, secret_hash, role, expires_on, time_zone from app.api_key_to_exchange(%s)", (id,)
    ).one()
    return KnownKey(row.company_id, row.id, bytes(row.secret_hash), row.role, row.expires_on, row.time_zone) if row.id else None


def permissions_of(session: Connection, company_id: int, role: str) -> tuple[list[str], str]:
    """What the role holds, and whether the company is "live" or a "demo"."""
    row = session.exec_driver_sql("select permissions, origin from app.permissions_of(%s, %s)", (company_id, role)).one()
    return row.permissions, row.origin


def token_begins(session: Connection, company_id: int, principal: str) -> tuple[datetime, datetime]:
    """The database's clock, and the second from which a token of this principal counts."""
    row = session.exec_driver_sql("select now, issued_at from app.token_begins(%s, %s)", (company_id, principal)).one()
    return row.now, row.issued_at


def wait_s(session: Connection, who: bytes, within_s: int, of_one: int, of_address: int) -> int:
    """Seconds until another try is taken from the request's address, 0 where at once.

    Tries of the same (who, address) come one after the other from here on, until the transaction has ended.
    """
    session.exec_driver_sql(
        "select pg_advisory_xact_lock(hashtextextended(%s || current_setting('app.address', true), 0))", (who.hex(),)
    )
    seconds: int = session.exec_driver_sql(
        "with recent as (select at, who from app.failed_sign_in where address = current_setting('app.address', true) "
        "and at > clock_timestamp() - make_interval(secs => %(within)s)), "
        "bar as (select (array_agg(at order by at desc) filter (where who = %(who)s))[%(of_one)s] as one, "
        "(array_agg(at order by at desc))[%(of_address)s] as address from recent) "
        "select coalesce(ceil(%(within)s - extract(epoch from clock_timestamp() - greatest(one, address))), 0)::int from bar",
        {"who": who, "within": within_s, "of_one": of_one, "of_address": of_address},
    ).scalar_one()
    return seconds


def add_failure(session: Connection, who: bytes) -> None:
    session.exec_driver_sql(
        "insert into app.failed_sign_in (who, address) values (%s, current_setting('app.address', true))", (who,)
    )


def forget_failures(session: Connection, before: timedelta) -> None:
    session.exec_driver_sql("delete from app.failed_sign_in where at < clock_timestamp() - %s", (before,))
