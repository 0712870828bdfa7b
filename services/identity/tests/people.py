"""People for the tests: made by an owner, signed in with their own password."""

from __future__ import annotations

import httpx

from shared.ids import new_id
from tests.product import Company, House

PASSWORD = "correct horse battery"


def email(name: str = "ann") -> str:
    """An address that is nobody's yet."""
    return f"{name}.{new_id('t')[-12:]}@example.com"


def add_person(company: Company, role: str = "clerk", password: str = PASSWORD) -> dict[str, str]:
    """Somebody of the company, as the API answers them."""
    body = {"email": email(), "name": "Ann", "role": role, "password": password}
    person: dict[str, str] = company.post("/api/identity/people", body)
    return person


def try_to_sign_in(house: House, address: str = "198.51.100.1", **given: str) -> httpx.Response:
    """The answer to a sign-in from this network address."""
    app = house.assembly.app("identity")
    with httpx.Client(transport=httpx.WSGITransport(app=app, remote_addr=address), base_url="http://identity") as client:
        return client.post("/api/identity/tokens", json=given)


def sign_in(company: Company, **given: str) -> Company:
    """The same company through the one who signs in."""
    answer = try_to_sign_in(company.house, **given)
    assert answer.status_code == 200, answer.text
    token = answer.json()["token"]
    return Company(company.house, company.id, company.currency, ("as signed in",), {("as signed in",): token})
