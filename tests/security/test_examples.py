"""The examples, from which the tests of this folder are made, cover every route and every place that names something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.house.code import Route, openapi
from tests.product import House
from tests.security.books import Books
from tests.security.examples import EXAMPLES, GUARDED, ask, operation
from tests.security.places import is_a_name, names_in_body, names_in_query


@pytest.fixture(scope="module")
def books(shared_house: House) -> Books:
    return Books(shared_house)


def test_every_guarded_route_has_an_example() -> None:
    assert sorted({str(route) for route in GUARDED} - set(EXAMPLES)) == [], "add a request that succeeds to EXAMPLES"
    assert sorted(set(EXAMPLES) - {str(route) for route in GUARDED}) == [], "these routes are gone"


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_an_example_succeeds_and_names_all_that_can_be_named(route: Route, books: Books) -> None:
    named: set[str] = set()
    for example in EXAMPLES[str(route)]:
        asked = example(books)
        answer = ask(books, route, asked)
        assert answer.status_code in (200, 201, 202, 204), answer.text
        named |= {place.pattern for place in (*names_in_body(asked.body), *names_in_query(asked.query))}

    assert sorted(set(_declared(route)) - named) == [], "let an example name it"


def _declared(route: Route) -> Iterator[str]:
    """Every place of the route's query and body that names something of the company."""
    found = operation(route)
    for parameter in found.get("parameters", []):
        if parameter["in"] == "query" and is_a_name(parameter["name"]):
            yield parameter["name"]
    body = found.get("requestBody")
    if body:
        yield from _in_schema(body["content"]["application/json"]["schema"], openapi(route.service), "")


def _in_schema(schema: dict[str, Any], document: dict[str, Any], at: str) -> Iterator[str]:
    if "$ref" in schema:
        step: Any = document
        for part in schema["$ref"].split("/")[1:]:
            step = step[part]
        schema = step
    for part in (*schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ())):
        yield from _in_schema(part, document, at)
    for name, value in schema.get("properties", {}).items():
        yield from _in_schema(value, document, f"{at}/{name}")
    if "items" in schema:
        yield from _in_schema(schema["items"], document, f"{at}/*")
    last = re.sub(r"/\*$", "", at).rpartition("/")[2]
    if not {"properties", "items"} & set(schema) and is_a_name(last):
        yield at
