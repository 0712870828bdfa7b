"""The reference pages over the real services."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from console.app import create_console
from embedded.assembly import Assembly
from shared.config import SERVICES


@pytest.fixture(scope="module")
def assembly() -> Iterator[Assembly]:
    """Every real app; making it and asking for its document needs no database."""
    nowhere = dict.fromkeys(("api", "worker", "log"), "postgresql://nobody@127.0.0.1:1/nothing")
    made = Assembly(dict.fromkeys(SERVICES, nowhere), "for tests only, for tests only, for tests only")
    yield made
    made.close()


@pytest.mark.parametrize("service", SERVICES)
def test_the_reference_of_every_service_shows_each_of_its_routes(service: str, assembly: Assembly) -> None:
    client = assembly.peers("console").client(service)
    pages = create_console(lambda _: client, SERVICES).test_client()

    page = pages.get(f"/docs/{service}").text

    for path, methods in client.get(f"/api/{service}/openapi.json").json()["paths"].items():
        assert path.removeprefix(f"/api/{service}") in page
        for operation in methods.values():
            if isinstance(operation, dict) and "x-permission" in operation:
                assert operation["x-permission"] in page
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
