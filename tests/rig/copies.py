"""Copies are what the owners' logs say, row for row, at any moment: up to the position of the service that keeps them (E9)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from embedded.assembly import service as of
from tests.rig.breach import Breach
from tests.rig.folds import FOLDS
from tests.rig.reading import Reading


def copies(reading: Reading) -> Iterator[Breach]:
    """E9: each copy equals a fold of its owner's log."""
    for service, tables in FOLDS.items():
        if not reading.has(service, *of(service).follows):
            continue
        taken = {producer: reading.taken_in(service, producer) for producer in of(service).follows}
        for table, (key_columns, fold) in tables.items():
            found = {
                tuple(row[column] for column in key_columns): row
                for (row,) in reading.moments[service].execute(f"select to_jsonb(t) from {table} t").fetchall()
            }
            expected = fold(taken)
            for key in sorted(found.keys() | expected.keys(), key=str):
                if what := _unlike(expected.get(key), found.get(key)):
                    name = " ".join(map(str, key[1:] or key))
                    yield Breach("E9", service, key[0], f"{table.removeprefix('copy_').replace('_', ' ')} {name}: {what}")


def _unlike(expected: dict[str, Any] | None, found: dict[str, Any] | None) -> str:
    if expected is None:
        return "no event says so"
    if found is None:
        return "it is missing"
    differ = [name for name, value in expected.items() if _plain(found[name], value) != value]
    return ", ".join(f"{name} is {found[name]}, its events say {expected[name]}" for name in differ)


def _plain(value: Any, like: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(like, datetime) and value is not None else value
