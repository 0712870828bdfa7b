"""Databases: one a service, four roles each (owner, api, worker, log), companies isolated by row-level security.

The convention that everything rests on: the database of billing is `<prefix>billing`, its roles are `<prefix>billing_owner`,
`…_api`, `…_worker`, `…_log`. Own facts live in schema `app`, copies of others' facts in `copies`, the event log in `log`,
who-did-what in `audit`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from types import NoneType
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.types.array import ListDumper
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from shared.config import Settings
from shared.patience import Entrance

ROLES = ("owner", "api", "worker", "log")

SERIALIZATION_FAILURE, DEADLOCK, LOCK_TIMEOUT, UNIQUE_VIOLATION = "40001", "40P01", "55P03", "23505"
HELD_TOO_LONG = "25P03"
"""The server ended the session, since its transaction stood still: this process was stopped, or far too slow."""
TOO_LONG = "57014"
"""A statement ran into its time limit: the same again would take as long, so it is no transient failure."""


HOLD_BRIEFLY = "10s"
"""How long a transaction may stand still. A process that is stopped in the middle of one holds its locks no longer than this."""
ASK_OTHERS = "60s"


NOTICED = {"keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 12_000}
"""A server that vanished without a word, or a network that swallows everything, is noticed within 15 s."""


API_ANSWERS_S, WORKER_ANSWERS_S, LOG_ANSWERS_S = 8, 65, 15
"""For so long an answer is waited for. Longer than the server itself lets a statement run, so it ends only what has no server."""
SPARE_S = 3


def engine(url: str, pool_size: int, *, autocommit: bool = False, answers_within_s: int | None = None) -> Engine:
    """A pool of at most `pool_size` connections; made lazily, so an unused role costs none.

    `autocommit`: each statement is a transaction of its own, and no lock outlives the statement that took it.
    """
    scheme, rest = url.split("://", 1)
    assert scheme.startswith("postgresql"), scheme
    made = create_engine(
        f"postgresql+psycopg://{rest}",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_use_lifo=True,
        pool_recycle=1800,
        query_cache_size=2000,
        hide_parameters=True,  # what customers wrote, and keys, stay out of error messages and logs
        connect_args={"connect_timeout": 5, **NOTICED},
        **({"isolation_level": "AUTOCOMMIT"} if autocommit else {}),
    )

    entrance = Entrance(answers_within_s)

    @event.listens_for(made, "do_connect")
    def connect(_: object, __: object, arguments: list[Any], options: dict[str, Any]) -> psycopg.Connection:
        return entrance.connect(*arguments, **options)

    @event.listens_for(made, "connect")
    def tune(connection: psycopg.Connection, _: object) -> None:
        connection.prepare_threshold = 2
        connection.adapters.register_dumper(list, ArrayDumper)

    @event.listens_for(made, "checkin")
    def calm(connection: psycopg.Connection | None, _: object) -> None:
        if connection is not None:
            connection.__dict__.pop("patience_s", None)

    return made


class ArrayDumper(ListDumper):
    """Lists for `unnest`, joined to one literal where they hold text, numbers or dates.

    The driver converts value by value, which costs several times as much, and bulk statements carry thousands.
    """

    def dump(self, obj: list[Any]) -> Any:
        kinds = {*map(type, obj)}
        nulls = NoneType in kinds
        kinds.discard(NoneType)
        if kinds == {str}:
            return self._texts(obj, nulls)
        if kinds and kinds <= _UNQUOTED:
            values = map(str, obj) if not nulls else ["NULL" if value is None else str(value) for value in obj]
            return f"{{{','.join(values)}}}".encode()
        return super().dump(obj)

    def _texts(self, values: list[Any], nulls: bool) -> Any:
        if nulls:
            literal = ",".join(["NULL" if value is None else f'"{_escaped(value)}"' for value in values])
        else:
            literal = '","'.join(values)
            if "\\" in literal or literal.count('"') != 2 * (len(values) - 1):
                literal = '","'.join(map(_escaped, values))
            literal = f'"{literal}"'
        if "\0" in literal:  # refused by the driver
            return super().dump(values)
        return f"{{{literal}}}".encode()


_UNQUOTED = {int, Decimal, date, datetime}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


class Database:
    """The connections of one service's process, one pool a role."""

    def __init__(self, settings: Settings):
        self.settings = settings

    @cached_property
    def api(self) -> Engine:
        return engine(self.settings.api_database_url, self.settings.pool_size, answers_within_s=API_ANSWERS_S)

    @cached_property
    def worker(self) -> Engine:
        return engine(self.settings.worker_database_url, 3, answers_within_s=WORKER_ANSWERS_S)

    @cached_property
    def log(self) -> Engine:
        """In autocommit: who is stopped while it numbers or publishes holds the log's head for nobody else."""
        return engine(self.settings.log_database_url, 3, autocommit=True, answers_within_s=LOG_ANSWERS_S)

    def close(self) -> None:
        """Closes idle connections; the pools go on and open new ones when they are asked."""
        for name in ("api", "worker", "log"):
            if name in self.__dict__:
                self.__dict__[name].dispose()


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code of a failed statement, None where it is no such failure."""
    original = getattr(error, "orig", error)
    return getattr(original, "sqlstate", None)


def constraint(error: BaseException) -> str | None:
    """Name of the constraint that a statement broke."""
    diagnostics = getattr(getattr(error, "orig", error), "diag", None)
    return diagnostics.constraint_name if diagnostics else None


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again: lost connections, deadlocks, serialization, shutdown."""
    if isinstance(error, DBAPIError):
        code = sqlstate(error)
        if code == HELD_TOO_LONG:
            return True
        if error.connection_invalidated or code is None:
            return isinstance(error.orig, psycopg.OperationalError)
        return code in (SERIALIZATION_FAILURE, DEADLOCK, LOCK_TIMEOUT) or (
            code[:2] in ("08", "53", "57", "58") and code != TOO_LONG
        )
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    return isinstance(error, (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout, PoolTimeout))


