"""S1: no route shows or changes what belongs to another company, wherever the other's ids stand: in the path, the query, the
body at any depth, or under an idempotency key.

Generated from the routes and their examples, so a new route is tried too. What is answered for a thing of another company is
what is answered for a thing that there is not. Another customer's token is not tried: there is no portal for customers yet, so
there is no such token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import pytest

from shared.config import SERVICES
from shared.ids import new_id
from tests.house.code import Route
from tests.product import House
from tests.security.books import Books
from tests.security.contents import digest, texts
from tests.security.examples import COMPANIES_OWN, EXAMPLES, ask
from tests.security.places import IDS, Place, names_in_body, names_in_query, with_value

pytestmark = pytest.mark.matrix("S1", times=500)

WITH_ID = [route for route in COMPANIES_OWN if "<" in route.rule]
WITH_BODY = [route for route in COMPANIES_OWN if route.method in ("POST", "PUT", "PATCH")]
WITH_KEY = [route for route in COMPANIES_OWN if route.money]
ANSWERS_WITH_NOTHING = {"GET /api/notifications/customers/<customer_id>/timeline"}
"""A timeline knows no customers, only what happened to one."""
MEANT = {"email": "email", "role": "role", "account": "account", "fee_account": "account", "cash_account": "account"} | {
    "code": "account",
    "customer": "customer code",
    "payment_type": "payment type name",
    "deposit_group": "deposit group",
}
"""Field of a body -> which of the other's names that are no ids is tried in it; else the number of an invoice."""
ONE_FOR_ALL = {("POST /api/identity/people", "/email"), ("POST /api/identity/people", "/id")}
"""An e-mail address, and a person's id, is one person of the whole installation: that it is taken can be seen by trying, not
by whom."""


@dataclass(frozen=True)
class Others:
    """The company that is looked at, with one of everything."""

    books: Books
    things: dict[str, str]
    secrets: frozenset[str]

    def told(self, answer: httpx.Response, sent: str = "") -> list[str]:
        """What an answer tells of the company beyond what was sent."""
        mark = {self.books.mark} & {self.books.mark if self.books.mark in answer.text.replace(sent or "\0", "") else ""}
        return sorted(mark | self.secrets & (set(IDS.findall(answer.text)) - {sent}))

    def held(self, service: str) -> str:
        return digest(self.books.house, service, self.books.company.id)


@pytest.fixture(scope="module")
def others(shared_house: House) -> Iterator[Others]:
    books = Books(shared_house)
    things = books.things()
    for name in SERVICES:
        books.park(name)
    books.no_closing()
    shared_house.pump()
    with shared_house.owner("ledger") as owner:  # what waits for later is not to be seen as a change
        owner.execute("delete from app.job where company_id = %s and done_at is null", (books.company.id,))
    secrets = {found for name in SERVICES for text in texts(shared_house, name, books.company.id) for found in IDS.findall(text)}
    made = Others(books, things, frozenset(secrets))
    before = [made.held(name) for name in SERVICES]
    yield made
    shared_house.pump()
    assert [made.held(name) for name in SERVICES] == before


@pytest.fixture(scope="module")
def own(shared_house: House) -> Books:
    """The company that looks."""
    return Books(shared_house)


def test_there_are_enough_combinations(others: Others) -> None:
    assert len(WITH_ID) * len(others.things) >= 500
    assert len(others.secrets) > 50


@pytest.mark.parametrize("route", WITH_ID, ids=str)
def test_a_path_with_another_company_s_thing_is_not_found(route: Route, others: Others, own: Books) -> None:
    asked, before = EXAMPLES[str(route)][0](own), others.held(route.service)

    for value in others.things.values():
        for name in asked.values:
            answer = ask(own, route, replace(asked, values={**asked.values, name: value}))
            if str(route) in ANSWERS_WITH_NOTHING:
                assert answer.json() == {"items": [], "next_cursor": None}
            else:
                assert answer.status_code == 404, (value, answer.text)
            assert others.told(answer, value) == []

    assert others.held(route.service) == before


