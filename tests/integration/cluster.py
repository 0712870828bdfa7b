"""The product as it runs in production: each service's API and worker a process of its own, over RabbitMQ."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from shared.config import SERVICES
from tests.infrastructure import delete_from_broker
from tests.product import SECRET

START_S = 90


def free_ports(how_many: int) -> list[int]:
    """Ports that nobody listens on just now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(how_many)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]


@dataclass
class Cluster:
    """`replicas` of each API and, unless `workers` says otherwise, of each worker. Processes are named `api billing 0`,
    `worker ledger 1`, …"""

    urls: Mapping[str, Mapping[str, str]]
    broker_url: str
    prefix: str
    folder: Path
    replicas: int = 1
    workers: int | None = None
    services: Sequence[str] = SERVICES
    environment: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    callers: list[httpx.Client] = field(default_factory=list)

    def __post_init__(self) -> None:
        ports = iter(free_ports(len(SERVICES) * self.replicas))
        self.ports = {name: [next(ports) for _ in range(self.replicas)] for name in SERVICES}

    def start(self) -> None:
        for name in self.services:
            self.launch_all(name)
        self.await_ready(self.services)

    def await_ready(self, services: Sequence[str], patience_s: float = START_S) -> None:
        """Waits until the API of each of these services answers that it can work."""
        deadline = time.monotonic() + patience_s
        for name in services:
            for port in self.ports[name]:
                while not self._ready(port):
                    assert time.monotonic() < deadline, f"{name} did not get ready: {self.log_of(f'api {name} 0')}"
                    time.sleep(0.1)

    def launch_all(self, name: str, **more: str) -> None:
        """Every process of a service that does not run already."""
        for process, replicas in (("api", self.replicas), ("worker", self.workers or self.replicas)):
            for replica in range(replicas):
                if f"{process} {name} {replica}" not in self.processes:
                    self.launch(process, name, replica, **more)

    def _ready(self, port: int) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
        return False

    def launch(self, process: str, name: str, replica: int, **more: str) -> None:
        urls = self.urls[name]
        settings = {
            "DUEBOOK_API_DATABASE_URL": urls["api"],
            "DUEBOOK_WORKER_DATABASE_URL": urls["worker"],
            "DUEBOOK_LOG_DATABASE_URL": urls["log"],
            "DUEBOOK_BROKER_URL": self.broker_url,
            "DUEBOOK_BUS_PREFIX": self.prefix,
            "DUEBOOK_INTERNAL_SECRET": SECRET,
            "DUEBOOK_POOL_SIZE": "2",
            "DUEBOOK_PEERS": ",".join(f"{peer}=http://127.0.0.1:{self.ports[peer][0]}" for peer in SERVICES),
            "DUEBOOK_BIND": f"127.0.0.1:{self.ports[name][replica % self.replicas]}",
            "DUEBOOK_WEB_WORKERS": "1",
            "DUEBOOK_METRICS_PORT": "0",
        }
        key = f"{process} {name} {replica}"
        with (self.folder / f"{key.replace(' ', '-')}.log").open("ab") as output:
            self.processes[key] = subprocess.Popen(
                [sys.executable, "-m", "services.run", process, name],
                env={**os.environ, **settings, **self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=Path(__file__).parents[2],
            )

    def kill(self, key: str, number: int = signal.SIGKILL) -> None:
        """SIGKILL to a process and its children; nothing where it has ended already."""
        process = self.processes.pop(key)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait()

    def log_of(self, key: str, at_most: int = 3000) -> str:
        return (self.folder / f"{key.replace(' ', '-')}.log").read_text(errors="replace")[-at_most:]

    def stop(self) -> None:
        for caller in self.callers:
            caller.close()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.processes.clear()
        if self.broker_url.startswith("amqp"):
            names = [f"{self.prefix}.{name}" for name in SERVICES]
            delete_from_broker(self.broker_url, names, [f"{name}.v1" for name in names])


class Caller:
    """One client of the cluster, for one company; any replica may answer."""

    def __init__(self, cluster: Cluster, token: str, seed: int):
        self.cluster, self.token = cluster, token
        self.random = random.Random(seed)
        self.http = httpx.Client(timeout=20)
        cluster.callers.append(self.http)

    def call(self, method: str, path: str, json: Any = None, **params: Any) -> httpx.Response:
        """Repeats a request that is answered 503, with the same key, as a client does."""
        port = self.random.choice(self.cluster.ports[path.split("/")[2]])
        headers = {"Authorization": f"Bearer {self.token}"}
        if method != "GET":
            headers["Idempotency-Key"] = f"{self.random.getrandbits(128):032x}"
        for _ in range(30):
            try:
                answer = self.http.request(method, f"http://127.0.0.1:{port}{path}", json=json, params=params, headers=headers)
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            if answer.status_code != 503:
                return answer
            time.sleep(0.2)
        raise AssertionError(f"{method} {path} was not answered")

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()


def settled(caller: Caller, services: Sequence[str] = SERVICES, patience_s: float = 60) -> dict[str, Any]:
    """Waits until every worker is at the end of every log it follows. Returns each service's status."""
    deadline = time.monotonic() + patience_s
    quiet = 0
    while True:
        statuses = {name: caller.get(f"/api/{name}/status") for name in services}
        behind = {
            (name, position["producer"]): position["behind"]
            for name, status in statuses.items()
            for position in status["positions"]
            if position["behind"] != 0 and position["producer"] in services
        }
        unpublished = [name for name, status in statuses.items() if status["published_through"] < status["head"]]
        quiet = 0 if behind or unpublished else quiet + 1
        if quiet == 2:
            return statuses
        assert time.monotonic() < deadline, f"not settled: behind {behind}, unpublished {unpublished}"
        time.sleep(0.2)
