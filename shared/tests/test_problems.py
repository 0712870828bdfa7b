"""How the edge says no: problem documents with pointers, and never a word of what is inside."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import httpx
import pytest

from shared.errors import Malformed
from shared.http.reading import body
from shared.tests.edge import Edge
from tests.product import Company

THINGS = "/api/identity/things"
THING = {"name": "apple"}


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"/problems/{code}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == "urn:request:" + answer.headers["X-Request-Id"]
    return document


def faults(document: dict[str, Any]) -> dict[str, str]:
    return {fault["pointer"]: fault["detail"] for fault in document["errors"]}


@pytest.mark.parametrize("body", ["{", "", "[", "{'name': 'apple'}", '{"name": }', "\x00", '{"name": "a"} x', b"\xff\xfe{}"])
def test_a_body_that_is_no_json_is_malformed(edge: Edge, company: Company, body: str | bytes) -> None:
    answer = edge.call(company, "POST", THINGS, content=body, headers={"Content-Type": "application/json"})

    document = problem(answer, 422 if body == "" else 400, "invalid-input" if body == "" else "malformed")
    assert "Expecting" not in answer.text, "no parser's words"
    assert document
    assert edge.events(company) == 0


@pytest.mark.parametrize(
    "body",
    ["[" * 1900, '{"name": NaN}', '{"name": "\\ud800"}', b'{"name": "\xff"}', '{"name": ' + "9" * 1900 + "}"],
    ids=["nested too deep", "no number", "half a character", "no text", "too many digits"],
)
def test_what_a_lenient_reader_would_take_or_fail_on_is_refused(edge: Edge, company: Company, body: str | bytes) -> None:
    answer = edge.call(company, "POST", THINGS, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("body", ["[]", '"apple"', "7", "null", "true"])
def test_a_body_that_is_no_object_is_refused(edge: Edge, company: Company, body: str) -> None:
    answer = edge.call(company, "POST", THINGS, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", "name=apple"),
        ("text/plain", '{"name": "apple"}'),
        ("multipart/form-data; boundary=x", "--x--"),
        ("multipart/form-data", "x"),
        ("", '{"name": "apple"}'),
        ("nonsense", '{"name": "apple"}'),
    ],
)
def test_a_body_of_another_kind_is_not_taken_for_json(edge: Edge, company: Company, kind: str, body: str) -> None:
    problem(edge.call(company, "POST", THINGS, content=body, headers={"Content-Type": kind}), 415, "unsupported-media-type")
    assert edge.events(company) == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x"])
def test_a_compressed_body_is_refused_by_its_header(edge: Edge, company: Company, encoding: str) -> None:
    answer = edge.call(company, "POST", THINGS, json=THING, headers={"Content-Encoding": encoding})

    problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("sent", [2001, 5000])
def test_a_body_of_unknown_length_is_not_cut_off_but_refused_where_it_is_too_large(
    edge: Edge, company: Company, sent: int
) -> None:
    body = json.dumps(THING).ljust(sent).encode()
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": THINGS,
        "CONTENT_TYPE": "application/json",
        "HTTP_AUTHORIZATION": f"Bearer {company.token()}",
        "HTTP_IDEMPOTENCY_KEY": "key",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "SERVER_NAME": "edge",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }
    answers: list[str] = []

    b"".join(edge.app(environ, lambda status, _: answers.append(status)))  # type: ignore[arg-type,return-value]

    assert answers == ["413 REQUEST ENTITY TOO LARGE"]
    assert edge.events(company) == 0


def test_a_body_that_breaks_off_is_the_sender_s_fault(edge: Edge, company: Company) -> None:
    class Broken(BytesIO):
        def read(self, *_: Any) -> bytes:
            raise RuntimeError("no chunk")

        readinto = read  # type: ignore[assignment]

    environ = {"wsgi.input": Broken(), "wsgi.input_terminated": True, "CONTENT_TYPE": "application/json"}
    with edge.app.test_request_context(THINGS, method="POST", environ_overrides=environ), pytest.raises(Malformed):
        body()


def test_every_fault_is_told_at_once_with_its_place(edge: Edge, company: Company) -> None:
    body = {
        "name": "",
        "amount": {"amount": 12.5, "currency": "usd"},
        "due_on": "2026-02-30",
        "lines": [{"text": "fine"}, {"text": "much too long"}, {"txt": "x"}],
        "colour": "red",
    }

    document = problem(edge.call(company, "POST", THINGS, json=body), 422, "invalid-input")

    assert faults(document) == {
        "/name": "must not be empty",
        "/amount/amount": "must be a whole number of minor units (cents), without decimals",
        "/amount/currency": "must be an ISO 4217 currency code",
        "/due_on": "Not a valid date.",
        "/lines/1/text": "must have at most 10 characters",
        "/lines/2/text": "Missing data for required field.",
        "/lines/2/txt": "Unknown field.",
        "/colour": "Unknown field.",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 7),
        ("name", None),
        ("name", ["a"]),
        ("name", "a\u0000b"),
        ("name", "a\nb"),
        ("name", "\u0085"),
        ("name", "x" * 21),
        ("amount", 100),
        ("amount", "1.00"),
        ("amount", {"amount": "100", "currency": "USD"}),
        ("amount", {"amount": True, "currency": "USD"}),
        ("amount", {"amount": 2**53, "currency": "USD"}),
        ("amount", {"amount": 1e300, "currency": "USD"}),
        ("amount", {"amount": 10**400, "currency": "USD"}),
        ("amount", {"amount": 0, "currency": "USD"}),
        ("amount", {"amount": -1, "currency": "USD"}),
        ("amount", {"amount": 100}),
        ("amount", {"amount": 100, "currency": "USD", "rate": 1}),
        ("due_on", "31.01.2026"),
        ("due_on", "0001-01-01"),
        ("due_on", 20260131),
        ("lines", []),
        ("lines", [{"text": "a"}] * 4),
        ("lines", {"0": {"text": "a"}}),
    ],
    ids=repr,
)
def test_a_value_of_the_wrong_kind_is_refused_at_its_place(edge: Edge, company: Company, field: str, value: Any) -> None:
    answer = edge.call(company, "POST", THINGS, json={**THING, field: value})

    if field == "amount" and isinstance(value, dict) and value["amount"] == 10**400:
        assert answer.status_code in (400, 422)
    else:
        document = problem(answer, 422, "invalid-input")
        assert all(pointer.startswith(f"/{field}") for pointer in faults(document))
    assert edge.events(company) == 0


def test_a_whole_number_may_be_written_with_a_point(edge: Edge, company: Company) -> None:
    answer = edge.call(company, "POST", THINGS, json={**THING, "amount": {"amount": 12.0, "currency": "USD"}})

    assert answer.json()["amount"] == {"amount": 12, "currency": "USD"}


def test_text_is_trimmed(edge: Edge, company: Company) -> None:
    assert edge.call(company, "POST", THINGS, json={"name": "  apple "}).json()["name"] == "apple"


def test_a_body_that_is_too_large_is_refused_unread(edge: Edge, company: Company) -> None:
    answer = edge.call(company, "POST", THINGS, json={"name": "x" * 3000})

    problem(answer, 413, "request-entity-too-large")


def test_an_unknown_path_is_no_such_page(edge: Edge, company: Company) -> None:
    problem(edge.call(company, "GET", "/api/identity/nothing"), 404, "no-such-page")
    problem(edge.call(company, "GET", "/api/identity/things/a/b"), 404, "no-such-page")


def test_a_method_that_a_path_does_not_have_names_those_it_has(edge: Edge, company: Company) -> None:
    answer = edge.call(company, "DELETE", THINGS)

    problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"POST", "OPTIONS"}


def test_a_defect_tells_nothing_but_a_number_to_quote(edge: Edge, company: Company) -> None:
    answer = edge.call(company, "GET", "/api/identity/broken")

    document = problem(answer, 500, "internal-error")
    assert "hunter" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"] in document["detail"]


def test_a_refusal_of_one_kind_gives_the_problem_its_type_and_facts(edge: Edge, company: Company) -> None:
    document = problem(edge.call(company, "POST", "/api/identity/refused-things", json=THING), 422, "thing-refused")

    assert document["errors"] == [
        {
            "pointer": "/name",
            "detail": "The thing is refused after it was written.",
            "type": "/problems/thing-refused",
            "name": "apple",
        }
    ]


def test_what_is_refused_leaves_nothing_behind(edge: Edge, company: Company) -> None:
    edge.call(company, "POST", "/api/identity/refused-things", json=THING)

    assert edge.rows(company, "apple") == 0
    assert edge.events(company) == 0


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_what_the_database_wants_again_is_done_again_and_once(edge: Edge, company: Company, state: str) -> None:
    edge.failures = [state] * 3

    answer = edge.call(company, "POST", "/api/identity/shaky-things", json=THING)

    assert answer.status_code == 201
    assert (edge.rows(company, "apple"), edge.events(company)) == (1, 1)


def test_after_five_attempts_the_client_is_asked_to_try_again(edge: Edge, company: Company) -> None:
    edge.failures = ["40001"] * 5

    answer = edge.call(company, "POST", "/api/identity/shaky-things", json=THING)

    problem(answer, 503, "too-busy")
    assert answer.headers["Retry-After"] == "1"
    assert (edge.rows(company, "apple"), edge.events(company)) == (0, 0)


def test_a_lock_that_cannot_be_had_is_too_busy(edge: Edge, company: Company) -> None:
    edge.failures = ["55P03"]

    problem(edge.call(company, "POST", "/api/identity/shaky-things", json=THING), 503, "too-busy")


def test_a_constraint_of_ours_that_was_broken_shows_no_statement(edge: Edge, company: Company) -> None:
    edge.failures = ["23514"]

    answer = edge.call(company, "POST", "/api/identity/shaky-things", json=THING)

    problem(answer, 500, "internal-error")
    assert "inside" not in answer.text


def test_a_request_keeps_its_id_and_gets_one_where_it_has_none(edge: Edge, company: Company) -> None:
    given = edge.call(company, "GET", "/api/identity/things/x", headers={"X-Request-Id": "from-the-gateway-1"})
    made = edge.call(company, "GET", "/api/identity/things/x")

    assert given.headers["X-Request-Id"] == "from-the-gateway-1"
    assert made.headers["X-Request-Id"].startswith("req_")


@pytest.mark.parametrize("given", ["short", "x" * 65, "with blank", "line\tbreak", "semi;colon", "<script>"])
def test_a_request_id_that_could_mislead_a_log_is_replaced(edge: Edge, company: Company, given: str) -> None:
    answer = edge.call(company, "GET", "/api/identity/things/x", headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"].startswith("req_")


def test_answers_are_not_stored_on_the_way_nor_guessed_at(edge: Edge, company: Company) -> None:
    answer = edge.call(company, "GET", "/api/identity/things/x")

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/internal/status", "/internal/log", "/internal/proof", "/internal/events/evt_00000000000000000000000000"]
)
def test_what_services_ask_each_other_is_refused_to_people(edge: Edge, company: Company, path: str) -> None:
    problem(edge.call(company, "GET", path), 401, "unauthenticated")


def test_an_actor_named_in_a_header_is_nobody(edge: Edge, company: Company) -> None:
    headers = {"X-User-Id": "usr_boss", "X-Actor": "usr_boss", "X-Company-Id": "1", "X-Forwarded-User": "usr_boss"}

    answer = edge.call(company, "GET", "/api/identity/things/x", headers=headers)

    assert (answer.json()["actor"], answer.json()["company_id"]) == ("usr_test", company.id)


def test_the_process_says_that_it_lives_and_that_it_is_ready(edge: Edge, company: Company) -> None:
    assert edge.call(company, "GET", "/healthz").json() == {"status": "ok"}
    assert edge.call(company, "GET", "/readyz").json() == {"status": "ready"}
    assert "duebook_requests_total" in edge.call(company, "GET", "/metrics").text
