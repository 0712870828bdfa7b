"""S17: what services ask of each other is answered to services only: never without their token, never to a person's token,
and a service's token opens nothing else."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt
import pytest

from shared.ids import new_id
from shared.peers import INTERNAL_AUDIENCE
from tests.house.code import Route, routes
from tests.product import SECRET, Company, House
from tests.security.books import service_token
from tests.security.examples import GUARDED

pytestmark = pytest.mark.matrix("S17", times=100)

INTERNAL = [route for route in routes() if route.rule.startswith("/internal/")]
QUERY = {"/internal/log": {"after": "0"}, "/internal/proof": {"company": "1"}}
CLAIMS = {"sub": "service:ledger", "aud": INTERNAL_AUDIENCE}


@pytest.fixture(scope="module")
def someone(shared_house: House) -> Company:
    return shared_house.company()


def ask(house: House, route: Route, token: str | None, **headers: str) -> httpx.Response:
    sent = ({"Authorization": f"Bearer {token}"} if token is not None else {}) | headers
    path = route.rule.replace("<event_id>", new_id("evt"))
    return house.peers["identity"].client(route.service).request(route.method, path, params=QUERY.get(route.rule), headers=sent)


def tokens(someone: Company) -> dict[str, str | None]:
    now = int(time.time())

    def signed(secret: str = SECRET, **claims: Any) -> str:
        return jwt.encode({**CLAIMS, "iat": now, "exp": now + 60, **claims}, secret, algorithm="HS256")

    unsigned = jwt.encode({**CLAIMS, "exp": now + 60}, None, algorithm="none")
    return {
        "none": None,
        "empty": "",
        "a person's": someone.token(),
        "the administrator's": someone.house.token(0),
        "unsigned": unsigned,
        "with another secret": signed(SECRET + "x"),
        "that has ended": signed(iat=now - 600, exp=now - 120),
        "for another audience": signed(aud="duebook"),
        "cut": signed()[:-4],
        "not one": "service:ledger",
        "the secret itself": SECRET,
    }


@pytest.mark.parametrize("route", INTERNAL, ids=str)
def test_an_internal_route_is_closed_to_all_but_services(route: Route, someone: Company) -> None:
    for what, token in tokens(someone).items():
        answer = ask(someone.house, route, token)
        assert answer.status_code == 401, what
        assert answer.json()["type"] == "/problems/unauthenticated"
    forged = {"X-User-Id": "service:ledger", "X-Internal": "1", "X-Forwarded-For": "127.0.0.1", "X-Original-URL": "/healthz"}
    assert ask(someone.house, route, None, **forged).status_code == 401

    assert ask(someone.house, route, service_token()).status_code in (200, 204, 404)


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_service_s_token_opens_nothing_of_a_company(route: Route, someone: Company) -> None:
    client = someone.house.peers["identity"].client(route.service)
    path = route.rule.replace("<int:company_id>", str(someone.id))

    answer = client.request(route.method, path, headers={"Authorization": f"Bearer {service_token()}"})

    assert answer.status_code == 401, answer.text
