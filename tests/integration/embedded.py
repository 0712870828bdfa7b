"""`duebook` as a person runs it: real processes on a home folder of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.integration.cluster import free_ports

ROOT = Path(__file__).parents[2]
READY_S = 90


class Home:
    """A home folder and what runs from it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_ports(1)[0]
        self.up: subprocess.Popen[str] | None = None
        self.tokens: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *options: str) -> float:
        """Runs `duebook up` until it prints its URL. Returns the seconds that took."""
        began = time.monotonic()
        self.up = subprocess.Popen(
            [sys.executable, "-m", "embedded.cli", "up", "--home", str(self.folder), "--port", str(self.port), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        assert self.up.stdout is not None
        said = []
        for line in self.up.stdout:
            said.append(line)
            if self.url in line:
                return time.monotonic() - began
            assert time.monotonic() - began < READY_S, said
        raise AssertionError("".join(said))

    def stop(self, number: int = signal.SIGINT) -> int:
        """One Ctrl-C. Returns the exit code."""
        if self.up is None:
            return 0
        self.up.send_signal(number)
        code = self.up.wait(30)
        assert self.up.stdout is not None
        self.up.stdout.close()
        self.up = None
        return code

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command on this home, to its end."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, cwd=ROOT, timeout=120)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "embedded.cli", *arguments, "--home", str(self.folder)]

    def get(self, path: str, company: str = "1", **params: Any) -> Any:
        """A GET by the token of a company's owner."""
        if company not in self.tokens:
            self.tokens[company] = self.run("token", "--company", company).stdout.strip()
        headers = {"Authorization": f"Bearer {self.tokens[company]}"}
        answer = httpx.get(self.url + path, params=params, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, **params: Any) -> list[Any]:
        """Every item of a list."""
        items, cursor = [], None
        while True:
            page = self.get(path, limit=200, **params, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items
