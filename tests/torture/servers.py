"""A PostgreSQL and a RabbitMQ that may be killed, stopped, filled and wiped: our own, on ports of their own.

`missing()` says what the machine lacks for them. Neither touches a server that runs already.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from kombu import Connection

from embedded.errors import ServerFailed
from embedded.postgres import Server
from embedded.programs import find_programs
from tests.integration.cluster import free_ports

DISK_MB = 3000
READY_S = 120
RABBITMQ = Path("/usr/lib/rabbitmq/bin")
SETTINGS = {"max_connections": "300", "max_wal_size": "128MB", "min_wal_size": "32MB", "shared_buffers": "128MB"}


def missing() -> str | None:
    """What to install before servers can be started here; None where nothing is missing."""
    try:
        find_programs()
    except ServerFailed as error:
        return str(error)
    if not (RABBITMQ / "rabbitmq-server").exists():
        return f"{RABBITMQ}/rabbitmq-server is not there: install the package rabbitmq-server"
    if not shutil.which("epmd"):
        return "epmd is not there: install the package erlang-base"
    if os.geteuid() == 0 and _user("rabbitmq") is None:
        return "RabbitMQ does not run as root here, and this machine has no user rabbitmq"
    return None


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


class OwnPostgres:
    """A cluster in `folder`; on a tmpfs of `disk_mb` where we may mount one, so that its disk can be filled."""

    def __init__(self, folder: Path, disk_mb: int = DISK_MB):
        self.folder, self.disk_mb, self.mounted = folder, disk_mb, False
        self.ballast = folder / "ballast"

    def start(self) -> None:
        """Starts the cluster, or starts it again after whatever happened to it. Raises ServerFailed."""
        if not self.folder.exists():
            self.folder.mkdir(mode=0o711, parents=True)
            self.mounted = self._mount()
            self.server = Server(self.folder, port=free_ports(1)[0], settings=SETTINGS)
        self.server.stop()
        self.url = self.server.start()

    def _mount(self) -> bool:
        if os.geteuid() != 0:
            return False
        options = f"size={self.disk_mb}m,mode=0711"
        return (
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "torture", self.folder], capture_output=True).returncode == 0
        )

    @property
    def can_be_filled(self) -> bool:
        return self.mounted

    @property
    def pid(self) -> int:
        return int((self.server.data / "postmaster.pid").read_text().split()[0])

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def fill(self) -> None:
        """Leaves no byte on the disk."""
        assert self.mounted
        with self.ballast.open("wb") as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(1024 * 1024))
                ballast.flush()

    def empty(self) -> None:
        self.ballast.unlink(missing_ok=True)

    @property
    def is_alive(self) -> bool:
        return self.server.is_running

    def stop(self, keep: bool = False) -> None:
        self.server.stop()
        if not keep:
            if self.mounted:
                subprocess.run(["umount", self.folder], check=True)
            shutil.rmtree(self.folder, ignore_errors=True)


class OwnRabbit:
    """A node of its own name, with an epmd of its own, in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.user = _user("rabbitmq") if os.geteuid() == 0 else None
        self.node = f"torture{secrets.token_hex(3)}@localhost"
        self.port, self.dist_port, self.epmd_port = free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.files = {
            "enabled_plugins": "[].\n",
            "rabbitmq.conf": "raft.wal_max_size_bytes = 33554432\nlog.file.level = warning\n",
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.epmd: subprocess.Popen[bytes] | None = None

    def _as_user(self) -> dict[str, Any]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}",
        }
        options: dict[str, Any] = {"env": environment, "cwd": self.folder, "stdin": subprocess.DEVNULL}
        if self.user is not None:
            options |= {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        return options

    def start(self) -> None:
        """Starts the node and waits until it lets us in."""
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700, parents=True)
            for name, content in self.files.items():
                (self.folder / name).write_text(content)
            if self.user is not None:
                for path in (self.folder, *self.folder.iterdir()):
                    os.chown(path, self.user.pw_uid, self.user.pw_gid)
            self.epmd = subprocess.Popen(["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1"], **self._as_user())
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [RABBITMQ / "rabbitmq-server"], stdout=output, stderr=output, start_new_session=True, **self._as_user()
            )
        deadline = time.monotonic() + READY_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"RabbitMQ did not start: {(self.folder / 'output').read_text()[-1000:]}")
            time.sleep(0.2)

    def _answers(self) -> bool:
        with Connection(self.url, connect_timeout=2) as connection:
            try:
                connection.ensure_connection(max_retries=1, interval_start=0)
            except Exception:  # noqa: BLE001 - whatever it is, it is not ready
                return False
            return True

    def kill(self) -> None:
        """SIGKILL to the node and what it started."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wipe(self) -> None:
        """Removes all that a killed node knew."""
        shutil.rmtree(self.folder / "mnesia")

    def control(self, *words: str) -> None:
        """rabbitmqctl."""
        command = [RABBITMQ / "rabbitmqctl", "-n", self.node, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, **self._as_user())
        if done.returncode != 0:
            raise ServerFailed(f"rabbitmqctl {' '.join(words)}: {done.stderr[-500:]}")

    def alarm(self, on: bool) -> None:
        """Makes the node believe that its disk is nearly full: it takes nothing from publishers."""
        self.control("set_disk_free_limit", "1000000GB" if on else "50MB")

    def stop(self, keep: bool = False) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def database_of(url: str) -> str:
    return urlsplit(url).path.strip("/")


def execute(url: str, query: str, *values: object) -> list[Any]:
    """Runs one statement by itself; its rows, if it has any."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []
