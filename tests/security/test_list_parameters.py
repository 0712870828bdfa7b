"""S14: whatever is written into a filter, a sort, a cursor, a limit or a header is a value and never SQL: each odd one is refused
with a problem, or answered as usual. Generated from the OpenAPI documents, on lists that hold something.

Nothing is timed: `pg_sleep(60)`, were it run, would meet the five seconds that a statement of the API may take and be answered
503."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from shared.config import SERVICES
from tests.house.code import Route
from tests.product import House
from tests.security.books import Books
from tests.security.examples import COMPANIES_OWN, EXAMPLES, Asked, ask, operation, query_names

pytestmark = pytest.mark.matrix("S14", times=100)

WITH_QUERY = [route for route in COMPANIES_OWN if query_names(route)]
LISTS = [route for route in WITH_QUERY if "cursor" in query_names(route)]
LIMITED = [route for route in WITH_QUERY if "limit" in query_names(route)]
INJECTED = [
    "'",
    "';--",
    "' or '1'='1",
    "'||(select pg_sleep(60))||'",
    "(select pg_sleep(60))",
    "1; select pg_sleep(60); --",
    "name desc, (select 1)",
    '"; drop table app.invoice; --',
    "$1",
    "%s",
    "\\",
    "a\x00b",
    "9" * 40,
    "-" + "9" * 20,
    "1e400",
]
INJECTED_TEXT = [value for value in INJECTED if value.strip("-0123456789") and value not in ("1e400",)]


@pytest.fixture(scope="module")
def books(shared_house: House) -> Books:
    made = Books(shared_house)
    made.things()
    return made


def is_no_failure(answer: httpx.Response) -> bool:
    if answer.status_code == 200:
        return answer.headers["Content-Type"].startswith("application/json")
    return 400 <= answer.status_code < 500 and answer.headers["Content-Type"] == "application/problem+json"


def parameter(route: Route, name: str) -> dict[str, Any]:
    found = next(each for each in operation(route)["parameters"] if each["in"] == "query" and each["name"] == name)
    schema: dict[str, Any] = found["schema"]
    return schema


def base(route: Route, books: Books) -> Asked:
    """The route's example without what its filters leave out."""
    asked = EXAMPLES[str(route)][0](books)
    needed = {each["name"] for each in operation(route).get("parameters", []) if each["in"] == "query" and each.get("required")}
    return replace(asked, query={name: value for name, value in asked.query.items() if name in needed})


@pytest.mark.parametrize("route", WITH_QUERY, ids=str)
def test_sql_in_a_parameter_is_a_value(route: Route, books: Books) -> None:
    asked = base(route, books)

    for name in query_names(route):
        schema = parameter(route, name)
        for value in INJECTED:
            answer = ask(books, route, replace(asked, query={**asked.query, name: value}))
            assert is_no_failure(answer), (name, value, answer.status_code, answer.text)
            if name == "sort" or "enum" in schema or schema.get("type") == "boolean":
                assert answer.status_code in (400, 422), (name, value, answer.text)
            elif answer.status_code == 200 and value in INJECTED_TEXT:
                assert answer.json().get("items", []) == [], (name, value)


@pytest.mark.parametrize("route", LIMITED, ids=str)
def test_a_list_has_a_longest_page(route: Route, books: Books) -> None:
    asked = base(route, books)

    for value in (10**9, 10**6, 0, -1, "9" * 40, "0x10"):
        answer = ask(books, route, replace(asked, query={**asked.query, "limit": value}))
        assert answer.status_code == 422, (value, answer.text)
    assert parameter(route, "limit")["maximum"] <= 20_000
    assert parameter(route, "limit")["maximum"] <= 200 or str(route) == "GET /api/billing/aging"


@pytest.mark.parametrize("route", LISTS, ids=str)
def test_a_forged_cursor_is_refused_or_a_place_in_the_list(route: Route, books: Books) -> None:
    asked = base(route, books)
    sort = parameter(route, "sort")["default"] if "sort" in query_names(route) else ""
    odd: list[Any] = ["'; drop table app.invoice; --", "a\x00b", 10**30, -(2**63) - 1, 1.5, True, None, [], {}, "2026-99-99"]
    contents = [[sort, value, value] for value in odd]
    contents += [[value, value, value] for value in odd] + [[sort], [], {}, None, "x", [sort, "a", "b", "c"]]
    cursors = [base64.urlsafe_b64encode(json.dumps(content).encode()).decode() for content in contents]
    cursors += ["", "=", "a", "%%%", "\x00", "ü", "A" * 1000, base64.urlsafe_b64encode(b"[" * 700).decode(), "1", "9" * 40]

    for cursor in cursors:
        answer = ask(books, route, replace(asked, query={**asked.query, "cursor": cursor}))
        assert is_no_failure(answer), (cursor, answer.status_code, answer.text)
    for cursor in ("x" * 1001, "A" * 30_000):
        assert ask(books, route, replace(asked, query={**asked.query, "cursor": cursor})).status_code in (414, 422)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("header", ["Wait-For-Event", "Idempotency-Key", "X-Request-Id", "Authorization"])
def test_sql_in_a_header_is_a_value(service: str, header: str, books: Books) -> None:
    route = next(route for route in COMPANIES_OWN if route.service == service and route.rule.endswith("/parked-events"))

    for value in INJECTED:
        answer = ask(books, route, Asked(), **{header: value.replace("\x00", "\x7f")})
        assert is_no_failure(answer), (value, answer.status_code, answer.text)
