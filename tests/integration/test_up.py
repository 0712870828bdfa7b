"""`duebook up`: ready, one Ctrl-C, data kept; and one clear line where it cannot start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.embedded import Home

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    yield made
    made.stop()


def refused(home: Home, *arguments: str) -> str:
    """The one line of a command that cannot do its work."""
    done = home.run(*(arguments or ("up", "--port", str(home.port))))
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_the_demo_is_there_proven_and_still_there_after_one_ctrl_c(home: Home) -> None:
    home.start()
    front = httpx.get(home.url + "/")
    assert front.status_code == 200
    assert "Duebook" in front.text
    assert httpx.get(home.url + "/readyz").json() == {"status": "ready", "waiting_for": []}
    aging = home.get("/api/billing/aging")
    assert aging["totals"][0]["invoices"] > 5
    proof = home.run("proof")
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert "0 behind" in home.run("status").stdout

    began = time.monotonic()
    assert home.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < 60
    assert home.start() < 60
    assert home.get("/api/billing/aging") == aging
    assert home.run("verify").returncode == 0


def test_what_is_internal_is_refused_and_so_is_a_second_one_on_the_same_home(home: Home) -> None:
    home.start("--no-demo")
    token = home.run("token").stdout.strip()

    for path in ("/internal/log", "/internal/status", "/metrics", "/api/billing/../../internal/log", "/api/nothing/at-all"):
        answer = httpx.get(home.url + path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 404, path
    assert httpx.get(home.url + "/api/billing/aging").status_code == 401
    assert "viewer" in refused(home, "token", "--role", "nobody")
    assert "in use by another Duebook" in refused(Home(home.folder))


def test_a_child_that_is_killed_is_started_again(home: Home) -> None:
    home.start("--no-demo")
    assert home.up is not None
    children = Path(f"/proc/{home.up.pid}/task/{home.up.pid}/children").read_text().split()
    worker = next(pid for pid in children if b"embedded.workers" in Path(f"/proc/{pid}/cmdline").read_bytes())

    os.kill(int(worker), signal.SIGKILL)

    deadline = time.monotonic() + 30
    while httpx.get(home.url + "/readyz").status_code == 200:  # until the dead worker's lock is seen to be gone
        assert time.monotonic() < deadline
    while httpx.get(home.url + "/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_port_in_use_is_one_clear_line(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.port))
        taken.listen()
        assert f"port {home.port} is in use" in refused(home)


def test_a_home_that_is_no_folder_is_one_clear_line(home: Home) -> None:
    home.folder.write_text("not a folder")
    done = home.run("up", "--port", str(home.port))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert str(home.folder) in done.stderr


def test_a_command_without_a_running_installation_says_how_to_start_one(home: Home) -> None:
    for command in (("token",), ("proof",), ("verify",), ("status",)):
        assert "start it with: duebook up" in refused(home, *command)


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount the small disk that this needs")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"this machine mounts no tmpfs: {mounted.stderr.strip()}")
    try:
        line = refused(Home(folder / "home"))
        assert "space" in line.lower() or "full" in line.lower()
    finally:
        subprocess.run(["umount", str(folder)], check=True)
