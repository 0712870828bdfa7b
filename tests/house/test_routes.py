"""Every route says who may call it, and what moves money cannot move it twice."""

from __future__ import annotations

import pytest

from services.identity.roles.catalogue import PERMISSIONS
from shared.config import SERVICES
from tests.house.code import HERE, Route, permissions, routes

FOR_ANYBODY = {
    "POST /api/identity/tokens": "sign-in",
    "GET /api/identity/jwks": "public keys",
    "GET /healthz": "the process answers",
    "GET /readyz": "it can be asked",
    "GET /metrics": "refused by the gateway",
}
FOR_SERVICES = "/internal/"
"""Refused by the gateway, and checked by `only_services` for all of the blueprint."""
MOVES_MONEY = ("issue", "void", "post", "apply", "reverse", "import.run")


def published() -> list[Route]:
    return [route for route in routes() if not route.rule.endswith("/openapi.json") and not route.rule.startswith(FOR_SERVICES)]


def test_every_service_is_here() -> None:
    assert HERE == SERVICES


@pytest.mark.parametrize("route", published(), ids=str)
def test_a_route_declares_a_permission(route: Route) -> None:
    if str(route) in FOR_ANYBODY:
        assert route.permission is None, "the list of exceptions has one too many"
    else:
        assert route.permission, "name the permission, or add it to FOR_ANYBODY with the reason"


@pytest.mark.parametrize("permission", permissions())
def test_a_permission_names_service_noun_and_act(permission: str) -> None:
    parts = permission.split(".")

    assert parts[0] in SERVICES
    assert len(parts) in (2, 3)
    assert all(part.replace("_", "").isalpha() and part.islower() for part in parts)


@pytest.mark.parametrize("route", [route for route in published() if route.permission], ids=str)
def test_a_permission_is_of_the_route_s_service(route: Route) -> None:
    assert route.permission is not None
    assert route.permission.split(".")[0] == route.service


@pytest.mark.parametrize("route", [route for route in published() if route.method != "GET"], ids=str)
def test_a_write_that_moves_money_demands_an_idempotency_key(route: Route) -> None:
    if (route.permission or "").endswith(MOVES_MONEY):
        assert route.money, f"{route.permission} moves money: declare the route with money=True"


def test_reading_moves_no_money() -> None:
    assert [str(route) for route in routes() if route.method == "GET" and route.money] == []


def test_no_route_writes_by_reading() -> None:
    acts = ("create", "change", "write", "issue", "void", "post", "apply", "reverse", "run", "revoke", "retry")

    assert [str(route) for route in routes() if route.method == "GET" and (route.permission or "").endswith(acts)] == []


def test_roles_can_hold_what_routes_need_and_nothing_else() -> None:
    assert sorted(PERMISSIONS) == permissions(), "run: python -m tests.house.export"
