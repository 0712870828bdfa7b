"""S16: every write leaves a trail of who did it, in its own transaction: a fact in the log, or an entry in the audit trail."""

from __future__ import annotations

import pytest

from shared.ids import new_id
from tests.house.code import Route
from tests.product import House
from tests.security.books import Books
from tests.security.examples import EXAMPLES, WRITES, ask

CAUSED = """
    select body::json ->> 'actor', event_id, xmin::text from log.event where body::json ->> 'correlationid' = %(request)s
    union all select actor, table_name || ' ' || row_key, xmin::text from audit.change where correlation_id = %(request)s
"""

pytestmark = pytest.mark.matrix("S16", times=50)
TWICE = {"PATCH /api/identity/people/<id>": "what was changed, and that the tokens held were withdrawn"}
"""Where one row has two entries, and why."""


@pytest.fixture(scope="module")
def books(shared_house: House) -> Books:
    return Books(shared_house)


@pytest.mark.parametrize("route", WRITES, ids=str)
def test_every_write_names_who_did_it(books: Books, route: Route) -> None:
    for example in EXAMPLES[str(route)]:
        asked, request_id = example(books), new_id("req")

        answer = ask(books, route, asked, **{"X-Request-Id": request_id, "X-Actor": "usr_forged", "X-User-Id": "usr_forged"})

        assert answer.status_code in (200, 201, 202, 204), answer.text
        with books.house.owner(route.service) as owner:
            caused = owner.execute(CAUSED, {"request": request_id}).fetchall()
        assert caused, "neither a fact nor an entry: pass the table to protect() with audited_by"
        assert {actor for actor, _, _ in caused} == {asked.actor}
        assert len({transaction for _, _, transaction in caused}) == 1
        if str(route) not in TWICE:
            assert len({what for _, what, _ in caused}) == len(caused), "one entry for each row"


def test_the_replacement_of_keys_is_one_entry_that_tells_nothing_private(books: Books) -> None:
    (route,) = (route for route in WRITES if route.rule == "/api/identity/signing-keys/replace")
    request_id = new_id("req")
    before = ask(books, route, EXAMPLES[str(route)][0](books)).json()["keys"]

    after = ask(books, route, EXAMPLES[str(route)][0](books), **{"X-Request-Id": request_id}).json()["keys"]

    with books.house.owner("identity") as owner:
        entries = owner.execute(
            "select company_id, action, before, after from audit.change where correlation_id = %s", (request_id,)
        ).fetchall()
    kids = [{"keys": [key["kid"] for key in keys]} for keys in (before, after)]
    assert entries == [(0, "replace", *kids)]


def test_a_retry_of_parked_events_is_one_entry_however_long_the_job_takes(books: Books) -> None:
    (route,) = (route for route in WRITES if route.rule == "/api/banking/parked-events/retry")
    request_id = new_id("req")
    ask(books, route, EXAMPLES[str(route)][0](books), **{"X-Request-Id": request_id})
    books.house.pump(["banking"])

    with books.house.owner("banking") as owner:
        (asked_for,) = owner.execute(
            "select row_key, action, after ->> 'kind' from audit.change where correlation_id = %s", (request_id,)
        ).fetchall()
        (later,) = owner.execute(
            "select count(*) from audit.change where row_key = %s and correlation_id <> %s", (asked_for[0], request_id)
        ).fetchall()
    assert asked_for[1:] == ("insert", "retry-parked")
    assert later == (0,)
