"""S16: history is written once. Facts, the journal and the audit trail cannot be changed, deleted or emptied: not by a service's
roles, who lack the right, and not by the owner, whom a trigger refuses. Found in the databases, so a new table is tried too."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from shared.config import SERVICES
from tests.product import House
from tests.security.books import Books

pytestmark = pytest.mark.matrix("S16", times=100)

ROLES = ("api", "worker", "log")
KINDS = """
    select n.nspname || '.' || c.relname, array(select tgname::text from pg_trigger where tgrelid = c.oid and not tgisinternal)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname in ('app', 'audit', 'copies', 'log') order by 1
"""
NEITHER = {
    "app.idempotency": "answers to repeated requests, forgotten after a month",
    "app.job": "work to be done; what a person asked for is audited",
    "app.document_series": "the last number of a series",
    "app.signing_key": "holds private keys; its replacement is audited by its use case",
    "app.password": "holds hashes",
    "app.api_key_secret": "holds hashes",
    "app.failed_sign_in": "forgotten after an hour",
    "app.chart": "counts the changes of accounts, which are audited",
    "app.chain_head": "the end of the journal's chain",
    "app.balance": "sums of the journal",
    "app.customer_balance": "sums of the journal",
    "app.chain_checkpoint": "how far the chain was verified",
    "app.open_item": "sums of the sub-ledger",
    "app.invoice": "a draft may change; an issued one is guarded by a trigger of its own",
    "app.invoice_line": "as its invoice",
    "app.open_invoice": "sums of applications",
    "app.prepayment_balance": "sums of applications",
    "app.receipt_place": "where a receipt lies now; deposits and voids are facts",
}
"""Tables of facts that are neither append-only nor audited, and why."""


@pytest.fixture(scope="module")
def written(shared_house: House) -> House:
    """The house once a company has written one of everything."""
    Books(shared_house).things()
    return shared_house


def tables(house: House, service: str) -> dict[str, list[str]]:
    """Table -> its triggers."""
    with house.owner(service) as owner:
        return dict(owner.execute(KINDS).fetchall())


def append_only(house: House, service: str) -> list[sql.Identifier]:
    found = [name for name, triggers in tables(house, service).items() if "append_only" in triggers]
    assert found
    return [sql.Identifier(*name.split(".")) for name in found]


def attempts(table: sql.Identifier, where: str) -> Iterator[sql.Composed]:
    yield sql.SQL(f"update {{}} set company_id = company_id where {where}").format(table)
    yield sql.SQL(f"delete from {{}} where {where}").format(table)
    yield sql.SQL("truncate {} cascade").format(table)


@pytest.mark.parametrize("service", SERVICES)
def test_a_table_of_facts_is_append_only_or_audited_or_here_with_a_reason(service: str, written: House) -> None:
    for name, triggers in tables(written, service).items():
        schema = name.partition(".")[0]
        guarded = {"append_only", "never_emptied"} <= set(triggers) or "audited" in triggers
        assert guarded or name in NEITHER or schema in ("copies", "log"), f"{name}: pass it to protect() with one of the two"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("role", ROLES)
def test_a_service_cannot_rewrite_history(service: str, role: str, written: House) -> None:
    with psycopg.connect(written.assembly.urls[service][role], autocommit=True) as connection:
        for table in append_only(written, service):
            for attempt in attempts(table, "false"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                    connection.execute(attempt)


@pytest.mark.parametrize("service", SERVICES)
def test_even_the_owner_cannot_rewrite_history(service: str, written: House) -> None:
    with psycopg.connect(written.assembly.urls[service]["owner"], autocommit=True) as owner:
        for table in append_only(written, service):
            filled = owner.execute(sql.SQL("select exists (select from {})").format(table)).fetchone() == (True,)
            for attempt in attempts(table, "true"):
                if filled or attempt.as_string(owner).startswith("truncate"):  # a row that there is not cannot be changed
                    with pytest.raises(psycopg.errors.RestrictViolation):
                        owner.execute(attempt)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("role", ROLES)
def test_a_service_cannot_write_the_audit_trail_itself(service: str, role: str, written: House) -> None:
    forged = (
        "insert into audit.change (company_id, table_name, row_key, action, actor, address, correlation_id) "
        "values (1, 'app.customer', 'x', 'update', 'usr_forged', '', '')"
    )
    with (
        psycopg.connect(written.assembly.urls[service][role], autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"),  # not only by the rows' policy
    ):
        connection.execute(forged)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("role", ROLES)
def test_a_service_cannot_rewrite_what_its_log_says(service: str, role: str, written: House) -> None:
    with psycopg.connect(written.assembly.urls[service][role], autocommit=True) as connection:
        for statement in (
            "update log.event set body = body where false",
            "update log.event set seq = seq where false",
            "delete from log.event where false",
            "truncate log.event",
            "update log.head set seq = seq where false",
            "delete from log.head where false",
            "truncate log.head",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("role", ROLES)
def test_a_service_cannot_take_the_guards_away(service: str, role: str, written: House) -> None:
    with psycopg.connect(written.assembly.urls[service][role], autocommit=True) as connection:
        for statement in (
            "alter table audit.change disable trigger all",
            "alter table log.event disable row level security",
            "drop trigger append_only on audit.change",
            "set session_replication_role = replica",
            "create or replace function audit.refuse_change() returns trigger language plpgsql as 'begin return null; end'",
            "create table app.own (x int)",
            "create function app.own() returns int language sql as 'select 1'",
            f"set role {written.assembly.urls[service]['owner'].split('//')[1].split(':')[0]}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        connection.execute("set row_security = off")
        if role != "log":
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select * from audit.change")


@pytest.mark.parametrize("service", SERVICES)
def test_the_roles_of_a_service_are_nothing_more(service: str, written: House) -> None:
    names = [written.assembly.urls[service][role].split("//")[1].split(":")[0] for role in (*ROLES, "owner")]
    with written.owner(service) as owner:
        more = owner.execute(
            "select rolname from pg_roles where rolname = any(%s) and "
            "(rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)",
            (names,),
        ).fetchall()
        members = owner.execute(
            "select member::regrole, roleid::regrole from pg_auth_members where pg_get_userbyid(member) = any(%s)",
            (names,),
        ).fetchall()
        elsewhere = owner.execute(
            "select datname, r.rolname from pg_database d, pg_roles r where r.rolname = any(%s) and datname like %s "
            "and datname <> current_database() and has_database_privilege(r.rolname, datname, 'connect')",
            (names, owner.info.dbname.removesuffix(service).replace("_", r"\_") + "%"),
        ).fetchall()
    assert (more, members, elsewhere) == ([], [], [])
