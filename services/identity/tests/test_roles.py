"""Roles: what they may hold, who may make them, and what a change does to those who hold them."""

from __future__ import annotations

from typing import Any

import pytest

from services.identity.roles.catalogue import PERMISSIONS
from services.identity.roles.domain import BUILT_IN_ROLES, beyond, covers, stands_for_something
from services.identity.tests.people import PASSWORD, add_person, sign_in
from shared.http.auth import Principal
from tests.product import Company

ROLES = "/api/identity/roles"


def make_role(company: Company, name: str = "helper", *permissions: str) -> dict[str, Any]:
    made: dict[str, Any] = company.post(ROLES, {"name": name, "permissions": list(permissions) or ["identity.role.read"]})
    return made


@pytest.mark.parametrize(
    ("held", "wanted", "covered"),
    [
        ("*", "*", True),
        ("*", "billing.*", True),
        ("*", "billing.invoice.issue", True),
        ("billing.*", "billing.invoice.*", True),
        ("billing.*", "billing.invoice.issue", True),
        ("billing.invoice.*", "billing.invoice.issue", True),
        ("billing.invoice.issue", "billing.invoice.issue", True),
        ("billing.*", "*", False),
        ("billing.invoice.*", "billing.*", False),
        ("billing.invoice.issue", "billing.invoice.*", False),
        ("billing.invoice.*", "billing.invoices.issue", False),
        ("billing.*", "billingx.invoice.issue", False),
        ("billing.invoice", "billing.invoice.issue", False),
        ("", "billing.invoice.issue", False),
    ],
)
def test_a_star_stands_for_all_below_it(held: str, wanted: str, covered: bool) -> None:
    assert covers({held}, wanted) is covered
    if "*" not in wanted:
        principal = Principal("usr_x", 1, frozenset({held}), issued_at=None, expires_at=0)  # type: ignore[arg-type]
        assert principal.may(wanted) is covered, "what is granted is what is allowed"


def test_beyond_lists_what_is_missing_sorted() -> None:
    assert beyond({"billing.*"}, ["payments.*", "billing.invoice.read", "*"]) == ["*", "payments.*"]


@pytest.mark.parametrize("pattern", ["billing.invoice.issue", "billing.invoice.*", "billing.*", "*"])
def test_a_pattern_stands_for_permissions_that_routes_need(pattern: str) -> None:
    assert stands_for_something(pattern, {"billing.invoice.issue"})


@pytest.mark.parametrize("pattern", ["billing.invoice", "billing.invoice.iss*", "billing.inv.*", "*.issue", "**", "", "bill.*"])
def test_a_pattern_that_stands_for_nothing(pattern: str) -> None:
    assert not stands_for_something(pattern, {"billing.invoice.issue"})


def test_the_built_in_roles_hold_what_routes_need() -> None:
    held = {pattern for patterns in BUILT_IN_ROLES.values() for pattern in patterns}

    assert [pattern for pattern in sorted(held) if not stands_for_something(pattern, PERMISSIONS)] == []


def test_a_company_begins_with_the_built_in_roles(company: Company) -> None:
    roles = company.get(ROLES)["items"]

    assert {role["name"]: role["permissions"] for role in roles if role["built_in"]} == BUILT_IN_ROLES


def test_a_company_makes_roles_of_its_own(company: Company) -> None:
    made = make_role(company, "helper", "identity.role.read", "identity.person.*")

    assert made == {"name": "helper", "permissions": ["identity.person.*", "identity.role.read"], "built_in": False}
    assert company.get(f"{ROLES}/helper") == made
    assert make_role(company, "helper", "identity.person.*", "identity.role.read") == made


def test_a_role_s_name_is_not_taken_twice(company: Company) -> None:
    make_role(company)

    company.refused(ROLES, {"name": "helper", "permissions": ["identity.person.read"]}, status=409, problem="role-exists")
    company.refused(ROLES, {"name": "owner", "permissions": ["identity.person.read"]}, status=409, problem="role-exists")


