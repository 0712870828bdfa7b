"""A client as one should be: every write has a key, and is sent again under it until there is an answer."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from sqlalchemy.exc import DBAPIError

from tests.rig.history import Attempt

TIMEOUT_S = 8
PAUSE_S = 0.3
TOKEN_S = 200
"""A token is good for five minutes."""
PASSING = {401, 429, 500, 502, 503, 504}
"""Answers after which the same request is sent again: the token is made anew, the server is asked later."""


class Tokens:
    """One company's token, made anew before it ends; shared by its clients."""

    def __init__(self, make: Callable[[], str]):
        self.make, self.lock = make, threading.Lock()
        self.token, self.until = "", 0.0

    def get(self, anew: bool = False) -> str:
        with self.lock:
            if anew or time.monotonic() > self.until:
                try:
                    self.token, self.until = self.make(), time.monotonic() + TOKEN_S
                except DBAPIError:  # while the database is away the old one has to do
                    self.until = time.monotonic() + PAUSE_S
            return self.token


class Client:
    """One client of one company, on one thread. `ports(service)` names where the service may be asked."""

    def __init__(self, ports: Callable[[str], Sequence[int]], tokens: Tokens, company_id: int, seed: int, history: list[Attempt]):
        self.ports, self.tokens, self.company_id, self.history = ports, tokens, company_id, history
        self.random = random.Random(seed)
        self.http = httpx.Client(timeout=TIMEOUT_S)
        self.heard: Callable[[bool, float, int | None], None] = lambda write, began, status: None
        """Told of each request: whether it writes, when it began, and its status (None: no answer)."""

    def close(self) -> None:
        self.http.close()

    def write(self, path: str, body: Any, patience_s: float = 120, between: Callable[[], None] = lambda: None) -> Attempt:
        """POSTs until it is answered for good, at most `patience_s`. The record tells what came of it in the end."""
        attempt = Attempt(
            path.split("/")[2], self.company_id, "POST", path, f"{self.random.getrandbits(128):032x}", body, None, None
        )
        self.history.append(attempt)
        deadline = time.monotonic() + patience_s
        while True:
            answer = self._ask("POST", path, attempt.key, json=body)
            if answer is not None:
                attempt.status, attempt.answer = answer.status_code, _json(answer)
                if not _passes(answer):
                    return attempt
            if time.monotonic() > deadline:
                return attempt
            between()
            time.sleep(PAUSE_S)

    def read(self, path: str, patience_s: float = 120, **params: Any) -> Any:
        """The answer's JSON, or None where none came in time or it was refused."""
        deadline = time.monotonic() + patience_s
        while True:
            answer = self._ask("GET", path, None, params=params)
            if answer is not None and not _passes(answer):
                return answer.json() if answer.status_code == 200 else None
            if time.monotonic() > deadline:
                return None
            time.sleep(PAUSE_S)

    def once(self, path: str, attempt: Attempt) -> httpx.Response | None:
        """Sends a write that was made before, one time, under its key."""
        return self._ask("POST", path, attempt.key, json=attempt.body)

    def _ask(self, method: str, path: str, key: str | None, **more: Any) -> httpx.Response | None:
        began, answer = time.monotonic(), None
        try:
            headers = {"Authorization": f"Bearer {self.tokens.get()}"}
            if key is not None:
                headers["Idempotency-Key"] = key
            port = self.random.choice(self.ports(path.split("/")[2]))
            answer = self.http.request(method, f"http://127.0.0.1:{port}{path}", headers=headers, **more)
        except httpx.TransportError:
            return None
        finally:
            self.heard(key is not None, began, None if answer is None else answer.status_code)
        if answer.status_code == 401:
            self.tokens.get(anew=True)
        return answer


def _passes(answer: httpx.Response) -> bool:
    """Whether to ask again. A key in use belongs to our own request that was cut off and still runs."""
    if answer.status_code == 409:
        return str(_json(answer).get("type", "")).endswith("/request-in-flight")
    return answer.status_code in PASSING


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}
