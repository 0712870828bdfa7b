"""Which built-in role may call which route, as data: docs/roles.md is made from it, and read by the test that calls them all."""

from __future__ import annotations

import re

from services.identity.roles.domain import BUILT_IN_ROLES, covers
from tests.house.code import HERE, Route, routes

FOR_THE_INSTALLATION = {"POST /api/identity/companies", "POST /api/identity/signing-keys/replace"}
"""Done by the administrator of the installation, whose token names no company: by no role of a company."""
YES, NO = "yes", "–"


def guarded() -> list[Route]:
    """Every route that needs a permission."""
    return [route for route in routes() if route.permission]


def may(role: str, route: Route) -> bool:
    """Whether somebody in this role may call the route."""
    assert route.permission is not None
    return str(route) not in FOR_THE_INSTALLATION and covers(BUILT_IN_ROLES[role], route.permission)


def page() -> str:
    """docs/roles.md"""
    roles = list(BUILT_IN_ROLES)
    lines = [
        "# Roles and routes",
        "",
        "What each built-in role may call. A company may make roles of its own from the same permissions. Within a route,",
        "a use case may ask for more: `issue` in a new invoice needs `billing.invoice.issue`, and nobody grants or decides",
        "over more than they may do themselves. `python -m tests.house.export` makes this page; a test calls every route",
        "in every role.",
    ]
    for name in HERE:
        lines += ["", f"## {name}", "", f"| route | permission | {' | '.join(roles)} |", f"|---|---|{'---|' * len(roles)}"]
        for route in guarded():
            if route.service == name:
                cells = [YES if may(role, route) else NO for role in roles]
                lines.append(f"| `{route}` | `{route.permission}` | {' | '.join(cells)} |")
    lines += [
        "",
        "## No role",
        "",
        "- For the administrator of the installation: " + ", ".join(f"`{route}`" for route in sorted(FOR_THE_INSTALLATION)) + ".",
        "- For anybody: sign-in (`POST /api/identity/tokens`), the published keys (`GET /api/identity/jwks`), the API's",
        "  documents, `/healthz` and `/readyz`.",
        "- For services only: `/internal/…`. `/metrics` is refused by the gateway.",
        "",
    ]
    return "\n".join(lines)


def read(text: str) -> dict[str, dict[str, bool]]:
    """Route -> role -> whether it may, as the page says it."""
    found: dict[str, dict[str, bool]] = {}
    roles: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| route |"):
            roles = cells[2:]
        elif re.match(r"\| `[A-Z]+ /", line):
            found[cells[0].strip("`")] = {role: cell == YES for role, cell in zip(roles, cells[2:], strict=True)}
    return found
