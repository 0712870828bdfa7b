"""T4: one flipped byte in any row of the journal is found by the ledger's verification, which names the row's entry."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.product import Company, House
from tests.rig.harm import Harm, behind_the_back

ROWS = 100
KEYS = {"app.journal_entry": ("company_id", "number"), "app.posting": ("company_id", "entry_number", "line")}


def flipped(value: Any, choice: random.Random) -> Any:
    """The value with one bit of one of its bytes turned over, or the nearest that its column can hold."""
    if isinstance(value, bytes):
        place = choice.randrange(len(value))
        return value[:place] + bytes([value[place] ^ 1 << choice.randrange(8)]) + value[place + 1 :]
    if value in ("debit", "credit"):
        return "credit" if value == "debit" else "debit"
    if isinstance(value, str) and value:
        place = choice.randrange(len(value))
        return value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
    if isinstance(value, int):
        return value ^ 1 << choice.randrange(2, 40)
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, date):
        return value + timedelta(days=1)
    return "x"  # nothing was there


def set_to(harm: Harm, table: str, row: Any, column: str, value: Any) -> None:
    keys = {key: getattr(row, key) for key in KEYS[table]}
    where = " and ".join(f"{key} = %({key})s" for key in keys)
    harm.do(f"update {table} set {column} = %(value)s where {where}", **keys, value=value)


@pytest.mark.matrix("T4", times=ROWS)
def test_one_flipped_byte_is_found_and_its_entry_named(books: House, told: tuple[Company, Company]) -> None:
    choice = random.Random(20260115)
    company, other = told
    with behind_the_back(books, "ledger", tuple(KEYS), company, other) as harm:
        everything = [
            (whose, table, row)
            for whose in told
            for table, keys in KEYS.items()
            for row in harm.rows(f"select * from {table} where company_id = %(of)s order by {', '.join(keys)}", of=whose.id)
        ]
        for whose, table, row in choice.sample(everything, ROWS):
            column = choice.choice([name for name in row._fields if name not in KEYS[table]])
            set_to(harm, table, row, column, flipped(getattr(row, column), choice))
            found = verification(whose)
            number = row.number if table == "app.journal_entry" else row.entry_number
            assert [fault["number"] for fault in found] == [number], (table, column, getattr(row, column), found)
            set_to(harm, table, row, column, getattr(row, column))
        assert [verification(whose) for whose in told] == [[], []]


def verification(company: Company) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = company.get("/api/ledger/verification")["faults"]
    return faults


@pytest.mark.parametrize(
    "value",
    [b"\0" * 32, "INV-000001", "", None, 5, date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), "debit"],
    ids=lambda value: repr(value),
)
def test_a_flipped_value_is_another(value: Any) -> None:
    choices: list[Callable[[], Any]] = [lambda seed=seed: flipped(value, random.Random(seed)) for seed in range(20)]

    assert all(choose() != value for choose in choices)
