"""The four roles of each database cannot do what they must not, in every service."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RestrictViolation

from shared.config import SERVICES
from tests.product import House

ROLES = ("api", "worker", "log")


def may(house: House, service: str, role: str, privilege: str, where: str = "true") -> set[str]:
    """Tables (below the condition) on which a role has a privilege, be it on a single column."""
    name = f"{house.assembly.urls[service]['owner'].rpartition('/')[2]}_{role}"
    over_columns = privilege not in ("delete", "truncate", "trigger")
    check = "has_any_column_privilege" if over_columns else "has_table_privilege"
    with house.owner(service) as owner:
        rows = owner.execute(
            f"select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            f"where c.relkind = 'r' and n.nspname in ('app', 'copies', 'log', 'audit') and {check}(%s, c.oid, %s) and {where}",
            (name, privilege),
        ).fetchall()
    return {table for (table,) in rows}


def refused(house: House, service: str, role: str, *statements: str) -> None:
    for statement in statements:
        with psycopg.connect(house.assembly.urls[service][role]) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_but_the_worker_writes_copies(house: House, service: str) -> None:
    for role in ("api", "log"):
        for privilege in ("insert", "delete"):
            assert may(house, service, role, privilege, "n.nspname = 'copies'") == set()
    assert may(house, service, "log", "update", "n.nspname = 'copies'") == set()
    refused(
        house,
        service,
        "api",
        "insert into copies.company (company_id, name, time_zone, currency) values (1, 'x', 'UTC', 'USD')",
        "update copies.company set name = 'x'",
        "delete from copies.company",
        "update copies.principal set valid_after = now()",
    )


@pytest.mark.parametrize("service", SERVICES)
def test_the_api_may_lock_a_copy_by_one_column_made_for_that(house: House, service: str) -> None:
    with house.owner(service) as owner:
        granted = owner.execute(
            "select c.oid::regclass::text, count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
            "where n.nspname = 'copies' and c.relkind = 'r' "
            "and has_column_privilege(current_database() || '_api', c.oid, a.attnum, 'update') "
            "group by 1 having count(*) > 1"
        ).fetchall()

    assert granted == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_log_is_written_once(house: House, service: str) -> None:
    for role in ROLES:
        for privilege in ("update", "delete", "truncate"):
            assert "log.event" not in may(house, service, role, privilege), (role, privilege)
        for privilege in ("insert", "delete"):
            assert "log.head" not in may(house, service, role, privilege)
    refused(house, service, "api", "update log.event set body = ''", "delete from log.event", "update log.head set seq = 0")
    refused(house, service, "worker", "update log.event set seq = null", "delete from log.event", "update log.head set seq = 0")
    refused(
        house,
        service,
        "log",
        "update log.event set seq = null",
        "update log.head set seq = 0",
        "insert into log.event default values",
    )


@pytest.mark.parametrize("service", SERVICES)
def test_the_audit_trail_is_written_by_its_trigger_alone(house: House, service: str) -> None:
    for role in ROLES:
        for privilege in ("insert", "update", "delete", "truncate"):
            assert may(house, service, role, privilege, "n.nspname = 'audit'") == set(), (role, privilege)
    forged = (
        "insert into audit.change (company_id, table_name, row_key, action, actor, address, correlation_id) "
        "values (1, '', '', '', '', '', '')"
    )
    for role in ("api", "worker"):
        refused(
            house,
            service,
            role,
            forged,
            "update audit.change set actor = 'x'",
            "delete from audit.change",
            "truncate audit.change",
        )


@pytest.mark.parametrize(
    "statement", ["update audit.change set actor = 'x'", "delete from audit.change", "truncate audit.change"]
)
@pytest.mark.parametrize("service", SERVICES)
def test_not_even_the_owner_changes_the_audit_trail(house: House, service: str, statement: str) -> None:
    with house.owner(service) as owner:
        owner.execute(
            "insert into audit.change (company_id, table_name, row_key, action, actor, address, correlation_id) "
            "values (0, '', '', '', '', '', '')"
        )
        with pytest.raises(RestrictViolation):
            owner.execute(statement)
        owner.rollback()


@pytest.mark.parametrize("service", SERVICES)
def test_the_log_s_role_reads_the_log_and_nothing_else(house: House, service: str) -> None:
    assert may(house, service, "log", "select") == {"log.head", "log.event", "log.position"}
    assert may(house, service, "log", "update") == {"log.head"}
    refused(
        house,
        service,
        "log",
        "select * from copies.company",
        "select * from app.job",
        "select * from audit.change",
        "select * from log.parked",
    )


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_empties_a_table_or_hangs_a_trigger_on_it(house: House, service: str) -> None:
    for role in ROLES:
        for privilege in ("truncate", "trigger"):
            assert may(house, service, role, privilege) == set(), (role, privilege)


@pytest.mark.parametrize("service", SERVICES)
def test_no_role_gets_round_the_rules(house: House, service: str) -> None:
    with house.owner(service) as owner:
        mighty = owner.execute(
            "select rolname from pg_roles where starts_with(rolname, current_database() || '_') "
            "and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)"
        ).fetchall()
        members = owner.execute(
            "select count(*) from pg_auth_members m join pg_roles r on r.oid in (m.roleid, m.member) "
            "where starts_with(r.rolname, current_database() || '_') and r.rolname not like 'pg\\_%'"
            "and not (m.admin_option)"
        ).fetchone()

    assert mighty == []
    assert members == (0,)
    for role in ROLES:
        refused(house, service, role, "create table app.mine (x int)", "create schema mine", "create table public.mine (x int)")


@pytest.mark.parametrize("service", SERVICES)
def test_no_other_service_s_role_enters_the_database(house: House, service: str) -> None:
    other = next(name for name in house.services if name != service)
    url = house.assembly.urls[other]["api"].rpartition("/")[0] + "/" + house.assembly.urls[service]["api"].rpartition("/")[2]

    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(url)


UNAUDITED = {
    "app.idempotency": "answers, kept for retries",
    "app.job": "work to do; what it does is audited",
    "app.document_series": "a counter; the documents have the numbers",
    "app.password": "the person's row tells of a new one; a trail must not hold hashes",
    "app.signing_key": "rotates by itself; the keys say when they were made",
    "app.failed_sign_in": "counted for a minute, kept for an hour",
    "app.invoice_line": "lines of a draft; its own entry tells who changed it, and issued lines cannot change",
    "app.chart": "a version, moved by each change of an account",
    "app.chain_head": "where the journal's chain ends",
    "app.chain_checkpoint": "how far the chain was verified",
    "app.balance": "a sum of postings",
    "app.customer_balance": "a sum of postings",
    "app.open_item": "a sum of the sub-ledger's postings",
    "app.open_invoice": "a sum of applications, and a gate to lock",
    "app.prepayment_balance": "a sum, and a gate to lock",
    "app.receipt_place": "where a receipt is now; deposits and voids are the facts",
}
"""Tables of schema app whose rows change without an entry in the trail, and why."""


@pytest.mark.parametrize("service", SERVICES)
def test_every_row_that_can_change_is_audited(house: House, service: str) -> None:
    changeable = {
        table
        for role in ("api", "worker")
        for privilege in ("update", "delete")
        for table in may(house, service, role, privilege, "n.nspname = 'app'")
    }
    with house.owner(service) as owner:
        audited = {
            table
            for (table,) in owner.execute(
                "select tgrelid::regclass::text from pg_trigger where tgfoid = 'audit.record_change'::regproc"
            )
        }

    assert changeable - audited - set(UNAUDITED) == set()
