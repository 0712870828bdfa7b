"""The services' OpenAPI documents, fetched when a page needs one and kept for a short while."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import httpx

from console.reference import Problem, Reference, read_reference

KEPT_S = 30.0
"""Long enough that reading on costs nothing, short enough that a new release shows."""


class SpecUnavailable(Exception):
    """A service did not give its OpenAPI document."""

    def __init__(self, service: str):
        self.service = service
        super().__init__(f"The reference comes from the {service} service itself, and it gives none just now. Try again shortly.")


class Specs:
    """References by service; `client(service)` as for `create_console`."""

    def __init__(self, client: Callable[[str], httpx.Client]):
        self.client = client
        self.kept: dict[str, tuple[float, Reference]] = {}

    def reference(self, service: str) -> Reference:
        """Raises SpecUnavailable."""
        until, known = self.kept.get(service, (0.0, None))
        if known is not None and time.monotonic() < until:
            return known
        try:
            answer = self.client(service).get(f"/api/{service}/openapi.json").raise_for_status()
            fresh = read_reference(service, answer.json())
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:  # or no such document
            raise SpecUnavailable(service) from error
        self.kept[service] = (time.monotonic() + KEPT_S, fresh)
        return fresh

    def problem(self, code: str, services: Sequence[str]) -> list[tuple[str, Problem]]:
        """Who answers this problem, and what it says of it. Raises SpecUnavailable where one that is silent may know it."""
        found: list[tuple[str, Problem]] = []
        silent: SpecUnavailable | None = None
        for service in services:
            try:
                reference = self.reference(service)
            except SpecUnavailable as error:
                silent = error
                continue
            found += [(service, problem) for problem in reference.problems if problem.code == code]
        if silent and not found:
            raise silent
        return found
