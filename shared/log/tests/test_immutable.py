"""What was stated cannot be changed, not even by the owner of the database."""

from __future__ import annotations

import psycopg
import pytest

from shared.log import store
from tests.product import House

FORBIDDEN = (
    "update log.event set body = '{}'",
    "update log.event set body = body",
    "update log.event set type = 'identity.company.erased'",
    "update log.event set subject = 'x'",
    "update log.event set company_id = 2",
    "update log.event set event_id = event_id || 'x'",
    "update log.event set seq = seq + 1000000",
    "update log.event set seq = null, recorded_at = null",
    "update log.event set recorded_at = now()",
    "delete from log.event",
    "truncate log.event",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_an_event_is_never_changed_and_never_deleted(house: House, statement: str) -> None:
    house.company_elsewhere()
    with house.databases["identity"].log.connect() as connection:
        store.number(connection)

    with (
        psycopg.connect(house.assembly.urls["identity"]["owner"]) as owner,
        pytest.raises(psycopg.errors.RestrictViolation, match="append-only"),
    ):
        owner.execute(statement)


def test_a_number_is_given_once_and_nothing_else_with_it(house: House) -> None:
    house.company_elsewhere()
    with psycopg.connect(house.assembly.urls["identity"]["owner"]) as owner:
        with pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute("update log.event set seq = 10000000, recorded_at = now(), body = '{}' where seq is null")
        owner.rollback()
