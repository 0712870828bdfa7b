"""Every route of every service against those who may not, and against values that are none: generated from the routes, so a
new route is covered."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.house.code import Route, openapi, routes
from tests.product import Company, House

GUARDED = [route for route in routes() if route.permission]
READS = [route for route in GUARDED if route.method == "GET"]
FOR_THE_INSTALLATION = {"POST /api/identity/companies", "POST /api/identity/signing-keys/replace"}
ANSWERS_WITH_NOTHING = {"GET /api/notifications/customers/<customer_id>/timeline"}
"""A timeline knows no customers, only what happened to one."""
NOBODYS = "x_00000000000000000000000000"
ODD = [
    "'",
    "';--",
    "' or '1'='1",
    "%00",
    "%27%3B--",
    "..%2f..%2fetc%2fpasswd",
    "x" * 3000,
    "-1",
    "9" * 40,
    "null",
    "{}",
]
VALUES = [
    "'",
    "'; drop table app.invoice; --",
    "(select 1)",
    "\x00",
    "x" * 3000,
    "9" * 40,
    "-1",
    "",
    "NaN",
    "2026-02-30",
    "\ud7ff",
]


@pytest.fixture(scope="module")
def someone(shared_house: House) -> Company:
    """A company, spoken for by somebody who may everything."""
    return shared_house.company()


def address(route: Route, value: str = NOBODYS) -> str:
    number = "999999999" if value == NOBODYS else value
    return re.sub(r"<int:[^>]+>", number, re.sub(r"<[^:>]+>", value, route.rule))


def ask(house: House, route: Route, token: str | None, path: str | None = None, **options: Any) -> httpx.Response:
    headers = {"Idempotency-Key": "tried", "Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {token}"} if token else {}
    )
    client = house.peers["identity"].client(route.service)
    return client.request(route.method, path or address(route), headers=headers, **options)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_route_is_closed_to_those_who_may_not(route: Route, someone: Company) -> None:
    house = someone.house
    nothing, nobody = house.token(someone.id, ()), house.token(0, ("*",))
    other = house.token(someone.id, [f"{name}.*" for name in house.services if name != route.service])

    assert problem(ask(house, route, None)) == (401, "unauthenticated")
    if str(route) in FOR_THE_INSTALLATION:
        assert problem(ask(house, route, someone.token())) == (403, "installation-needed")
        assert problem(ask(house, route, house.token(0, ()))) == (403, "permission-missing")
    else:
        assert problem(ask(house, route, nothing)) == (403, "permission-missing")
        assert problem(ask(house, route, other)) == (403, "permission-missing")
        assert problem(ask(house, route, nobody)) == (403, "company-needed")


@pytest.mark.parametrize("route", [route for route in GUARDED if "<" in route.rule], ids=str)
def test_what_is_not_there_is_not_found_whoever_s_it_is(route: Route, someone: Company) -> None:
    answer = ask(someone.house, route, someone.token(), json={} if route.method != "GET" else None)

    if str(route) in ANSWERS_WITH_NOTHING:
        assert answer.json()["items"] == []
    else:
        assert answer.status_code == 404 or (route.method != "GET" and answer.status_code == 422), answer.text


@pytest.mark.parametrize("route", [route for route in GUARDED if "<" in route.rule], ids=str)
def test_an_odd_id_in_a_path_breaks_nothing(route: Route, someone: Company) -> None:
    for value in ODD:
        answer = ask(someone.house, route, someone.token(), address(route, value), json={} if route.method != "GET" else None)
        expected = (200, 404, 422) if str(route) in ANSWERS_WITH_NOTHING else (404, 405, 422)
        assert answer.status_code in expected, (value, answer.text)


@pytest.mark.parametrize("route", READS, ids=str)
def test_an_odd_value_of_a_query_breaks_nothing(route: Route, someone: Company) -> None:
    token = someone.token()
    path = re.sub(r"<(?:int:)?([^>]+)>", r"{\1}", route.rule)
    parameters = openapi(route.service)["paths"][path]["get"].get("parameters", [])

    for parameter in parameters:
        if parameter["in"] != "query":
            continue
        for value in VALUES:
            answer = ask(someone.house, route, token, params={parameter["name"]: value})
            assert answer.status_code < 500, (parameter["name"], value, answer.text)
            if parameter["name"] == "sort":
                assert answer.status_code in (404, 422)


@pytest.mark.parametrize("route", READS, ids=str)
def test_a_parameter_that_there_is_not_is_refused(route: Route, someone: Company) -> None:
    path = re.sub(r"<(?:int:)?([^>]+)>", r"{\1}", route.rule)
    if any(parameter["in"] == "query" for parameter in openapi(route.service)["paths"][path]["get"].get("parameters", [])):
        assert ask(someone.house, route, someone.token(), params={"no_such_parameter": "1"}).status_code == 422


@pytest.mark.parametrize("route", [route for route in GUARDED if route.method in ("POST", "PUT", "PATCH")], ids=str)
@pytest.mark.parametrize(
    "body", ["{", "[]", '"x"', '{"company_id": 1, "status": "paid", "balance": 0}'], ids=["cut", "list", "text", "fields beyond"]
)
def test_a_body_that_is_none_of_ours_is_refused(route: Route, body: str, someone: Company) -> None:
    path = re.sub(r"<(?:int:)?([^>]+)>", r"{\1}", route.rule)
    if "requestBody" not in openapi(route.service)["paths"][path][route.method.lower()] or str(route) in FOR_THE_INSTALLATION:
        return

    answer = ask(someone.house, route, someone.token(), content=body)

    assert answer.status_code in (400, 404, 415, 422), answer.text
