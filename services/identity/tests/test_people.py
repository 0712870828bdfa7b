"""People: who signs in, in which role, and who decides over whom."""

from __future__ import annotations

from typing import Any

import pytest

from services.identity.people.domain import NOBODYS_HASH, is_email
from services.identity.people.domain import _hasher as hasher
from services.identity.tests.people import PASSWORD, add_person, email, sign_in, try_to_sign_in
from shared.ids import new_id
from tests.product import Company

PEOPLE = "/api/identity/people"
OTHER_PASSWORD = "another horse battery"


def change(company: Company, person: dict[str, str], **given: Any) -> None:
    answer = company.call("PATCH", f"{PEOPLE}/{person['id']}", given)
    assert answer.status_code == 200, answer.text
    company.house.pump()


def trail(company: Company, person: dict[str, str]) -> list[dict[str, Any]]:
    return company.get(f"/api/identity/changes?table=app.person&key={person['id']}")["items"]


def test_a_person_signs_in_with_the_permissions_of_their_role(company: Company) -> None:
    person = add_person(company, "viewer")

    viewer = sign_in(company, email=person["email"], password=PASSWORD)

    assert viewer.get(f"/api/identity/companies/{company.id}")["name"] == "Greenfield Supply"
    viewer.refused(PEOPLE, method="GET", status=403, problem="permission-missing")


def test_a_person_is_made_once_by_the_client_s_id(company: Company) -> None:
    body = {"id": new_id("usr"), "email": email(), "name": "Ann", "role": "clerk", "password": PASSWORD}

    assert company.post(PEOPLE, body) == company.post(PEOPLE, body)
    company.refused(PEOPLE, {**body, "name": "Bob"}, status=409, problem="person-exists")
    company.refused(PEOPLE, {**body, "password": OTHER_PASSWORD}, status=409, problem="person-exists")


def test_one_address_is_one_person_in_the_installation_whatever_its_case(company: Company) -> None:
    person = add_person(company)
    body = {"email": person["email"].upper(), "name": "Ann", "role": "clerk", "password": PASSWORD}

    company.refused(PEOPLE, body, status=409, problem="email-taken")
    company.house.company(name="Other").refused(PEOPLE, body, status=409, problem="email-taken")


def test_every_fault_of_a_new_person_is_told_at_once(company: Company) -> None:
    body = {"email": "ann at example.com", "name": "Ann", "role": "king", "password": "short"}

    refused = company.refused(PEOPLE, body, status=422, problem="invalid-input")

    assert {fault["pointer"]: fault["type"] for fault in refused["errors"]} == {
        "/email": "/problems/email-unfit",
        "/password": "/problems/password-unfit",
        "/role": "/problems/role-unknown",
    }


@pytest.mark.parametrize(
    "text", ["ann", "@example.com", "ann@", "ann@host", "a b@example.com", "ann@ex_ample.com", "änn@example.com", "a@b.c\n"]
)
def test_what_is_no_address(text: str) -> None:
    assert not is_email(text)


@pytest.mark.parametrize("text", ["ann@example.com", "ann.o'neil+books@mail.example.co.uk", "a@b.cd"])
def test_what_is_an_address(text: str) -> None:
    assert is_email(text)


def test_the_address_is_no_password(company: Company) -> None:
    address = email()
    body = {"email": address, "name": "Ann", "role": "clerk", "password": address}

    company.refused(PEOPLE, body, status=422, problem="password-unfit")


def test_a_password_may_begin_and_end_with_a_blank(company: Company) -> None:
    person = add_person(company, password=" twelve or more ")

    assert try_to_sign_in(company.house, email=person["email"], password="twelve or more").status_code == 401
    assert try_to_sign_in(company.house, email=person["email"], password=" twelve or more ").status_code == 200


@pytest.mark.parametrize(
    "given", [{"role": "viewer"}, {"active": False}, {"password": OTHER_PASSWORD}], ids=lambda given: next(iter(given))
)
def test_what_changes_a_person_s_rights_ends_their_tokens(company: Company, given: dict[str, Any]) -> None:
    person = add_person(company)
    clerk = sign_in(company, email=person["email"], password=PASSWORD)
    clerk.get(f"/api/identity/companies/{company.id}")

    change(company, person, **given)

    refused = clerk.refused(f"/api/identity/companies/{company.id}", method="GET", status=401, problem="unauthenticated")
    assert "withdrawn" in refused["detail"]


def test_a_token_got_right_after_a_change_counts(company: Company) -> None:
    person = add_person(company)

    for role in ("viewer", "clerk", "viewer"):
        change(company, person, role=role)
        signed_in = sign_in(company, email=person["email"], password=PASSWORD)
        signed_in.get(f"/api/identity/companies/{company.id}")


def test_each_of_two_changes_in_one_second_ends_the_tokens_before_it(company: Company) -> None:
    person = add_person(company)
    change(company, person, role="viewer")
    between = sign_in(company, email=person["email"], password=PASSWORD)

    change(company, person, role="clerk")

    between.refused(f"/api/identity/companies/{company.id}", method="GET", status=401, problem="unauthenticated")


def test_a_new_name_leaves_the_tokens_alone(company: Company) -> None:
    person = add_person(company)
    clerk = sign_in(company, email=person["email"], password=PASSWORD)

    change(company, person, name="Ann Miller")

    clerk.get(f"/api/identity/companies/{company.id}")
    assert trail(company, person)[0]["after"]["name"] == "Ann Miller"


