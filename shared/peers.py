"""How a service reaches the others: over HTTP, or straight into their WSGI apps where all live in one process.

Used for keys, for pages of a log and for proofs; business never calls from service to service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx
import jwt

from shared.clock import Clock
from shared.errors import LogForked
from shared.tokens import claims_of

INTERNAL_AUDIENCE = "duebook-internal"
INTERNAL_LIFE_S = 60


def internal_token(service: str, secret: str, at: datetime) -> str:
    """A short-lived token by which `service` shows another that it belongs to the same installation."""
    now = int(at.timestamp())
    claims = {"sub": f"service:{service}", "aud": INTERNAL_AUDIENCE, "iat": now, "exp": now + INTERNAL_LIFE_S}
    return jwt.encode(claims, secret, algorithm="HS256")


def internal_caller(token: str, secret: str, at: datetime) -> str | None:
    """The service that holds this token, None where it is not good."""
    try:
        return str(claims_of(token, secret, "HS256", at, audience=INTERNAL_AUDIENCE)["sub"])
    except jwt.InvalidTokenError:
        return None


class PeerUnreachable(Exception):
    """Another service did not answer, or not as expected."""


class Peers:
    """Clients of the other services, one each, made when first asked for."""

    def __init__(
        self,
        service: str,
        secret: str,
        urls: Mapping[str, str],
        apps: Callable[[str], Any] | None = None,
        clock: Clock | None = None,
    ):
        self.service, self.secret, self.urls, self.apps, self.clock = service, secret, urls, apps, clock or Clock()
        self._clients: dict[str, httpx.Client] = {}

    def client(self, peer: str) -> httpx.Client:
        client = self._clients.get(peer)
        if client is None:
            if self.apps is not None:
                # raise_app_exceptions: a broken peer shall look like one over the network, an answer of 500
                transport = httpx.WSGITransport(app=self.apps(peer), raise_app_exceptions=False)
                client = httpx.Client(transport=transport, base_url=f"http://{peer}.internal")
            else:
                client = httpx.Client(base_url=self.urls[peer], timeout=httpx.Timeout(5.0, connect=2.0), trust_env=False)
            self._clients[peer] = client
        return client

    def get(self, peer: str, path: str, **params: Any) -> httpx.Response:
        """Asks a peer's internal endpoint. Raises PeerUnreachable."""
        try:
            token = internal_token(self.service, self.secret, self.clock.now())
            answer = self.client(peer).get(path, params=params, headers={"Authorization": f"Bearer {token}"})
        except httpx.HTTPError as error:
            raise PeerUnreachable(f"{peer} does not answer: {error!r}") from error
        if answer.status_code >= 500 or answer.status_code in (401, 403, 429):
            raise PeerUnreachable(f"{peer} answered {answer.status_code} to {path}")
        return answer

    def fetch(self, producer: str, after: int) -> bytes:
        """The page after a number from the producer's log, without events at its end. Raises PeerUnreachable, LogForked."""
        answer = self.get(producer, "/internal/log", after=after)
        if answer.status_code == 409:
            raise LogForked(f"log forked: {producer} has no number {after}, which was taken in")
        if answer.status_code != 200:
            raise PeerUnreachable(f"{producer} answered {answer.status_code} when asked for its log")
        return answer.content

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
