"""Idempotency-Key: the same request again moves nothing twice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from shared.ids import new_id
from shared.jobs import forget_old_keys
from shared.tests.edge import Edge, new_company
from tests.product import Company, House

THINGS = "/api/identity/things"
THING = {"name": "apple"}


def test_the_same_key_replays_the_first_answer_with_a_mark(edge: Edge, company: Company) -> None:
    first = edge.call(company, "POST", THINGS, key="once", json=THING)

    again = edge.call(company, "POST", THINGS, key="once", json=THING)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Duebook-Event"] == first.headers["Duebook-Event"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (edge.rows(company, "apple"), edge.events(company)) == (1, 1)


def test_another_key_is_another_request(edge: Edge, company: Company) -> None:
    edge.call(company, "POST", THINGS, key="one", json=THING)
    edge.call(company, "POST", THINGS, key="two", json=THING)

    assert edge.rows(company, "apple") == 2


@pytest.mark.parametrize(
    "changed",
    [{"json": {"name": "pear"}}, {"json": {"name": "apple", "lines": [{"text": "x"}]}}, {"json": THING, "params": {"x": "1"}}],
    ids=["value", "field", "query"],
)
def test_another_request_under_the_same_key_is_refused(edge: Edge, company: Company, changed: dict) -> None:
    edge.call(company, "POST", THINGS, key="once", json=THING)

    answer = edge.call(company, "POST", THINGS, key="once", **changed)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert (edge.rows(company, "pear"), edge.rows(company, "apple")) == (0, 1)


def test_a_write_that_moves_money_needs_a_key(edge: Edge, company: Company) -> None:
    answer = edge.call(company, "POST", THINGS, key="", json=THING)

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key-missing")
    assert edge.rows(company, "apple") == 0


@pytest.mark.parametrize("key", ["x" * 256, "tab\tinside"], ids=["too long", "not printable"])
def test_a_key_that_cannot_be_kept_is_refused(edge: Edge, company: Company, key: str) -> None:
    answer = edge.call(company, "POST", THINGS, key=key, json=THING)

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key-unfit")


@pytest.mark.parametrize("key", ["x" * 255, "'; drop table app.idempotency --", "a b c", "%s"])
def test_any_printable_key_is_a_key(edge: Edge, company: Company, key: str) -> None:
    assert edge.call(company, "POST", THINGS, key=key, json=THING).status_code == 201
    assert edge.call(company, "POST", THINGS, key=key, json=THING).headers["Idempotency-Replayed"] == "true"


def test_a_key_is_its_company_s_its_principal_s_and_its_route_s(edge: Edge, company: Company) -> None:
    other_company = new_company(company.house)
    other_person = Company(
        company.house, company.id, "USD", ("*",), {("*",): company.house.token(company.id, ("*",), "usr_other")}
    )

    answers = [
        edge.call(company, "POST", THINGS, key="once", json=THING),
        edge.call(other_company, "POST", THINGS, key="once", json=THING),
        edge.call(other_person, "POST", THINGS, key="once", json=THING),
        edge.call(company, "POST", "/api/identity/shaky-things", key="once", json=THING),
    ]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert not any("Idempotency-Replayed" in answer.headers for answer in answers)
    assert answers[1].json()["company_id"] == other_company.id


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/identity/refused-things", THING), (THINGS, {"name": ""}), ("/api/identity/things", {})],
    ids=["rule", "value", "empty"],
)
def test_a_refusal_is_not_kept(edge: Edge, company: Company, path: str, body: dict) -> None:
    refused = edge.call(company, "POST", path, key="once", json=body)
    assert refused.status_code == 422

    again = edge.call(company, "POST", path, key="once", json=body)
    assert again.status_code == 422
    assert "Idempotency-Replayed" not in again.headers
    mended = edge.call(company, "POST", THINGS, key="once", json=THING)
    assert mended.status_code == 201


def test_a_failure_is_not_kept(edge: Edge, company: Company) -> None:
    edge.failures = ["55P03"]
    assert edge.call(company, "POST", "/api/identity/shaky-things", key="once", json=THING).status_code == 503

    assert edge.call(company, "POST", "/api/identity/shaky-things", key="once", json=THING).status_code == 201
    assert edge.rows(company, "apple") == 1


def test_while_a_request_is_worked_on_its_key_is_taken(edge: Edge, company: Company) -> None:
    first: list[httpx.Response] = []
    path = "/api/identity/held-things"
    thread = threading.Thread(target=lambda: first.append(edge.call(company, "POST", path, key="once", json=THING)))
    thread.start()
    assert edge.arrived.wait(10)

    answer = edge.call(company, "POST", path, key="once", json=THING)
    edge.hold.set()
    thread.join()

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/request-in-flight")
    assert first[0].status_code == 201
    replay = edge.call(company, "POST", path, key="once", json=THING)
    assert replay.content == first[0].content
    assert edge.rows(company, "apple") == 1


def test_fifty_parallel_requests_with_one_key_are_one_row_and_one_answer(edge: Edge, company: Company) -> None:
    key, company_token = new_id("idk"), company.token()
    assert company_token

    def until_answered(_: int) -> httpx.Response:
        for _ in range(200):
            answer = edge.call(company, "POST", THINGS, key=key, json=THING)
            if answer.status_code not in (409, 503):
                return answer
            time.sleep(0.01)
        raise AssertionError("never answered")

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(until_answered, range(50)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert (edge.rows(company, "apple"), edge.events(company)) == (1, 1)


def test_a_withdrawn_token_gets_no_replay(edge: Edge, company: Company) -> None:
    edge.call(company, "POST", THINGS, key="once", json=THING)
    with company.house.owner("identity") as owner:
        owner.execute(
            "insert into copies.principal (company_id, principal, valid_after) "
            "values (%s, 'usr_test', now() + interval '1 minute')",
            (company.id,),
        )

    assert edge.call(company, "POST", THINGS, key="once", json=THING).status_code == 401


def test_keys_are_forgotten_after_a_month_and_not_before(house: House, company: Company) -> None:
    with house.owner("billing") as owner:
        owner.execute(
            "insert into app.idempotency (company_id, principal, route, key, request_hash, status, headers, body, created_at) "
            "select %s, 'usr', 'POST /', days || ' days old', '', 201, '{}', '', now() - make_interval(days => days) "
            "from unnest(array[1, 29, 31, 400]) days",
            (company.id,),
        )

    forget_old_keys(house.databases["billing"].worker)

    with house.owner("billing") as owner:
        kept = owner.execute(
            "select key from app.idempotency where company_id = %s order by created_at", (company.id,)
        ).fetchall()
    assert kept == [("29 days old",), ("1 days old",)]
