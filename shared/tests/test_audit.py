"""The audit trail: who changed what, from where, with before and after, in the same transaction."""

from __future__ import annotations

from typing import Any

import pytest

from shared.tests.edge import new_company
from tests.product import Company

ROLES = "/api/identity/roles"


def trail(company: Company, table: str, key: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = company.get(f"/api/identity/changes?table={table}&key={key}")["items"]
    return items


def write_role(company: Company, name: str = "helper", **headers: str) -> None:
    answer = company.call("POST", ROLES, {"name": name, "permissions": ["identity.role.read"]}, headers=headers)
    assert answer.status_code == 201, answer.text


def test_each_write_leaves_one_entry_with_before_and_after(company: Company) -> None:
    write_role(company)
    company.call("PATCH", f"{ROLES}/helper", {"permissions": ["identity.person.read"]})

    last, first = trail(company, "app.role", "helper")

    assert (first["action"], first["before"], first["after"]["permissions"]) == ("insert", None, ["identity.role.read"])
    assert (last["action"], last["before"], last["after"]["permissions"]) == ("update", first["after"], ["identity.person.read"])
    assert first["at"] <= last["at"]


def test_the_actor_is_the_token_s_whatever_the_headers_say(company: Company) -> None:
    write_role(company, **{"X-User-Id": "usr_boss", "X-Actor": "usr_boss", "X-Request-Id": "request-of-the-test"})

    (entry,) = trail(company, "app.role", "helper")

    assert entry["actor"] == "usr_test"
    assert entry["correlation_id"] == "request-of-the-test"
    assert entry["address"] == "127.0.0.1"


def test_the_actor_cannot_be_sent_in_the_body(company: Company) -> None:
    body = {"name": "helper", "permissions": ["identity.role.read"], "actor": "usr_boss"}

    company.refused(ROLES, body, status=422, problem="invalid-input")


def test_what_is_refused_leaves_no_entry(company: Company) -> None:
    company.may_only("identity.role.*").refused(
        ROLES, {"name": "helper", "permissions": ["*"]}, status=403, problem="grant-beyond-own"
    )

    assert trail(company, "app.role", "helper") == []


def test_a_change_that_changes_nothing_leaves_no_entry(company: Company) -> None:
    write_role(company)
    with company.house.owner("identity") as owner:
        owner.execute("update app.role set name = name where company_id = %s", (company.id,))

    assert len(trail(company, "app.role", "helper")) == 1


@pytest.mark.parametrize("table", ["app.role", "app.person", "audit.change", "x'; drop table audit.change; --"])
def test_a_trail_shows_nothing_of_another_company(company: Company, table: str) -> None:
    write_role(company)
    other = new_company(company.house)

    assert other.call("GET", "/api/identity/changes?key=helper&table=" + table).json() == {"items": []}


def test_the_trail_is_read_with_a_permission_of_its_own(company: Company) -> None:
    company.may_only("identity.role.read").refused(
        "/api/identity/changes?table=app.role&key=helper", method="GET", status=403, problem="permission-missing"
    )
