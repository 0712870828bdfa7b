"""No value that can be sent is a failure of ours: each value of every body that succeeds, replaced by odd ones."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.house.code import Route
from tests.product import House
from tests.security.books import Books
from tests.security.examples import EXAMPLES, FOR_THE_INSTALLATION, WRITES, Asked, ask

ODD: list[Any] = [None, "a\0b", "\U0010ffff" * 50, -(2**63) - 1, 10**40, 1e308, "9" * 400, "0000-01-01", ["x"]]


@pytest.fixture(scope="module")
def books(shared_house: House) -> Books:
    return Books(shared_house)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body; of a list, the first of its values stands for all."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


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
def test_an_odd_value_in_a_body_breaks_nothing(books: Books, route: Route) -> None:
    asked = EXAMPLES[str(route)][0](books)
    company_id = 0 if str(route) in FOR_THE_INSTALLATION else books.company.id
    token = books.house.token(company_id, ("*",), asked.actor)

    for path in places(asked.body):
        for value in ODD:
            odd = Asked(asked.values, asked.query, replaced(asked.body, path, value), asked.actor)
            answer = ask(books, route, odd, token)
            assert answer.status_code < 500, (path, value, answer.text)
            assert answer.status_code < 400 or answer.headers["Content-Type"] == "application/problem+json", (path, value)