def test_an_inactive_person_is_refused_like_a_stranger(company: Company) -> None:
    person = add_person(company)
    change(company, person, active=False)

    refused = try_to_sign_in(company.house, email=person["email"], password=PASSWORD)
    stranger = try_to_sign_in(company.house, email=email(), password=PASSWORD)

    assert refused.status_code == stranger.status_code == 401
    assert {**refused.json(), "instance": ""} == {**stranger.json(), "instance": ""}


def test_a_new_password_is_the_only_one(company: Company) -> None:
    person = add_person(company)

    change(company, person, password=OTHER_PASSWORD)

    assert try_to_sign_in(company.house, email=person["email"], password=PASSWORD).status_code == 401
    assert try_to_sign_in(company.house, email=person["email"], password=OTHER_PASSWORD).status_code == 200


def test_the_audit_trail_tells_of_a_new_password_and_holds_no_hash(company: Company) -> None:
    person = add_person(company)

    change(company, person, password=OTHER_PASSWORD)

    changes = trail(company, person)
    assert [entry["action"] for entry in changes] == ["update", "insert"]
    assert changes[0]["before"]["valid_after"] != changes[0]["after"]["valid_after"]
    assert "argon2" not in str(changes)


def test_everybody_changes_their_own_password_by_the_present_one(company: Company) -> None:
    person = add_person(company, "viewer")
    viewer = sign_in(company, email=person["email"], password=PASSWORD)
    new = {"present_password": PASSWORD, "new_password": OTHER_PASSWORD}

    viewer.refused(
        "/api/identity/own-password", {**new, "present_password": "a guess at it"}, status=422, problem="password-wrong"
    )
    viewer.refused("/api/identity/own-password", {**new, "new_password": "short"}, status=422, problem="password-unfit")
    assert viewer.call("POST", "/api/identity/own-password", new).status_code == 204
    company.house.pump()

    viewer.refused(f"/api/identity/companies/{company.id}", method="GET", status=401, problem="unauthenticated")
    sign_in(company, email=person["email"], password=OTHER_PASSWORD)


def test_guesses_at_the_own_password_are_limited(company: Company) -> None:
    person = add_person(company, "viewer")
    viewer = sign_in(company, email=person["email"], password=PASSWORD)
    guess = {"present_password": "a guess at it", "new_password": OTHER_PASSWORD}

    for _ in range(5):
        viewer.refused("/api/identity/own-password", guess, status=422, problem="password-wrong")
    viewer.refused("/api/identity/own-password", guess, status=429, problem="too-many-sign-ins")


def test_nobody_makes_a_person_who_may_more(company: Company) -> None:
    helper = company.may_only("identity.person.create", "billing.*", "payments.*")
    body = {"email": email(), "name": "Ann", "role": "owner", "password": PASSWORD}

    refused = helper.refused(PEOPLE, body, status=403, problem="grant-beyond-own")

    assert refused["permissions"] == ["*"]


@pytest.mark.parametrize(
    "given",
    [{"role": "clerk"}, {"active": False}, {"password": OTHER_PASSWORD}, {"name": "Bob"}],
    ids=lambda given: next(iter(given)),
)
def test_nobody_decides_over_a_person_who_may_more(company: Company, given: dict[str, Any]) -> None:
    owner = add_person(company, "owner")
    helper = company.may_only("identity.*", "billing.*", "payments.*", "banking.*", "ledger.*")

    helper.refused(f"{PEOPLE}/{owner['id']}", given, method="PATCH", status=403, problem="grant-beyond-own")


@pytest.mark.parametrize("given", [{"role": "clerk"}, {"active": False}], ids=lambda given: next(iter(given)))
def test_nobody_takes_their_own_rights_away(company: Company, given: dict[str, Any]) -> None:
    person = add_person(company, "owner")
    owner = sign_in(company, email=person["email"], password=PASSWORD)

    owner.refused(f"{PEOPLE}/{person['id']}", given, method="PATCH", status=409, problem="own-access")


def test_an_unknown_role_is_refused_with_its_place(company: Company) -> None:
    person = add_person(company)

    refused = company.refused(f"{PEOPLE}/{person['id']}", {"role": "king"}, method="PATCH", status=422, problem="role-unknown")

    assert refused["errors"][0]["pointer"] == "/role"


@pytest.mark.parametrize("field", ["id", "email", "company_id", "valid_after", "created_at", "password_hash"])
def test_a_change_takes_no_other_field(company: Company, field: str) -> None:
    person = add_person(company)
    before = len(trail(company, person))

    company.refused(f"{PEOPLE}/{person['id']}", {field: "x"}, method="PATCH", status=422, problem="invalid-input")

    assert len(trail(company, person)) == before


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_person_of_another_company_is_not_found(company: Company, method: str) -> None:
    person = add_person(company)
    other = company.house.company(name="Other")

    other.refused(
        f"{PEOPLE}/{person['id']}",
        None if method == "GET" else {"name": "Mine"},
        method=method,
        status=404,
        problem="person-not-found",
    )
    assert other.get(PEOPLE)["items"] == []


def test_people_are_listed_by_role_and_activity(company: Company) -> None:
    clerk, viewer = add_person(company, "clerk"), add_person(company, "viewer")
    change(company, viewer, active=False)

    assert [person["id"] for person in company.get(PEOPLE, role="clerk")["items"]] == [clerk["id"]]
    assert [person["id"] for person in company.get(PEOPLE, active="false")["items"]] == [viewer["id"]]
    assert "password" not in str(company.get(PEOPLE))


def test_nobody_s_hash_takes_as_long_as_a_real_one() -> None:
    assert not hasher.check_needs_rehash(NOBODYS_HASH)