def enter_companies(connection: Connection, companies: list[int], actor: str, correlation_id: str = "") -> None:
    """Lets this transaction see exactly these companies; the actor goes to the audit trail."""
    connection.exec_driver_sql(
        "select app.enter_companies(%s::bigint[], %s, %s)",
        (companies, actor, correlation_id),
    )


def hold_while_asking(connection: Connection) -> None:
    """For a transaction that asks other services on its way, and holds no lock that others wait for: it may stand still for
    as long as they take to answer."""
    connection.exec_driver_sql(f"set local idle_in_transaction_session_timeout = '{ASK_OTHERS}'")


def allow(connection: Connection, seconds: int) -> None:
    """Until the transaction ends, a statement may take so long instead of what the role allows, and so long it is waited for.

    For whoever verifies all rows of a company: those limits are for documents.
    """
    connection.exec_driver_sql(f"set local statement_timeout = '{seconds}s'")
    driver: Any = connection.connection.driver_connection
    driver.patience_s = seconds + SPARE_S


def plan_for_values(connection: Connection) -> None:
    """From here to the end of the transaction, each statement is planned for its own values. For reports: the plan that a
    prepared statement gets after some uses is made for any day and any company, and reads a whole table for none."""
    connection.exec_driver_sql("set local plan_cache_mode = force_custom_plan")


@contextmanager
def planned_for_values(connection: Connection) -> Iterator[None]:
    """The same for a part of a transaction: the lookups of bulk work, by many keys at once.

    A session may have prepared such a lookup while its tables were nearly empty, when every index that begins with the company
    looked as good as the right one. Until the next statistics it would then read the whole company for each key. Left out of
    it is what writes: each row's foreign keys would be planned anew.
    """
    plan_for_values(connection)
    yield
    connection.exec_driver_sql("set local plan_cache_mode = auto")


@contextmanager
def company_transaction(made: Engine, company_id: int, actor: str) -> Iterator[Connection]:
    """A transaction that sees one company; committed at the end, rolled back on any exception."""
    with made.begin() as connection:
        enter_companies(connection, [company_id], actor)
        yield connection


def provision(admin_url: str, service: str, prefix: str = "duebook_", passwords: dict[str, str] | None = None) -> dict[str, str]:
    """Creates the service's database and its four roles where they are missing. Returns the URL of each role.

    Passwords not given are made anew and set on the role, so the answer is the only place that knows them.
    """
    database = prefix + service
    passwords = passwords or {role: secrets.token_urlsafe(24) for role in ROLES}
    with psycopg.connect(admin_url, autocommit=True) as admin:
        for role in ROLES:
            name = sql.Identifier(f"{database}_{role}")
            known = admin.execute("select 1 from pg_roles where rolname = %s", (f"{database}_{role}",)).fetchone()
            # a role that is there keeps its attributes: to name them, even as they are, takes a superuser
            verb, attributes = ("alter", "") if known else ("create", "login nosuperuser nocreatedb nocreaterole")
            admin.execute(sql.SQL(f"{verb} role {{}} {attributes} password {{}}").format(name, sql.Literal(passwords[role])))
            if role != "owner":
                # a request that waits longer than this is answered 503; a bulk page of the worker may take longer
                limit = {"api": "5s", "worker": "60s", "log": "12s"}[role]
                admin.execute(sql.SQL("alter role {} set lock_timeout = '4s'").format(name))
                admin.execute(sql.SQL("alter role {} set statement_timeout = {}").format(name, sql.Literal(limit)))
                admin.execute(
                    sql.SQL("alter role {} set idle_in_transaction_session_timeout = {}").format(name, sql.Literal(HOLD_BRIEFLY))
                )
        if not admin.execute("select 1 from pg_database where datname = %s", (database,)).fetchone():
            admin.execute(
                sql.SQL(
                    "create database {} owner {} template template0 encoding 'UTF8' lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8'"
                ).format(sql.Identifier(database), sql.Identifier(f"{database}_owner"))
            )
        admin.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(database)))
        for role in ROLES:
            admin.execute(
                sql.SQL("grant connect, temporary on database {} to {}").format(
                    sql.Identifier(database), sql.Identifier(f"{database}_{role}")
                )
            )
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    return {
        role: urlunsplit(
            ("postgresql", f"{database}_{role}:{quote(passwords[role], safe='')}@{host}", f"/{database}", parts.query, "")
        )
        for role in ROLES
    }
