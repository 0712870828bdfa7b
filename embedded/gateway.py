"""One door for all services of one machine: `/api/<service>/…` to its app, everything else to the console.

What services ask of each other and what measures them (`/internal`, `/metrics`) is refused here, as by the gateway of a
larger installation.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from console.app import create_console
from embedded.assembly import Assembly
from embedded.home import Home
from shared.config import SERVICES
from shared.log.store import LEADER_LOCK
from shared.telemetry import configure_logs

Start = Callable[..., Any]
REFUSED = ("/internal", "/metrics")


class Gateway:
    """A WSGI app over the apps of an assembly."""

    def __init__(self, assembly: Assembly):
        self.assembly = assembly
        self.console = create_console(assembly.peers("console").client, SERVICES)

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "/")
        parts = path.split("/", 3)
        if parts[1:2] == ["api"] and len(parts) > 3 and parts[2] in SERVICES:
            return self.assembly.app(parts[2])(environ, start_response)
        if path == "/healthz":
            return _json(start_response, "200 OK", {"status": "ok"})
        if path == "/readyz":
            missing = self.missing()
            state = {"status": "not ready" if missing else "ready", "waiting_for": missing}
            return _json(start_response, "503 Service Unavailable" if missing else "200 OK", state)
        if path.startswith(("/api/", *REFUSED)):
            return _json(
                start_response,
                "404 Not Found",
                {"type": "/problems/no-such-page", "title": "There is no such page.", "status": 404, "detail": path},
                "application/problem+json",
            )
        return self.console(environ, start_response)

    def missing(self) -> list[str]:
        """What is not ready yet: services whose API does not answer, or whose worker does not run."""
        missing = []
        for name in SERVICES:
            state = self.assembly.app(name).extensions["duebook"]
            try:
                with state.database.log.connect() as connection:
                    relays = connection.exec_driver_sql(
                        "select count(*) from pg_locks l join pg_database d on d.oid = l.database "
                        "where l.locktype = 'advisory' and l.objid = %s and l.granted and d.datname = current_database()",
                        (LEADER_LOCK,),
                    ).scalar_one()
                if not relays:
                    missing.append(f"{name} worker")
            except Exception:  # noqa: BLE001 - any failure means not ready
                missing.append(name)
        return missing


def _json(start_response: Start, status: str, body: dict[str, Any], media_type: str = "application/json") -> list[bytes]:
    raw = msgspec.json.encode(body)
    headers = [("Content-Type", media_type), ("Content-Length", str(len(raw))), ("Cache-Control", "no-store")]
    start_response(status, headers)
    return [raw]


def from_environment() -> Gateway:
    """The gateway of the home named by DUEBOOK_HOME, for the application server that `duebook up` starts."""
    configure_logs("web")
    threading.Thread(target=_end_with, args=(int(os.environ["DUEBOOK_SUPERVISOR"]),), daemon=True).start()
    home = Home(Path(os.environ["DUEBOOK_HOME"]))
    return Gateway(home.assembly(os.environ["DUEBOOK_DATABASE_SERVER"], pool_size=int(os.environ["DUEBOOK_WEB_THREADS"])))


def _end_with(supervisor: int) -> None:
    """Ends the application server when `duebook up` was killed, so that its port is free for the next start."""
    while True:
        time.sleep(0.5)
        try:
            os.kill(supervisor, 0)
        except ProcessLookupError:
            os.kill(os.getppid(), signal.SIGTERM)
            return
