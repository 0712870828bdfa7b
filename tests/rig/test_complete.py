"""Whatever is added to the product is added to the checker: no table, reference, copy or event that it does not know."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from services.ledger.posting_rules import RULES
from shared.config import SERVICES
from shared.contracts import load_all
from tests.product import House
from tests.rig.documents import TOLD
from tests.rig.entries import POSTS
from tests.rig.folds import FOLDS
from tests.rig.guards import FACTS
from tests.rig.tenants import REFERENCES

SEEN_OTHERWISE = {
    "identity.company.created": "folded: copies of companies",
    "identity.company.changed": "folded: copies of companies",
    "identity.principal.changed": "folded: copies of principals",
    "ledger.account.created": "folded: copies of the chart",
    "ledger.account.changed": "folded: copies of the chart",
    "ledger.role.assigned": "folded: copies of roles",
    "ledger.period.closing": "folded: the gate",
    "ledger.period.closed": "folded: the gate; closed periods",
    "ledger.period.close_cancelled": "folded: the gate",
    "billing.period.stopped": "closed periods",
    "payments.period.stopped": "closed periods",
    "banking.period.stopped": "closed periods",
    "billing.customer.created": "folded: copies of customers",
    "billing.customer.changed": "folded: copies of customers",
    "billing.application.overapplied": "conflicts, displacements",
    "banking.bank_account.created": "nobody takes it in",
}
"""Events that tell of no document of their own, and where the checker looks at them."""


def rows(books: House, service: str, query: str) -> set[tuple[Any, ...]]:
    with psycopg.connect(books.assembly.urls[service]["owner"]) as connection:
        return set(connection.execute(query).fetchall())


@pytest.mark.parametrize("service", SERVICES)
def test_every_foreign_key_is_a_reference_that_is_looked_after(books: House, service: str) -> None:
    keys = rows(
        books,
        service,
        "select c.relname, p.relname from pg_constraint k join pg_class c on c.oid = k.conrelid "
        "join pg_class p on p.oid = k.confrelid where k.contype = 'f'",
    )

    known = {(reference.table, reference.parent) for reference in REFERENCES.get(service, ())}
    known |= {("receipt_place", "deposit_item")}  # named by its deposit and its receipt, each looked after by itself
    assert keys <= known


@pytest.mark.parametrize("service", SERVICES)
def test_every_copy_is_folded_anew(books: House, service: str) -> None:
    copies = rows(books, service, "select 'copy_' || tablename from pg_tables where schemaname = 'copies'")

    assert {name for (name,) in copies} <= set(FOLDS[service])


@pytest.mark.parametrize("service", SERVICES)
def test_every_append_only_table_is_guarded(books: House, service: str) -> None:
    tables = rows(
        books,
        service,
        "select c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace "
        "where t.tgname = 'append_only' and n.nspname = 'app'",
    )

    assert {name for (name,) in tables} == set(FACTS.get(service, ()))


def test_every_posting_rule_is_written_down_a_second_time() -> None:
    assert set(POSTS) == set(RULES)


def test_every_event_is_looked_at() -> None:
    assert set(TOLD) | set(SEEN_OTHERWISE) == set(load_all())
    assert not set(TOLD) & set(SEEN_OTHERWISE)
