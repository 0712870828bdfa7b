"""S15: everything that a client sends has a largest size, and what is guessed has a largest rate. What is too large is refused by
name before it is worked on."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.config import SERVICES, Settings
from shared.ids import new_id
from tests.house.code import ROOT, Route, openapi
from tests.product import House
from tests.security.books import DAY, PASSWORD, Books
from tests.security.contents import digest
from tests.security.doors import NGINX, nginx, raw, served
from tests.security.examples import EXAMPLES, WRITES, ask, operation

pytestmark = pytest.mark.matrix("S15", times=50)

WITH_BODY = [route for route in WRITES if "requestBody" in operation(route)]
GATEWAY = (ROOT / "deploy/nginx/gateway.conf").read_text()
MOST_BYTES = 4 * 1024 * 1024
MOST_ENTRIES = 1000
LONG_TEXT = "x" * 20_000


@pytest.fixture(scope="module")
def books(shared_house: House) -> Books:
    return Books(shared_house)


def send(house: House, service: str, path: str, content: Any, token: str | None, **headers: str) -> httpx.Response:
    sent = {"Content-Type": "application/json", "Idempotency-Key": new_id("idk"), **headers}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    return house.peers["identity"].client(service).post(path, content=content, headers=sent)


@pytest.mark.parametrize("service", SERVICES)
def test_a_body_of_more_than_four_megabytes_is_not_read(service: str, books: Books) -> None:
    path, token = f"/api/{service}/parked-events/retry", books.company.token()
    large = b'{"subject": "' + b"x" * MOST_BYTES + b'"}'

    announced = send(books.house, service, path, large, token)
    client = books.house.assembly.app(service).test_client()
    streamed = client.post(  # in chunks, as an application server hands it on
        path,
        input_stream=BytesIO(large),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}", "Idempotency-Key": new_id("idk")},
        environ_overrides={"wsgi.input_terminated": True},
    )

    for status, text in ((announced.status_code, announced.text), (streamed.status_code, streamed.text)):
        assert (status, "/problems/request-entity-too-large" in text) == (413, True), text
    assert Settings(service=service, internal_secret="x").max_body_bytes == MOST_BYTES


@pytest.mark.parametrize("service", SERVICES)
def test_a_body_that_is_nested_too_deep_is_refused(service: str, books: Books) -> None:
    path, token = f"/api/{service}/parked-events/retry", books.company.token()

    for content in ("[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"subject":' * 100_000 + "1" + "}" * 100_000):
        answer = send(books.house, service, path, content, token)
        assert answer.status_code in (400, 422), answer.text[:300]
        assert answer.headers["Content-Type"] == "application/problem+json"


def arrays(schema: dict[str, Any], document: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every list in a body's schema: where it is, and what is said of it."""
    if "$ref" in schema:
        step: Any = document
        for part in schema["$ref"].split("/")[1:]:
            step = step[part]
        schema = step
    for part in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from arrays(part, document, at)
    for name, value in schema.get("properties", {}).items():
        yield from arrays(value, document, (*at, name))
    if "items" in schema:
        yield at, schema
        yield from arrays(schema["items"], document, (*at, "0"))


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_a_list_has_a_most_and_more_are_refused(route: Route, books: Books) -> None:
    body = operation(route)["requestBody"]["content"]["application/json"]["schema"]

    for place, schema in arrays(body, openapi(route.service)):
        most = schema.get("maxItems")
        assert most, f"{place} has no maxItems"
        assert most <= MOST_ENTRIES, place
        for example in EXAMPLES[str(route)]:
            asked = example(books)
            changed = copy.deepcopy(asked.body)
            target = reached(changed, place)
            if not target:
                continue
            before = digest(books.house, route.service, books.company.id)
            for number in (most + 1, 5_000):
                target[:] = target[:1] * number
                answer = ask(books, route, replace(asked, body=changed))
                assert answer.status_code == 422, answer.text[:300]
                faults = [fault["pointer"] for fault in answer.json()["errors"]]
                assert "/" + "/".join(place) in faults, faults[:3]
            assert digest(books.house, route.service, books.company.id) == before


def reached(body: Any, place: tuple[str, ...]) -> list[Any] | None:
    """The list in that place of a body, in whichever entries of lists have it."""
    step = body
    for part in place:
        if isinstance(step, list):
            step = step[int(part)]
        elif part in step:
            step = step[part]
        else:
            return None
    found: list[Any] = step
    return found


