"""What clients were answered, against what is there: each way in which both can differ is a breach (A5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.ids import new_id
from shared.testing import usd, wire
from tests.product import Company, House
from tests.rig.breach import Breach
from tests.rig.checker import check
from tests.rig.conftest import settle
from tests.rig.harm import behind_the_back
from tests.rig.history import Attempt


class Client:
    """Sends writes and writes down what came back."""

    def __init__(self, company: Company):
        self.company = company
        self.attempts: list[Attempt] = []

    def send(self, path: str, body: Any, key: str | None = None) -> Attempt:
        key = key or new_id("idk")
        answer = self.company.call("POST", path, body, key=key)
        attempt = Attempt(path.split("/")[2], self.company.id, "POST", path, key, body, answer.status_code, answer.json())
        self.attempts.append(attempt)
        return attempt


@pytest.fixture
def client(books: House, told: tuple[Company, Company]) -> Client:
    """Has issued an invoice, tried it again, been refused one, and made a customer."""
    client = Client(books.company())
    customer = client.send("/api/billing/customers", {"name": "Greenfield"})
    books.pump()
    line = {"description": "Work", "quantity": "1", "unit_price": "50.00"}
    body = {"customer_id": customer.answer["id"], "issue": True, "lines": [line]}
    issued = client.send("/api/billing/invoices", body)
    assert issued.status == 201
    client.send("/api/billing/invoices", body, issued.key)
    assert client.send("/api/billing/invoices", {**body, "lines": []}).status == 422
    settle(books)
    return client


def a5(books: House, client: Client, attempts: list[Attempt]) -> list[Breach]:
    found = check(books.assembly.urls, settled=True, attempts=attempts, companies=[client.company.id])
    assert {breach.rule for breach in found} <= {"A5"}
    return found


def test_what_was_answered_is_there(books: House, client: Client) -> None:
    assert a5(books, client, client.attempts) == []


def test_an_answer_that_never_came_may_be_there_or_not(books: House, client: Client) -> None:
    lost = [replace(attempt, status=None, answer=None) for attempt in client.attempts[1:2]]
    never_arrived = replace(client.attempts[1], key="unheard", status=503)

    assert a5(books, client, [*lost, never_arrived]) == []


def test_what_was_acknowledged_and_is_not_there_is_a_breach(books: House, client: Client) -> None:
    (breach,) = a5(books, client, [replace(client.attempts[1], key="unheard")])

    assert "POST /api/billing/invoices under key unheard: it was answered 201 and is not there" in breach.what


def test_what_was_refused_and_is_there_is_a_breach(books: House, client: Client) -> None:
    (breach,) = a5(books, client, [replace(client.attempts[1], status=409)])

    assert "it was answered 409 and is there" in breach.what


def test_a_retry_that_is_answered_otherwise_is_a_breach(books: House, client: Client) -> None:
    other = replace(client.attempts[2], answer={**client.attempts[2].answer, "id": "inv_other"})

    (breach,) = a5(books, client, [*client.attempts, other])

    assert "it was answered 201 with {'id': 'inv_other'" in breach.what


def test_a_customer_that_was_acknowledged_and_is_not_there_is_a_breach(books: House, client: Client) -> None:
    (breach,) = a5(books, client, [replace(client.attempts[0], answer={"id": "cus_x"})])

    assert "customer cus_x was answered 201 and is told of 0 times" in breach.what


def test_a_fact_of_a_person_that_nobody_was_answered_is_a_breach(books: House, client: Client) -> None:
    """As of a request that ran twice, the first time without its key."""
    with behind_the_back(books, "billing", ["app.idempotency"], client.company, client.company) as harm:
        harm.do("delete from app.idempotency where company_id = %(company)s")
        found = a5(books, client, client.attempts)

    assert any("was stated by usr_test in a request without an answer" in breach.what for breach in found), found


def test_an_answer_whose_event_is_gone_is_a_breach(books: House, client: Client) -> None:
    with behind_the_back(books, "billing", ["app.idempotency"], client.company, client.company) as harm:
        harm.do(
            "update app.idempotency set headers = jsonb_build_object('Duebook-Event', 'billing:evt_gone') "
            "where company_id = %(company)s"
        )
        found = a5(books, client, client.attempts)

    assert any("its event billing:evt_gone is not in the log" in breach.what for breach in found), found


def test_a_write_that_was_done_twice_under_one_key_is_a_breach(books: House, client: Client) -> None:
    with behind_the_back(books, "billing", ["app.idempotency"], client.company, client.company) as harm:
        harm.do(
            "insert into app.idempotency select company_id, principal || '2', route, key, request_hash, status, headers, body, "
            "created_at from app.idempotency where company_id = %(company)s"
        )
        found = a5(books, client, client.attempts)

    assert any("it was done 2 times" in breach.what for breach in found), found


def test_money_objects_are_compared_as_they_are(books: House, client: Client) -> None:
    answer = client.attempts[1].answer
    assert answer["total"] == wire(usd("50.00"))

    found = a5(books, client, [replace(client.attempts[1], answer={**answer, "total": wire(usd("50.01"))})])

    assert len(found) == 1
