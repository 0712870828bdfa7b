"""S17: neither gateway lets anybody through to what services ask of each other or to what measures them, however the path is
written, and with a token that the services would take. Written into the socket as it stands, since clients tidy paths up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from embedded.gateway import Gateway
from tests.product import Company, House
from tests.security.books import service_token
from tests.security.doors import NGINX, nginx, raw, served

pytestmark = pytest.mark.matrix("S17", times=50)

HIDDEN = (
    "internal/log",
    "internal/status",
    "internal/proof?company=1",
    "internal/events/evt_00000000000000000000000000",
    "metrics",
)
TRICKS = (
    "/{0}",
    "//{0}",
    "///{0}",
    "/./{0}",
    "/x/../{0}",
    "/%2e/{0}",
    "/%2E%2e/{0}",
    "/%2f{0}",
    "/%5c{0}",
    "/\\{0}",
    "/;/{0}",
    "/.;/{0}",
    "/api/../{0}",
    "/api/billing/../../{0}",
    "/api/billing/..%2f..%2f{0}",
    "/api/billing/%2e%2e/%2e%2e/{0}",
    "/api/billing/%252e%252e/%252e%252e/{0}",
    "/api/billing//{0}",
    "/api/billing/{0}",
    "/api/billing/%2f{0}",
    "/api//{0}",
    "/api/{0}",
    "/api/nobody/../billing/../../{0}",
    "/static/../{0}",
    "/{0}/../../api/billing/",
    "/{0}/..%2f..%2fapi%2fbilling%2f",
    "/{0}%00",
    "/{0}%20",
    "/{0}/",
    "/{0}/.",
    "/{0}#/../../api/billing/customers",
    "http://duebook.example/{0}",
    "http://127.0.0.1:8000/{0}",
)
SHOWN = (b'"previous_id"', b'"published_through"', b"_seconds_bucket", b"python_info", b'"clock"', b'"sequence"')
"""What only an internal page or the metrics hold."""


@pytest.fixture(scope="module", params=["embedded", "nginx"])
def door(request: pytest.FixtureRequest, shared_house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a gateway before the real apps."""
    if request.param == "nginx" and not NGINX:
        pytest.skip("there is no nginx here: install the package nginx")
    gateway = Gateway(shared_house.assembly)
    with ExitStack() as stack:
        if request.param == "embedded":
            yield stack.enter_context(served(gateway))
        else:
            # the bare app, which answers to all paths: what is refused is refused by nginx
            api = stack.enter_context(served(shared_house.assembly.app("billing")))
            console = stack.enter_context(served(gateway.console))
            yield stack.enter_context(nginx(tmp_path_factory.mktemp("nginx"), api, console, limits=False))


def upper(path: str) -> str:
    return path.replace("internal", "INTERNAL").replace("metrics", "Metrics")


def escaped(path: str) -> str:
    return path.replace("i", "%69").replace("m", "%6D")


@pytest.mark.parametrize("hidden", HIDDEN)
def test_no_writing_of_a_path_reaches_what_is_internal(hidden: str, door: int) -> None:
    token = service_token()

    for trick in TRICKS:
        for written in (hidden, upper(hidden), escaped(hidden)):
            status, _, body = raw(door, trick.format(written), f"Authorization: Bearer {token}", "X-Original-URL: /internal/log")
            assert status in (308, 400, 401, 404), (trick, written, status, body[:300])
            assert not [shown for shown in SHOWN if shown in body], (trick, written, body[:300])


def test_what_is_public_is_reached(door: int, shared_house: House) -> None:
    company: Company = shared_house.company()

    status, headers, body = raw(door, "/api/billing/customers", f"Authorization: Bearer {company.token()}")

    assert (status, body) == (200, b'{"items":[],"next_cursor":null}')
    assert headers["x-content-type-options"] == "nosniff"
    assert raw(door, "/healthz")[0] == 200
    assert raw(door, "/api/billing/openapi.json")[0] == 200
    assert raw(door, "/")[0] == 200


def test_the_bare_app_would_answer(shared_house: House) -> None:
    """What is tried above is there to be found."""
    with served(shared_house.assembly.app("billing")) as port:
        for hidden in HIDDEN:
            _, _, body = raw(port, f"/{hidden}", f"Authorization: Bearer {service_token()}")
            assert hidden.startswith("internal/events") or hidden == "internal/log" or [s for s in SHOWN if s in body], body
