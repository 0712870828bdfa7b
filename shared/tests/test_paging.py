"""Lists: whole, in order, by cursor; nothing but what is allowed reaches the database."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from shared.http.paging import LONGEST_PAGE
from shared.tests.edge import new_company
from tests.product import Company

KEYS = "/api/identity/api-keys"
INJECTIONS = [
    "'",
    "';--",
    "' or '1'='1",
    "x') or true --",
    "%",
    "\\",
    "(select 1)",
    "name; drop table app.person",
    "\u0000",
    "{}",
    "$1",
    "%s",
]


@pytest.fixture
def keys(company: Company) -> Company:
    """A company with seven API keys, of which two have the same name."""
    for name in ("b", "a", "c", "b", "e", "d", "f"):
        company.post(KEYS, {"name": name, "role": "viewer"}, pump=False)
    return company


def names(page: dict[str, Any]) -> str:
    return "".join(item["name"] for item in page["items"])


def through(company: Company, **query: Any) -> list[dict[str, Any]]:
    """Every item, page by page."""
    found: list[dict[str, Any]] = []
    cursor = None
    for _ in range(20):
        page = company.get(KEYS, **query, **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the pages never end")


def opened(cursor: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def closed(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 200])
@pytest.mark.parametrize(("sort", "order"), [("name", "abbcdef"), ("-name", "fedcbba"), ("created_at", "bacbedf")])
def test_pages_together_are_the_whole_list_in_order(keys: Company, sort: str, order: str, limit: int) -> None:
    items = through(keys, sort=sort, limit=limit)

    assert "".join(item["name"] for item in items) == order
    assert len({item["id"] for item in items}) == 7, "no item twice, also where the sort has equals"


def test_what_comes_in_between_shifts_no_page(keys: Company) -> None:
    first = keys.get(KEYS, sort="name", limit=3)
    keys.post(KEYS, {"name": "a", "role": "viewer"}, pump=False)

    second = keys.get(KEYS, sort="name", limit=3, cursor=first["next_cursor"])

    assert (names(first), names(second)) == ("abb", "cde")


def test_a_filter_holds_on_every_page(keys: Company) -> None:
    keys.post(KEYS, {"name": "z", "role": "clerk"}, pump=False)

    assert len(through(keys, role="viewer", limit=2)) == 7
    assert names(keys.get(KEYS, role="clerk")) == "z"


@pytest.mark.parametrize("limit", [0, -1, LONGEST_PAGE + 1, 10**9, 10**30, "ten", "", "1.5"])
def test_a_page_has_at_most_two_hundred_items(company: Company, limit: Any) -> None:
    refused = company.refused(f"{KEYS}?limit={limit}", method="GET", status=422, problem="invalid-input")

    assert refused["errors"][0]["pointer"] == "/limit"


@pytest.mark.parametrize("sort", ["secret_hash", "role", "NAME", "name desc", "--name", "", "name,created_at", *INJECTIONS])
def test_a_sort_is_one_of_a_few(company: Company, sort: str) -> None:
    refused = company.refused(KEYS, method="GET", status=422, problem="invalid-input", sort=sort)

    assert refused["errors"] == [
        {
            "pointer": "/sort",
            "detail": "must be one of: name, -name, created_at, -created_at",
            "type": "/problems/invalid",
        }
    ]


@pytest.mark.parametrize("value", INJECTIONS)
def test_a_filter_s_value_is_a_value(keys: Company, value: str) -> None:
    answer = keys.call("GET", KEYS, role=value)

    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert answer.json()["items"] == []


def test_an_unknown_parameter_is_refused(company: Company) -> None:
    company.refused(KEYS, method="GET", status=422, problem="invalid-input", page="2")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!!",
        "AAAA",
        "é",
        closed([]),
        closed({}),
        closed(None),
        closed("name"),
        closed(["name", "b"]),
        closed(["name", 7, "apk_1"]),
        closed(["name", None, "apk_1"]),
        closed(["name", ["b"], "apk_1"]),
        closed(["name", "b", "apk_1", "more"]),
        closed(["created_at", "b", "apk_1"]),
        closed(["-name", "b", "apk_1"]),
        closed(["name", "b", 7]),
        closed(["name", "b", None]),
        closed(["name", "b", {"x": 1}]),
        closed(["name", "b\u0000", "apk_1"]),
        closed(["name", "b", "apk_\u0000"]),
        "x" * 1001,
    ],
    ids=lambda cursor: cursor[:12],
)
def test_a_cursor_that_is_not_ours_is_refused(keys: Company, cursor: str) -> None:
    answer = keys.call("GET", KEYS, sort="name", cursor=cursor)

    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] in ("/problems/cursor-unusable", "/problems/invalid-input", "/problems/value-unacceptable")


@pytest.mark.parametrize("value", ["yesterday", "2026-13-01T00:00:00+00:00", 7, None, ["x"]])
def test_a_cursor_with_an_instant_that_is_none_is_refused(keys: Company, value: Any) -> None:
    keys.refused(
        KEYS,
        method="GET",
        status=422,
        problem="cursor-unusable",
        sort="created_at",
        cursor=closed(["created_at", value, "apk_1"]),
    )


@pytest.mark.parametrize("key", INJECTIONS)
def test_a_cursor_s_values_are_values(keys: Company, key: str) -> None:
    answer = keys.call("GET", KEYS, sort="name", cursor=closed(["name", key, key]))

    assert answer.status_code in (200, 422)


def test_a_cursor_of_another_sort_is_refused(keys: Company) -> None:
    cursor = keys.get(KEYS, sort="name", limit=2)["next_cursor"]

    keys.refused(KEYS, method="GET", status=422, problem="cursor-unusable", sort="-name", cursor=cursor)


def test_a_cursor_opens_nothing_of_another_company(keys: Company) -> None:
    cursor = keys.get(KEYS, sort="name", limit=2)["next_cursor"]
    other = new_company(keys.house)

    assert other.get(KEYS, sort="name", cursor=cursor)["items"] == []


def test_an_empty_list_is_a_page(company: Company) -> None:
    assert company.get(KEYS) == {"items": [], "next_cursor": None}
