"""S3: the role matrix. docs/roles.md says for each route which built-in role may call it; here people who signed in in each role
call every route. Allowed is whatever is not answered 401 or 403."""

from __future__ import annotations

import pytest

from services.identity.roles.domain import BUILT_IN_ROLES
from tests.house.code import ROOT, Route
from tests.house.role_matrix import FOR_THE_INSTALLATION, read
from tests.house.test_access import address
from tests.product import House
from tests.security.books import PASSWORD, Books
from tests.security.examples import GUARDED

pytestmark = pytest.mark.matrix("S3", times=500)

MATRIX = read((ROOT / "docs" / "roles.md").read_text())


@pytest.fixture(scope="module")
def people(shared_house: House) -> dict[str, tuple[int, str, list[str]]]:
    """Role -> company, person and permissions of somebody who signed in."""
    books = Books(shared_house)
    found = {}
    for role in BUILT_IN_ROLES:
        person = books.person(role)
        client = shared_house.peers["identity"].client("identity")
        answer = client.post("/api/identity/tokens", json={"email": person["email"], "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        found[role] = (books.company.id, person["id"], answer.json()["permissions"])
    return found


def status(house: House, route: Route, token: str | None) -> int:
    headers = {"Idempotency-Key": "tried"} | ({"Authorization": f"Bearer {token}"} if token else {})
    client = house.peers["identity"].client(route.service)
    body = None if route.method == "GET" or str(route) in FOR_THE_INSTALLATION else {}
    return client.request(route.method, address(route), json=body, headers=headers).status_code


def test_the_matrix_has_every_route_and_every_role() -> None:
    assert sorted(MATRIX) == sorted(map(str, GUARDED)), "run: python -m tests.house.export"
    assert {tuple(row) for row in MATRIX.values()} == {tuple(BUILT_IN_ROLES)}


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_route_is_open_to_the_roles_that_the_matrix_says(
    route: Route, shared_house: House, people: dict[str, tuple[int, str, list[str]]]
) -> None:
    answered = {
        role: status(shared_house, route, shared_house.token(company, permissions, person))
        for role, (company, person, permissions) in people.items()
    }

    assert {role: code not in (401, 403) for role, code in answered.items()} == MATRIX[str(route)], answered
    assert max(answered.values()) < 500, answered
    assert status(shared_house, route, None) == 401
