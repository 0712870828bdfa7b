"""Speaks to a running installation over HTTP, for one company: fresh tokens, patience, problems in plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from shared.http.auth import TOKEN_LIFE_S
from shared.ids import new_id

PATIENCE_S = 120


class RequestRefused(Exception):
    """A service said no; `document` is its problem document."""

    def __init__(self, document: dict[str, Any]):
        self.document = document
        lines = [f"{fault.get('pointer') or 'request'}: {fault.get('detail')}" for fault in document.get("errors", [])]
        super().__init__("\n".join([str(document.get("detail") or document.get("title")), *lines]))


class Unreachable(Exception):
    """The installation does not answer."""


class Client:
    """`mint` gives a fresh token; it is called when the one at hand is about to end."""

    def __init__(self, url: str, mint: Callable[[], str]):
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self.mint = mint
        self.token, self.minted_at = "", -1e9
        self.last_event: dict[str, str] = {}

    def get(self, path: str, *, wait: bool = False, **params: Any) -> Any:
        """`wait`: the answer has seen everything that this client has written."""
        return self._call("GET", path, None, None, wait, params)

    def post(self, path: str, body: Any) -> Any:
        """Under a fresh key; repeated with the same key when the answer is lost or the service is busy."""
        return self._call("POST", path, body, new_id("idk"), True, {})

    def settle(self, service: str) -> None:
        """Returns once the service has taken in all that the others have stated so far, whoever wrote it."""
        deadline = time.monotonic() + PATIENCE_S
        while any(position["behind"] != 0 for position in self.get(f"/api/{service}/status")["positions"]):
            if time.monotonic() > deadline:
                raise Unreachable(f"{service} does not catch up with the others; duebook status shows more")
            time.sleep(0.1)

    def _call(self, method: str, path: str, body: Any, key: str | None, wait: bool, params: dict[str, Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self.http.request(method, path, json=body, params=params, headers=self._headers(key, wait))
            except httpx.HTTPError as error:
                if time.monotonic() > deadline:
                    raise Unreachable(f"{self.http.base_url} does not answer: {error}") from error
                time.sleep(0.5)
                continue
            if answer.status_code < 400:
                if event := answer.headers.get("Duebook-Event"):
                    self.last_event[event.partition(":")[0]] = event
                return answer.json() if answer.content else None
            if answer.status_code in (429, 503) and time.monotonic() < deadline:
                time.sleep(float(answer.headers.get("Retry-After", "1")))
                continue
            if answer.status_code == 401 and time.monotonic() < deadline:
                self.minted_at = -1e9
                time.sleep(0.2)
                continue
            document = _document(answer)
            if document.get("type") == "/problems/request-in-flight" and time.monotonic() < deadline:
                time.sleep(0.5)  # our own request, whose answer was lost; its answer will be replayed
                continue
            raise RequestRefused(document)

    def _headers(self, key: str | None, wait: bool) -> dict[str, str]:
        if time.monotonic() - self.minted_at > TOKEN_LIFE_S / 2:
            self.token, self.minted_at = self.mint(), time.monotonic()
        headers = {"Authorization": f"Bearer {self.token}"}
        if key:
            headers["Idempotency-Key"] = key
        if wait and self.last_event:
            headers["Wait-For-Event"] = ",".join(self.last_event.values())
        return headers


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    return (
        found
        if isinstance(found, dict)
        else {"title": f"{answer.request.url} answered {answer.status_code}", "status": answer.status_code}
    )