def test_every_fault_of_a_role_is_told_at_once(company: Company) -> None:
    body = {"name": "The Helper", "permissions": ["identity.role.read", "identity.role.eat", "nothing.*"]}

    refused = company.refused(ROLES, body, status=422, problem="invalid-input")

    assert [fault["pointer"] for fault in refused["errors"]] == ["/name", "/permissions/1", "/permissions/2"]


def test_a_role_holds_something(company: Company) -> None:
    company.refused(ROLES, {"name": "helper", "permissions": []}, status=422, problem="invalid-input")


def test_nobody_grants_more_than_they_may(company: Company) -> None:
    helper = company.may_only("identity.role.*", "identity.person.read")

    for pattern in ("*", "identity.*", "identity.person.*", "identity.person.create"):
        body = {"name": "mighty", "permissions": ["identity.role.read", pattern]}
        refused = helper.refused(ROLES, body, status=403, problem="grant-beyond-own")
        assert refused["permissions"] == [pattern]


def test_nobody_changes_a_role_that_may_more_than_they(company: Company) -> None:
    make_role(company, "mighty", "identity.*")

    company.may_only("identity.role.*").refused(
        f"{ROLES}/mighty", {"permissions": ["identity.role.read"]}, method="PATCH", status=403, problem="grant-beyond-own"
    )


def test_a_built_in_role_stays_as_it_is(company: Company) -> None:
    company.refused(f"{ROLES}/clerk", {"permissions": ["identity.*"]}, method="PATCH", status=409, problem="role-built-in")


def test_an_unknown_role_is_not_found(company: Company) -> None:
    company.refused(f"{ROLES}/king", method="GET", status=404, problem="role-not-found")
    company.refused(f"{ROLES}/king", {"permissions": ["identity.*"]}, method="PATCH", status=404, problem="role-not-found")


def test_a_role_of_another_company_is_not_found(company: Company) -> None:
    make_role(company)
    other = company.house.company(name="Other")

    other.refused(f"{ROLES}/helper", method="GET", status=404, problem="role-not-found")
    other.refused(f"{ROLES}/helper", {"permissions": ["identity.*"]}, method="PATCH", status=404, problem="role-not-found")
    assert "helper" not in [role["name"] for role in other.get(ROLES)["items"]]


def test_a_changed_role_holds_for_everybody_who_has_it_from_the_next_request_on(company: Company) -> None:
    make_role(company, "helper", "identity.role.read", "identity.person.read")
    person = add_person(company, "helper")
    other = add_person(company, "owner")
    api_key = company.post("/api/identity/api-keys", {"name": "till", "role": "helper"})["api_key"]
    before = [sign_in(company, email=person["email"], password=PASSWORD), sign_in(company, api_key=api_key)]
    untouched = sign_in(company, email=other["email"], password=PASSWORD)

    changed = company.call("PATCH", f"{ROLES}/helper", {"permissions": ["identity.role.read"]})
    company.house.pump()

    assert changed.json()["permissions"] == ["identity.role.read"]
    for token in before:
        token.refused(ROLES, method="GET", status=401, problem="unauthenticated")
    untouched.get(ROLES)
    for after in (sign_in(company, email=person["email"], password=PASSWORD), sign_in(company, api_key=api_key)):
        after.get(ROLES)
        after.refused("/api/identity/people", method="GET", status=403, problem="permission-missing")


def test_a_company_has_at_most_a_hundred_roles(company: Company) -> None:
    for number in range(100 - len(BUILT_IN_ROLES)):
        company.post(ROLES, {"name": f"helper-{number}", "permissions": ["identity.role.read"]}, pump=False)

    company.refused(ROLES, {"name": "one-more", "permissions": ["identity.role.read"]}, status=409, problem="too-many-roles")


def test_the_permissions_that_there_are_can_be_read(company: Company) -> None:
    assert company.get("/api/identity/permissions")["items"] == sorted(PERMISSIONS)