@pytest.mark.parametrize("route", COMPANIES_OWN, ids=str)
def test_a_query_for_another_company_s_thing_finds_nothing(route: Route, others: Others, own: Books) -> None:
    for example in EXAMPLES[str(route)]:
        asked = example(own)
        for place in names_in_query(asked.query):
            for value in others.things.values():
                nobodys = nobodys_name(value)
                answer = ask(own, route, replace(asked, query={**asked.query, place.pattern: value}))
                nothing = ask(own, route, replace(asked, query={**asked.query, place.pattern: nobodys}))
                assert plain(answer, value) == plain(nothing, nobodys)
                assert others.told(answer, value) == []


def nobodys_name(value: str) -> str:
    """A name of the same kind that nothing has."""
    if IDS.fullmatch(value):
        return new_id(value.partition("_")[0])
    return "9" * 15 if value.isdigit() else "x" + value[1:]


def plain(answer: httpx.Response, sent: str) -> tuple[int, str]:
    """What was answered, without the request's number and without what was sent."""
    text = re.sub(r'"instance":"[^"]*"', "", answer.text)
    return answer.status_code, text.replace(f'"{sent}"', "…")


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_a_body_that_names_another_company_s_thing_is_answered_as_if_there_were_none(
    route: Route, others: Others, house: House
) -> None:
    before = others.held(route.service)

    for example in EXAMPLES[str(route)]:
        own = Books(house)  # anew: under ids of the others it makes its own things
        asked = example(own)
        for place in names_in_body(asked.body):
            if (str(route), place.pattern) in ONE_FOR_ALL:
                continue
            for value in fitting(place, others.things):
                answer = ask(own, route, replace(asked, body=with_value(asked.body, place, value)))
                if answer.status_code < 300:
                    asked = example(own)
                nothing = ask(own, route, replace(asked, body=with_value(asked.body, place, nobodys_name(value))))
                if nothing.status_code < 300:
                    asked = example(own)
                assert outcome(answer) == outcome(nothing), (place, value)
                assert answer.status_code in (200, 201, 202, 404, 409, 422), answer.text
                assert others.told(answer, value) == []
        own.house.pump()

    assert others.held(route.service) == before


def fitting(place: Place, things: dict[str, str]) -> Iterator[str]:
    """Things whose name may stand in that place: of ids those of its kind, and one that is not."""
    if IDS.fullmatch(place.value):
        kind = place.value.partition("_")[0] + "_"
        yield from (value for value in things.values() if value.startswith(kind))
        yield next(value for value in things.values() if IDS.fullmatch(value) and not value.startswith(kind))
    else:
        field = place.pattern.rpartition("/")[2]
        yield things[MEANT.get(field, "invoice number")]


def outcome(answer: httpx.Response) -> tuple[int, str, list[tuple[str, str]]]:
    """Status, problem and faults; of a success the status alone."""
    if answer.status_code < 300:
        return answer.status_code, "", []
    document = answer.json()
    return answer.status_code, document["type"], [(fault["pointer"], fault["type"]) for fault in document.get("errors", [])]


@pytest.mark.parametrize("route", WITH_KEY, ids=str)
def test_another_company_s_idempotency_key_is_a_new_one_here(route: Route, own: Books, house: House) -> None:
    key, lender = new_id("idk"), Books(house)
    asked = EXAMPLES[str(route)][0](lender)
    first = ask(lender, route, asked, **{"Idempotency-Key": key})
    assert first.status_code in (200, 201), first.text
    before = digest(house, route.service, lender.company.id)

    answer = ask(own, route, asked, **{"Idempotency-Key": key})

    assert "Idempotency-Replayed" not in answer.headers
    assert answer.status_code < 500, answer.text
    sent = {*IDS.findall(str(asked))}
    assert {*IDS.findall(first.text)} & {*IDS.findall(answer.text)} <= sent
    assert digest(house, route.service, lender.company.id) == before


@pytest.mark.parametrize("route", COMPANIES_OWN, ids=str)
def test_what_is_answered_to_one_company_tells_nothing_of_another(route: Route, others: Others, own: Books) -> None:
    for example in EXAMPLES[str(route)]:
        answer = ask(own, route, example(own))
        assert answer.status_code < 300, answer.text
        assert others.told(answer) == []
