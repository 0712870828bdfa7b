"""Bytes that are no proper request, and senders who fall silent: a server answers each of them, and the others meanwhile."""

from __future__ import annotations

import contextlib
import gzip
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.integration.cluster import Cluster
from tests.product import House

THREADS = 2
TOO_MUCH = 4 * 1024 * 1024 + 1
PATIENCE_S = 60
PEOPLE = b"/api/identity/people"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def running(cluster: Callable[..., Cluster]) -> Cluster:
    """One API process with as many threads as connections: THREADS."""
    made = cluster(services=())
    made.launch("api", "identity", 0, DUEBOOK_POOL_SIZE=str(THREADS))
    made.await_ready(["identity"])
    return made


@pytest.fixture(scope="module")
def token(shared_house: House, running: Cluster) -> str:
    assert running
    return shared_house.token(shared_house.company().id)


def request(token: str, path: bytes, headers: bytes = b"", body: bytes | None = None) -> bytes:
    """A whole request, of raw parts. Its length is told unless the headers tell it or it is sent in chunks."""
    method = b"GET" if body is None else b"POST"
    head = [method + b" " + path + b" HTTP/1.1", b"Host: edge", b"Connection: close", b"Authorization: Bearer " + token.encode()]
    if body is not None and b"chunked" not in headers and b"Length" not in headers:
        head.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(head) + b"\r\n" + headers + b"\r\n" + (body or b"")


def answer(running: Cluster, sent: bytes) -> tuple[int, str]:
    """Status and media type of what comes back."""
    with socket.create_connection(("127.0.0.1", running.ports["identity"][0]), timeout=PATIENCE_S) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                got += piece
    lines = got.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    kinds = [line.partition(": ")[2] for line in lines if line.lower().startswith("content-type")]
    return int(lines[0].split()[1]), kinds[0] if kinds else ""


ODD = {
    "a query that is no text": (PEOPLE + b"?search=%ff%fe%00", b"", None),
    "a path that is no text": (PEOPLE + b"/%ff%c0%80", b"", None),
    "a zero in a path": (PEOPLE + b"/%00", b"", None),
    "a limit below zero": (PEOPLE + b"?limit=-1", b"", None),
    "a limit without end": (PEOPLE + b"?limit=" + b"9" * 400, b"", None),
    "a cursor that is no text": (PEOPLE + b"?cursor=%ff", b"", None),
    "a token that is no text": (PEOPLE, b"Authorization: Bearer \xff\xfe\r\n", None),
    "an event that is no text": (PEOPLE, b"Wait-For-Event: \xff:\xfe\r\n", None),
    "a body that is no JSON": (PEOPLE, JSON, b"\xff\xfe\x00"),
    "half a character": (PEOPLE, JSON, b'{"name": "\\ud800"}'),
    "a mark of another encoding": (PEOPLE, JSON, b'\xef\xbb\xbf{"name": "x"}'),
    "another encoding": (PEOPLE, b"Content-Type: application/json; charset=utf-16\r\n", '{"name": "x"}'.encode("utf-16")),
    "a compressed body": (PEOPLE, JSON + b"Content-Encoding: gzip\r\n", gzip.compress(b'{"name": "x"}')),
    "another kind": (PEOPLE, b"Content-Type: text/xml\r\n", b"<name/>"),
    "parts without a boundary": (PEOPLE, b"Content-Type: multipart/form-data; boundary=\xff\r\n", b"--\xff"),
    "a chunk without a size": (PEOPLE, CHUNKED, b"ZZ\r\n"),
    "a chunk that breaks off": (PEOPLE, CHUNKED, b"5\r\nab"),
    "too much in chunks": (PEOPLE, CHUNKED, b"%x\r\n" % TOO_MUCH + b" " * TOO_MUCH + b"\r\n0\r\n\r\n"),
    "too much, as is said": (PEOPLE, JSON + b"Content-Length: %d\r\n" % TOO_MUCH, b""),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_request_is_refused_with_a_problem(running: Cluster, token: str, odd: str) -> None:
    path, headers, body = ODD[odd]

    status, kind = answer(running, request(token, path, headers, body))

    assert 400 <= status < 500
    assert kind == "application/problem+json"


@pytest.mark.parametrize(
    "sent",
    [b"GET /\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ids=["short", "TLS", "HTTP/2"],
)
def test_what_is_no_request_at_all_is_refused(running: Cluster, sent: bytes) -> None:
    assert answer(running, sent)[0] == 400


def test_senders_who_fall_silent_do_not_hold_the_threads(running: Cluster, token: str) -> None:
    in_the_headers = b"GET /api/identity/people HTTP/1.1\r\nHo"
    in_the_body = request(token, PEOPLE, JSON + b"Content-Length: 100\r\n", b"{")
    with contextlib.ExitStack() as silent:
        for part in (in_the_headers, in_the_body)[:THREADS]:
            connection = silent.enter_context(socket.create_connection(("127.0.0.1", running.ports["identity"][0])))
            connection.sendall(part)

        url = f"http://127.0.0.1:{running.ports['identity'][0]}{PEOPLE.decode()}"
        answered = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_S, trust_env=False)

    assert answered.status_code == 200


@pytest.fixture(autouse=True)
def _no_defect(running: Cluster) -> Iterator[None]:
    yield
    assert "request.failed" not in running.log_of("api identity 0", 10**6)
