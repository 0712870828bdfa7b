"""S2: what a client may not decide it cannot send along: every object of every body of every write refuses fields that are not
its own, at any depth, and nothing is written. Generated from the routes and their examples."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from tests.house.code import Route
from tests.product import House
from tests.security.books import DAY, Books
from tests.security.contents import digest, texts
from tests.security.examples import EXAMPLES, WRITES, Asked, ask, operation
from tests.security.places import objects_in

pytestmark = pytest.mark.matrix("S2", times=100)

FORGED = {
    "balance": 987_654_321,
    "paid": True,
    "company_id": 1,
    "tenant_id": 1,
    "posted_at": "2001-02-03T04:05:06Z",
    "posting_on": "2001-02-03",
    "created_by": "usr_forged",
    "actor": "usr_forged",
    "status": "forged",
    "state": "forged",
    "number": "FORGED-1",
    "series_number": 987_654_321,
    "credit_limit": 987_654_321,
    "total": 987_654_321,
    "applied": 987_654_321,
    "event_id": "evt_forged",
    "origin": "import",
    "built_in": True,
    "valid_after": "2001-02-03T04:05:06Z",
    "__proto__": {"admin": True},
}
WITH_BODY = [route for route in WRITES if "requestBody" in operation(route)]
WITHOUT_BODY = [route for route in WRITES if "requestBody" not in operation(route)]


@pytest.fixture(scope="module")
def books(shared_house: House) -> Books:
    return Books(shared_house)


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_a_field_beyond_is_refused_by_its_place_and_nothing_is_written(route: Route, books: Books) -> None:
    for example in EXAMPLES[str(route)]:
        asked = example(books)
        before = digest(books.house, route.service, books.company.id)
        tried = 0
        for steps in objects_in(asked.body):
            for name, value in FORGED.items():
                body = copy.deepcopy(asked.body)
                target: Any = body
                for step in steps:
                    target = target[step]
                if name in target or is_declared(route, steps, name):
                    continue
                target[name] = value
                tried += 1
                answer = ask(books, route, replace(asked, body=body))
                assert answer.status_code == 422, (steps, name, answer.text)
                pointer = "".join(f"/{step}" for step in (*steps, name))
                assert pointer in [fault["pointer"] for fault in answer.json()["errors"]], answer.text
        assert tried >= 10
        assert digest(books.house, route.service, books.company.id) == before


def is_declared(route: Route, steps: tuple[str | int, ...], name: str) -> bool:
    """A field of that name that this very object has, though the example leaves it out."""
    return name == "number" and ((steps == () and route.rule.startswith("/api/billing/invoices")) or steps[-1:] == ("invoice",))


@pytest.mark.parametrize("route", WITHOUT_BODY, ids=str)
def test_a_body_that_a_route_does_not_take_changes_nothing(route: Route, books: Books) -> None:
    asked: Asked = EXAMPLES[str(route)][0](books)

    answer = ask(books, route, replace(asked, body=FORGED))

    assert answer.status_code in (200, 204, 400, 415, 422), answer.text
    held = texts(books.house, route.service, books.company.id)
    for value in ("987654321", "usr_forged", "FORGED-1", "2001-02-03"):
        assert not [text for text in held if value in text]


def test_who_may_draft_but_not_issue_cannot_issue_by_a_field(books: Books) -> None:
    drafter = books.company.may_only("billing.invoice.create")
    line = {"description": "Work", "quantity": "1", "unit_price": "1.00"}
    before = digest(books.house, "billing", books.company.id)
    body = {"customer_id": books.customer_id, "issued_on": DAY, "issue": True, "lines": [line]}

    drafter.refused("/api/billing/invoices", body, status=403, problem="permission-missing")

    assert digest(books.house, "billing", books.company.id) == before
