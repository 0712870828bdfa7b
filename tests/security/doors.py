"""The gateways as real doors on this machine: the embedded one, and nginx with the deployed configuration where there is one."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from tests.house.code import ROOT
from tests.integration.cluster import free_ports

READY_S = 60.0
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def served(app: Any) -> Iterator[int]:
    """A WSGI app on a port of its own."""
    with make_server("127.0.0.1", 0, app, server_class=_Server, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def rendered(folder: Path, port: int, api: int, console: int, limits: bool) -> str:
    """The deployed configuration for this machine: other ports and folders, everything else as it is. Without `limits`, as many
    requests a second as wanted."""
    text = (ROOT / "deploy/nginx/gateway.conf").read_text()
    for pattern, replacement in (
        (r"http://\$\{service\}-api:8000", f"http://127.0.0.1:{api}"),
        (r"http://identity-api:8000", f"http://127.0.0.1:{api}"),
        (r"http://console:8000", f"http://127.0.0.1:{console}"),
        (r"listen 8080;", f"listen 127.0.0.1:{port};"),
        (r"/tmp/", f"{folder}/"),
        (r"access_log /dev/stdout json;", f"access_log {folder}/access json;"),
        (r"error_log stderr warn;", f"error_log {folder}/errors warn;\ndaemon off;"),
        (r"worker_processes auto;", "worker_processes 1;" + ("\nuser root;" if os.geteuid() == 0 else "")),
    ):
        text, changed = re.subn(pattern, replacement, text)
        assert changed, pattern
    return text if limits else re.sub(r"rate=\d+r/s", "rate=100000r/s", text)


@contextmanager
def nginx(folder: Path, api: int, console: int, *, limits: bool) -> Iterator[int]:
    """nginx with the deployed configuration, checked by itself first."""
    assert NGINX
    (port,) = free_ports(1)
    file = folder / "gateway.conf"
    file.write_text(rendered(folder, port, api, console, limits))
    command = [NGINX, "-c", str(file), "-p", str(folder), "-e", str(folder / "errors")]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    assert "warn" not in tested.stderr
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port))
        yield port
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come up"
        time.sleep(0.05)


def raw(port: int, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """Sends the path as it is, which clients would tidy up. Returns status, headers in small letters, body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: duebook.example", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, content = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    pairs = (field.split(":", 1) for field in fields)
    return int(status.split()[1]), {name.strip().lower(): value.strip() for name, value in pairs}, content
