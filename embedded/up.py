"""`duebook up`: the whole product in the foreground. PostgreSQL, the web process, the worker process; one Ctrl-C ends all."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from embedded.companies import first_company
from embedded.demo import load_demo
from embedded.errors import ServerFailed
from embedded.home import Home, HomeUnusable
from embedded.postgres import Server

READY_S = 60
STOP_S = 12
LEFTOVER_S = 10
WEB_WORKERS, WEB_THREADS = 2, 8


class CannotStart(Exception):
    """One clear line for the person at the terminal."""


class Installation:
    """One home, one server, two children."""

    def __init__(self, home: Home, port: int, say: Callable[[str], None]):
        self.home, self.port, self.say = home, port, say
        # a new database has no statistics; until it has, the planner guesses wrongly for bulk work
        self.server = Server(home.path, settings={"autovacuum_naptime": "5s"})
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *, demo: bool) -> None:
        """Starts everything, prints the URL once it is ready, and returns after Ctrl-C or SIGTERM. Raises CannotStart."""
        self.require_free_port()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        try:
            self.start()
            self.load(demo)
            if not self.stopping.is_set():
                self.say(f"\n  Duebook is ready: {self.url}\n  Stop it with Ctrl-C; its data stay in {self.home.path}\n")
            self.watch()
        except (ServerFailed, HomeUnusable) as error:
            raise CannotStart(str(error)) from error
        except OSError as error:
            what = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error)).lower()
            raise CannotStart(f"{what}: {error.filename or self.home.path}") from error
        finally:
            self.stop()

    def require_free_port(self) -> None:
        """Raises CannotStart where another program listens. What a killed `duebook up` of this home left is waited for."""
        deadline = time.monotonic() + (LEFTOVER_S if (self.home.path / "running.json").exists() else 0)
        while True:
            try:
                return require_free_port(self.port)
            except CannotStart:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.2)

    def start(self) -> None:
        self.say(f"Data folder   {self.home.path}")
        admin_url = self.server.start()
        self.say("PostgreSQL    started, embedded")
        self.home.logs.mkdir(exist_ok=True)
        self.home.prepare_databases(admin_url)
        self.say("Databases     six services, migrated")
        self.admin_url = admin_url
        for name in ("worker", "web"):
            self.launch(name)
        self.home.write_running(self.url, admin_url)
        self.wait_until_ready()
        self.say("Services      API and workers answer")

    def launch(self, name: str) -> None:
        host = self.admin_url.rpartition("@")[2]
        environment = {
            **os.environ,
            "DUEBOOK_HOME": str(self.home.path),
            "DUEBOOK_DATABASE_SERVER": f"postgresql://{host}",
            "DUEBOOK_WEB_THREADS": str(WEB_THREADS),
            "DUEBOOK_SUPERVISOR": str(os.getpid()),
        }
        commands = {
            "worker": [sys.executable, "-m", "embedded.workers"],
            "web": [
                *(sys.executable, "-m", "gunicorn", "embedded.gateway:from_environment()"),
                *("--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread"),
                *("--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS)),
                *(
                    "--graceful-timeout",
                    "8",
                    "--log-level",
                    "warning",
                    "--worker-tmp-dir",
                    _memory_folder(),
                    "--no-control-socket",
                ),
            ],
        }
        output = (self.home.logs / f"{name}.log").open("ab")
        # a session of their own: Ctrl-C at the terminal is for this process, which then stops them in order
        self.children[name] = subprocess.Popen(
            commands[name], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        output.close()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and not self.stopping.is_set():
            for name, child in self.children.items():
                if child.poll() is not None:
                    raise CannotStart(f"the {name} process ended at once; {self.home.logs / (name + '.log')} says why")
            try:
                if httpx.get(self.url + "/readyz", timeout=5, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        if not self.stopping.is_set():
            raise CannotStart(f"the services did not get ready within {READY_S} s; see {self.home.logs}")

    def load(self, demo: bool) -> None:
        if self.stopping.is_set():
            return
        company, is_new = first_company(self.home, demo=demo)
        if is_new and company.is_demo:
            load_demo(self.home, self.url, company.id)
            self.say("Demo company  loaded")

    def watch(self) -> None:
        """Until asked to stop; a child or a server that dies is started again."""
        while not self.stopping.wait(0.5):
            if not self.server.is_running:
                self.say("PostgreSQL ended; starting it again")
                self.server.stop()
                self.admin_url = self.server.start()
                for name in list(self.children):
                    self._end(self.children[name])
            for name, child in list(self.children.items()):
                if child.poll() is not None and not self.stopping.is_set():
                    self.say(f"The {name} process ended (exit {child.returncode}); starting it again")
                    self.launch(name)

    def stop(self) -> None:
        for name in ("web", "worker"):
            if name in self.children:
                self._end(self.children[name])
        if self.children:
            self.home.clear_running()
        self.server.stop()

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def require_free_port(port: int) -> None:
    """Raises CannotStart where another program listens."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(
                    f"port {port} is in use by another program; choose one with --port (make: DUEBOOK_PORT)"
                ) from None
            raise CannotStart(f"cannot listen on port {port}: {(error.strerror or str(error)).lower()}") from None


def _memory_folder() -> str:
    """Where the application server keeps its heartbeat files; memory, so that a slow disk is no reason to restart a worker."""
    return "/dev/shm" if Path("/dev/shm").is_dir() and os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