def texts_in(body: Any, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(body, dict):
        for key, value in body.items():
            yield from texts_in(value, (*steps, key))
    elif isinstance(body, list):
        for number, value in enumerate(body):
            yield from texts_in(value, (*steps, number))
    elif isinstance(body, str):
        yield steps


@pytest.mark.parametrize("route", WITH_BODY, ids=str)
def test_a_text_has_a_longest(route: Route, books: Books) -> None:
    for example in EXAMPLES[str(route)]:
        asked = example(books)
        for steps in texts_in(asked.body):
            changed = copy.deepcopy(asked.body)
            target: Any = changed
            for step in steps[:-1]:
                target = target[step]
            target[steps[-1]] = LONG_TEXT
            answer = ask(books, route, replace(asked, body=changed))
            assert answer.status_code == 422, (steps, answer.text[:300])


def test_an_invoice_of_five_hundred_lines_is_taken_and_one_of_five_thousand_is_not(books: Books) -> None:
    line = {"description": "Work", "quantity": "1", "unit_price": "1.00"}
    body = {"customer_id": books.customer_id, "issued_on": DAY, "issue": True, "number": books.code()}

    made = books.company.post("/api/billing/invoices", {**body, "lines": [line] * 500})
    assert made["total"]["amount"] == 50_000
    for number in (501, 5_000):
        refused = {**body, "number": books.code(), "lines": [line] * number}
        document = books.company.refused("/api/billing/invoices", refused, status=422, problem="invalid-input")
        assert [fault["pointer"] for fault in document["errors"]] == ["/lines"]


def test_guessing_a_password_is_slow_from_an_address_and_the_right_one_waits_too(books: Books) -> None:
    person = books.person()
    app = books.house.assembly.app("identity")

    def tries(password: str, address: str) -> httpx.Response:
        with httpx.Client(transport=httpx.WSGITransport(app=app, remote_addr=address), base_url="http://identity") as client:
            return client.post("/api/identity/tokens", json={"email": person["email"], "password": password})

    answers = [tries("wrong wrong wrong", "203.0.113.7") for _ in range(8)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    late = tries(PASSWORD, "203.0.113.7")
    assert late.status_code == 429
    assert late.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    assert tries(PASSWORD, "203.0.113.8").status_code == 200, "nobody can keep a person out from elsewhere"


def test_guessing_keys_is_slow_from_an_address_whomever_they_are_for(books: Books) -> None:
    app = books.house.assembly.app("identity")
    with httpx.Client(transport=httpx.WSGITransport(app=app, remote_addr="203.0.113.9"), base_url="http://identity") as client:
        answers = [
            client.post(
                "/api/identity/tokens", json={"api_key": f"{new_id('key')}.{'x' * 40}"}, headers={"X-Forwarded-For": "::1"}
            )
            for _ in range(70)
        ]

    assert [answer.status_code for answer in answers] == [401] * 50 + [429] * 20
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in answers[50:])


def test_the_gateway_limits_what_it_takes() -> None:
    def setting(name: str) -> str:
        found = re.search(rf"^\s+{name} ([^;]+);", GATEWAY, re.MULTILINE)
        assert found, name
        return found[1]

    assert setting("client_max_body_size") == f"{MOST_BYTES // 1024 // 1024}m"
    assert setting("large_client_header_buffers") == "4 8k"
    for timeout in ("client_header_timeout", "client_body_timeout", "proxy_connect_timeout", "keepalive_timeout"):
        assert int(setting(timeout).removesuffix("s")) <= 65
    assert setting("limit_req_status") == setting("limit_conn_status") == "429"
    assert "limit_req zone=sign_ins burst=30 nodelay;" in GATEWAY
    assert "limit_req zone=requests burst=200 nodelay;" in GATEWAY


class TestNginx:
    """The gateway itself, where nginx is installed."""

    @pytest.fixture
    def port(self, shared_house: House, tmp_path: Path) -> Iterator[int]:
        if not NGINX:
            pytest.skip("there is no nginx here: install the package nginx")
        with ExitStack() as stack:
            api = stack.enter_context(served(shared_house.assembly.app("identity")))
            yield stack.enter_context(nginx(tmp_path, api, api, limits=True))

    def test_too_large_and_too_long_requests_are_refused(self, port: int) -> None:
        status, headers, body = raw(port, "/api/identity/tokens", method="POST", body=b"x" * (MOST_BYTES + 1))
        assert (status, headers["content-type"]) == (413, "application/problem+json")
        assert b"/problems/request-entity-too-large" in body
        assert raw(port, "/api/identity/jwks", "X-Long: " + "x" * 40_000)[0] in (400, 431)
        assert raw(port, "/api/identity/jwks?" + "x" * 40_000)[0] == 414

    def test_more_sign_ins_than_people_make_are_refused_with_a_time_to_wait(self, port: int) -> None:
        answers = [raw(port, "/api/identity/tokens", method="POST", body=b"{}") for _ in range(60)]

        refused = [answer for answer in answers if answer[0] == 429]
        assert len(refused) >= 1
        assert {answer[0] for answer in answers} <= {429, 415, 422}
        for _, headers, body in refused:
            assert headers["retry-after"] == "2"
            assert headers["content-type"] == "application/problem+json"
            assert b"/problems/too-many-requests" in body
        assert raw(port, "/api/identity/jwks")[0] == 200
