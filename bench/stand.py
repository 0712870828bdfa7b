"""Where a measurement stands: databases of its own, the house in this process, and API processes as in production."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from bench.bare import TABLES
from shared.config import SERVICES
from tests.infrastructure import Found, broker, postgres
from tests.integration.cluster import Cluster, free_ports
from tests.product import House, build_databases, drop_databases, random_prefix

WEB_WORKERS, THREADS = 2, 4
"""Processes and threads of each API measured, and of the bare app beside it."""


@dataclass
class Stand:
    """One measurement's servers. `house` steps consumers by hand where no worker runs."""

    postgres: Found
    broker: Found
    urls: dict[str, dict[str, str]]
    house: House
    cluster: Cluster
    prefix: str

    def url(self, name: str) -> str:
        """A database without any guard, made anew, as its superuser."""
        with psycopg.connect(self.postgres.url, autocommit=True) as admin:
            admin.execute(f"create database {self.prefix}{name}")
        return f"{self.postgres.url.rsplit('/', 1)[0]}/{self.prefix}{name}"

    def api(self, *names: str) -> None:
        """Starts these services' APIs, each as one process of `services.run`, and waits until they are ready."""
        self._launch("api", names)
        for name in names:
            _answers(f"{self.base(name)}/readyz")

    def worker(self, *names: str) -> None:
        self._launch("worker", names)

    def _launch(self, process: str, names: Sequence[str]) -> None:
        more = {"DUEBOOK_WEB_WORKERS": str(WEB_WORKERS), "DUEBOOK_POOL_SIZE": str(THREADS)}
        for name in names:
            # identity only answers for its keys here
            self.cluster.launch(process, name, 0, **({} if name == "identity" else more))

    def stop(self, key: str) -> None:
        self.cluster.kill(key, signal.SIGTERM)

    def port(self, name: str) -> int:
        return self.cluster.ports[name][0]

    def base(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port(name)}"

    def warm(self, headers: dict[str, str], *names: str) -> None:
        """Lets every process of these APIs fetch the keys that tokens are checked with."""
        for name in names:
            for _ in range(10 * WEB_WORKERS):
                _answers(f"{self.base(name)}/api/{name}/parked-events", headers)

    def until_taken_in(self, service: str, producer: str) -> None:
        """Waits until the service's worker is at the end of the producer's log."""
        deadline = time.monotonic() + 120
        with self.house.owner(service) as reader, self.house.owner(producer) as log:
            reader.autocommit = log.autocommit = True
            while time.monotonic() < deadline:
                unnumbered = log.execute("select exists (select from log.event where seq is null)").fetchone()
                head = log.execute("select seq from log.head").fetchone()
                if (
                    unnumbered == (False,)
                    and head == reader.execute("select seq from log.position where producer = %s", (producer,)).fetchone()
                ):
                    return
                time.sleep(0.1)
        said = self.cluster.log_of(f"worker {service} 0")
        raise TimeoutError(f"{service} did not take in the log of {producer}: {said}")

    @contextmanager
    def bare(self) -> Iterator[int]:
        """The bare app under the same server settings. Gives its port."""
        url = self.url("bare")
        with psycopg.connect(url) as connection:
            connection.execute(TABLES)
        (port,) = free_ports(1)
        settings = f"--bind 127.0.0.1:{port} --worker-class gthread --workers {WEB_WORKERS} --threads {THREADS} --keep-alive 75"
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                *settings.split(),
                "--worker-tmp-dir",
                "/dev/shm",
                "--log-level",
                "error",
                "bench.bare:app",
            ],
            env={**os.environ, "BARE_URL": url},
            cwd=Path(__file__).parents[1],
        )
        try:
            _answers(f"http://127.0.0.1:{port}/balances/1")
            yield port
        finally:
            process.terminate()
            process.wait()


def _answers(url: str, headers: dict[str, str] | None = None) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(url, headers=headers, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"{url} does not answer")
        time.sleep(0.05)


@contextmanager
def stand(services: Sequence[str] = SERVICES) -> Iterator[Stand]:
    """Databases of these services under a name of their own; nothing is left of them afterwards."""
    found, bus, prefix = postgres(), broker(), random_prefix()
    try:
        with tempfile.TemporaryDirectory(prefix="duebook-bench-") as folder:
            urls = build_databases(found.url, prefix, services)
            house = House(urls)
            cluster = Cluster(urls, bus.url, prefix.rstrip("_"), Path(folder))
            try:
                yield Stand(found, bus, urls, house, cluster, prefix)
            finally:
                cluster.stop()
                house.close()
    finally:
        drop_databases(found.url, prefix)
        found.close()
        bus.close()
