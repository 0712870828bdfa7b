"""No value that can be sent is a failure of ours: every leaf of every body that succeeds, and every id in a path, replaced by odd ones."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.house.code import Route
from tests.product import House
from tests.security.books import Books
from tests.security.examples import EXAMPLES, WRITES, Asked, ask

ODD: list[Any] = [
    None, True, [], {}, "", " ", "a\0b", "\\ud800", "\U0010ffff" * 50, "x" * 100_000, "'; drop table app.company --", "%s %(x)s {}",
    -1, 0, 2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 10**40, 1e308, 1.5, -0.0,
    "1e400", "NaN", "Infinity", "-1", "9" * 400, "0.0000000000000000000000001",
    "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "2026-02-30", "2026-01-01T00:00:00Z", "-2026-01-01",
    ["x"], {"amount": 2**63, "currency": "USD"}, {"amount": 1, "currency": "\0"}, "inv_" + "0" * 26, "../x",
]


@pytest.fixture(scope="module")
def books(shared_house: House) -> Books:
    return Books(shared_house)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*path, 0))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = copy.deepcopy(body)
    place = made
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return made


@pytest.mark.parametrize("route", WRITES, ids=str)
def test_explore(books: Books, route: Route) -> None:
    bad = []
    count = 0
    for example in EXAMPLES[str(route)][:1]:
        asked = example(books)
        if asked.body is None: continue
        token = books.house.token(0 if "companies" == route.rule.split("/")[-1] or "replace" in route.rule else books.company.id, ("*",), asked.actor)
        for path in leaves(asked.body):
            for value in ODD:
                count += 1
                answer = ask(books, route, Asked(asked.values, asked.query, replaced(asked.body, path, value), asked.actor), token)
                if answer.status_code >= 500 or (answer.status_code >= 400 and answer.headers["Content-Type"] != "application/problem+json"):
                    bad.append((path, str(value)[:40], answer.status_code, answer.text[:200]))
    print("ODD", route, count, bad[:5], len(bad))
