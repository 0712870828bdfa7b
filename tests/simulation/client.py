"""A client of one company: sends requests as over a network, remembers what was answered, and repeats what was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tests.rig.history import Attempt
from tests.simulation.world import Home, World

DEFINITE = range(200, 500)
"""Statuses after which a client knows what became of its request; anything else leaves it to be repeated."""


class WrongAnswer(Exception):
    """A service answered what it must not."""


@dataclass
class Asked:
    """A request with what follows in the client's mind from a good answer to it."""

    method: str
    path: str
    body: Any
    key: str
    then: Callable[[Any], None]
    refused: bool
    """Whether it is wrong on purpose and must be refused."""


class Client:
    """`attempts` is the history of writes; `unanswered` are those to be repeated, as they were."""

    def __init__(self, world: World, home: Home):
        self.world, self.home = world, home
        self.attempts: list[Attempt] = []
        self.unanswered: list[Asked] = []
        self.answered: list[tuple[Asked, int, Any]] = []

    def read(self, path: str, **params: str) -> tuple[int | None, Any]:
        """Status and JSON. Raises WrongAnswer where it is neither answered well nor unavailable."""
        status, answer = self._send("GET", path, None, "", params)
        if status not in (200, 404, 503, None):
            raise WrongAnswer(f"GET {path} {params} was answered {status}: {answer}")
        return status, answer

    def write(self, asked: Asked) -> int | None:
        status, answer = self._send(asked.method, asked.path, asked.body, asked.key, {})
        self._remember(asked, status, answer)
        if status == 500:
            raise WrongAnswer(f"{asked.method} {asked.path} {asked.body} was answered 500: {answer}")
        if status is None or status not in DEFINITE:
            self.unanswered.append(asked)
        elif status < 300:
            if asked.refused:
                raise WrongAnswer(f"{asked.method} {asked.path} {asked.body} was not refused: {status}")
            self.answered.append((asked, status, answer))
            asked.then(answer)
        return status

    def repeat_unanswered(self, which: int) -> int | None:
        """A client that crashed, or lost the connection, sends the same again."""
        return self.write(self.unanswered.pop(which))

    def repeat_answered(self, which: int) -> int | None:
        """The same request under the same key again: the same answer, and nothing happens twice."""
        asked, status, answer = self.answered[which]
        again, same = self._send(asked.method, asked.path, asked.body, asked.key, {})
        self._remember(asked, again, same)
        if again in DEFINITE and asked.key and (again, same) != (status, answer):
            raise WrongAnswer(f"{asked.method} {asked.path} was answered {status} {answer}, repeated {again} {same}")
        return again

    def _remember(self, asked: Asked, status: int | None, answer: Any) -> None:
        service = asked.path.split("/")[2]
        self.attempts.append(Attempt(service, self.home.id, asked.method, asked.path, asked.key, asked.body, status, answer))

    def _send(self, method: str, path: str, body: Any, key: str, params: dict[str, str]) -> tuple[int | None, Any]:
        headers = {"Authorization": f"Bearer {self.home.token}"}
        if key:
            headers["Idempotency-Key"] = key
        client = self.world.clients.client(path.split("/")[2])
        try:
            answer = client.request(method, path, json=body, params=params or None, headers=headers)
        except httpx.HTTPError:
            return None, None
        return answer.status_code, answer.json() if answer.content else None
