"""What the OpenAPI documents promise, tried by schemathesis: from each operation it makes requests that fit and requests that do
not, and holds every answer against the document. No answer is a failure of ours; status, media type and body are documented.

Each run makes the same requests: nothing is drawn from chance or kept between runs."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.ids import new_id
from tests.house.code import Route, routes
from tests.product import House
from tests.security.books import Books
from tests.security.examples import EXAMPLES, FOR_THE_INSTALLATION, GUARDED, ask, forget_keys

FITS, FITS_NOT = 15, 10
"""Requests for each operation."""
ALWAYS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENTED = [route for route in routes() if route.rule.startswith("/api/") and not route.rule.endswith("/openapi.json")]


@pytest.fixture(scope="module")
def books(shared_house: House) -> Books:
    made = Books(shared_house)
    made.things()
    return made


@pytest.fixture(scope="module")
def schemas(shared_house: House) -> dict[str, dict[str, Any]]:
    """Service -> operation as `GET /path` -> schemathesis's view of it."""
    found = {}
    for name in shared_house.services:
        schema = schemathesis.openapi.from_wsgi(f"/api/{name}/openapi.json", shared_house.assembly.app(name))
        made = [result.ok() for result in schema.get_all_operations()]
        found[name] = {f"{each.method.upper()} {each.path}": each for each in made}
    return found


def label(route: Route) -> str:
    return f"{route.method} " + re.sub(r"<(?:int:)?([^>]+)>", r"{\1}", route.rule)


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_what_succeeds_is_answered_as_documented_also_when_it_is_asked_again(
    route: Route, books: Books, schemas: dict[str, Any]
) -> None:
    operation = schemas[route.service][label(route)]

    for example in EXAMPLES[str(route)]:
        asked = example(books)
        for _ in range(2):
            answer = ask(books, route, asked)
            operation.Case(path_parameters=asked.values).validate_response(answer, checks=ALWAYS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fits", "fits not"])
@pytest.mark.parametrize("route", DOCUMENTED, ids=str)
def test_no_request_breaks_the_contract(route: Route, mode: GenerationMode, books: Books, schemas: dict[str, Any]) -> None:
    operation = schemas[route.service][label(route)]
    house = books.house
    known = EXAMPLES[str(route)][0](books) if str(route) in EXAMPLES else None
    positive = mode is GenerationMode.POSITIVE
    checks = ALWAYS if positive else [*ALWAYS, negative_data_rejection]

    @settings(
        max_examples=FITS if positive else FITS_NOT,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def tried(case: Any) -> None:
        if positive and known is not None:
            case.path_parameters = {**case.path_parameters, **known.values}
        headers = {"Idempotency-Key": new_id("idk")}
        if route.permission:
            token = house.token(0) if str(route) in FOR_THE_INSTALLATION else books.company.token()
            headers["Authorization"] = f"Bearer {token}"
        answer = case.call(headers=headers)
        if route.rule.endswith("/signing-keys/replace"):
            forget_keys(house)
        case.validate_response(answer, checks=checks)

    with suppress(Unsatisfiable):  # nothing about such a request could be wrong
        tried()
