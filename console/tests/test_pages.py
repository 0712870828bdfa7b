"""The pages over services that answer, over one that does not, and over real ones."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient

from console.app import create_console

SPEC = {
    "info": {"title": "Duebook billing", "version": "v1", "description": "Invoices & what they owe."},
    "paths": {"/api/billing/invoices": {"post": {"summary": "Issue <b>one</b>", "x-permission": "billing.invoice.issue"}}},
    "x-problems": [{"code": "period-closed", "status": 422, "title": "The period is closed.", "rule": "BR-GL-1"}],
}


def console(ready: int = 200, spec: Any = SPEC, names: tuple[str, ...] = ("billing",)) -> FlaskClient:
    """A console over services that all answer alike; `spec` None: no OpenAPI document."""
    service = Flask("service")
    state = {"status": "ready"} if ready == 200 else {"status": "not ready", "reason": "the database does not answer"}
    service.add_url_rule("/readyz", "readyz", lambda: (state, ready))
    if spec is not None:
        service.add_url_rule("/api/billing/openapi.json", "spec", lambda: spec)
    client = httpx.Client(transport=httpx.WSGITransport(app=service), base_url="http://billing")
    return create_console(lambda _: client, names).test_client()


def test_the_front_page_says_what_is_ready_and_how_to_go_on() -> None:
    page = console().get("/", base_url="http://books.example:8080").text

    assert "1 of 1 ready" in page
    assert "TOKEN=$(duebook token)" in page
    assert "http://books.example:8080/api/billing/aging?as_of=$(date +%F)&amp;basis=due" in page
    assert "duebook import receivables" in page


def test_a_service_that_is_not_ready_is_named_with_its_reason() -> None:
    page = console(ready=503).get("/").text

    assert "1 of 1 services is not ready." in page
    assert "The database does not answer." in page


def test_the_installation_is_ready_when_every_service_is() -> None:
    ready, waiting = console().get("/readyz"), console(ready=503).get("/readyz")

    assert (ready.status_code, ready.json) == (200, {"status": "ready", "waiting_for": []})
    assert (waiting.status_code, waiting.json) == (503, {"status": "not ready", "waiting_for": ["billing"]})


def test_a_service_that_does_not_answer_leaves_the_front_page_standing() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = httpx.Client(transport=httpx.MockTransport(refuse), base_url="http://billing")
    pages = create_console(lambda _: client, ["billing"]).test_client()

    assert "It does not answer." in pages.get("/").text
    answer = pages.get("/docs/billing")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_text_of_a_document_is_escaped() -> None:
    page = console().get("/docs/billing").text

    assert "Issue &lt;b&gt;one&lt;/b&gt;" in page
    assert "Invoices &amp; what they owe." in page


def test_a_document_that_is_none_is_a_service_that_does_not_answer() -> None:
    assert console(spec=None).get("/docs/billing").status_code == 503
    assert console(spec=["no", "document"]).get("/docs/billing").status_code == 503


def test_the_type_of_a_problem_is_a_page() -> None:
    pages = console()

    assert "The period is closed." in pages.get("/problems/period-closed").text
    assert pages.get("/problems/never-heard-of").status_code == 404


@pytest.mark.parametrize("path", ["/nowhere", "/docs/nothing", "/static/nothing.css", "/api/billing", "/docs/../etc/passwd"])
def test_what_is_not_there_is_a_page_that_says_so(path: str) -> None:
    answer = console().get(path)

    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_pages_only_answer_reads() -> None:
    answer = console().post("/")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_every_answer_carries_the_security_headers_and_no_page_needs_script_or_inline_style() -> None:
    pages = console()

    for path in ("/", "/docs", "/docs/billing", "/problems/period-closed", "/nowhere"):
        answer = pages.get(path)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'; script-src 'none'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", answer.text), path


def test_static_files_are_kept_for_a_year_under_an_address_that_names_their_content() -> None:
    pages = console()
    address = re.search(r'href="(/static/base\.css\?v=[0-9a-f]{12})"', pages.get("/").text)
    assert address

    with pages.get(address[1]) as named, pages.get("/static/base.css") as plain:
        assert "immutable" in named.headers["Cache-Control"]
        assert plain.headers["Cache-Control"] == "no-store"


def test_ids_of_a_page_are_unique_and_every_link_within_it_leads_somewhere() -> None:
    page = console().get("/docs/billing").text
    ids = re.findall(r'\sid="([^"]+)"', page)

    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
