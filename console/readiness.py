"""Asks every service whether it is ready, all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

PATIENCE_S = 2.0


@dataclass(frozen=True)
class State:
    """What one service says of itself; `reason` is empty where it is ready."""

    service: str
    ready: bool
    reason: str = ""


def states(client: Callable[[str], httpx.Client], services: Sequence[str]) -> list[State]:
    """The state of each service, in the order given; none is waited for longer than two seconds."""
    with ThreadPoolExecutor(max(1, len(services))) as threads:
        return list(threads.map(lambda service: _state(client, service), services))


def _state(client: Callable[[str], httpx.Client], service: str) -> State:
    try:
        answer = client(service).get("/readyz", timeout=PATIENCE_S)
        if answer.status_code == 200:
            return State(service, True)
        return State(service, False, str(answer.json().get("reason", "it says no more")))
    except (httpx.HTTPError, ValueError, AttributeError):
        return State(service, False, "it does not answer")
