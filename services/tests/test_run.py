"""Real processes of one service, as they run in production."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

import httpx
import psycopg
import pytest

from services import run
from shared.config import SERVICES
from shared.db import ROLES
from tests.product import SECRET, drop_databases

PEERS = ",".join(f"{name}=http://127.0.0.1:1" for name in SERVICES)
LONGEST_START_S = 20


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DUEBOOK_") and not name.startswith("DUEBOOK_TEST"):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(database_urls: dict[str, dict[str, str]]) -> dict[str, str]:
    urls = {f"DUEBOOK_{role.upper()}_DATABASE_URL": database_urls["identity"][role] for role in ROLES}
    return {**urls, "DUEBOOK_INTERNAL_SECRET": SECRET, "DUEBOOK_PEERS": PEERS, "DUEBOOK_POOL_SIZE": "2"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    def __init__(self, *arguments: str, settings: Mapping[str, str]):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DUEBOOK_")}
        command = [sys.executable, "-m", "services.run", *arguments]
        self.popen = subprocess.Popen(command, env={**kept, **settings}, stderr=subprocess.PIPE, text=True)

    def answer(self, url: str) -> httpx.Response:
        """What `url` answers, as soon as anything answers there."""
        deadline = time.monotonic() + LONGEST_START_S
        while True:
            try:
                return httpx.get(url, timeout=5)
            except httpx.HTTPError:
                assert self.popen.poll() is None, self.popen.communicate()[1]
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Exit code and log after a signal."""
        self.popen.send_signal(number)
        try:
            said = self.popen.communicate(timeout=20)[1]
        finally:
            self.popen.kill()
        return self.popen.returncode, said


def test_an_api_answers_and_ends_in_order_when_it_is_told_to_stop(settings: dict[str, str]) -> None:
    port = free_port()
    process = Process("api", "identity", settings={**settings, "DUEBOOK_BIND": f"127.0.0.1:{port}"})
    try:
        ready = process.answer(f"http://127.0.0.1:{port}/readyz")
    finally:
        code, said = process.end(signal.SIGTERM)

    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert code == 0
    assert all(line.startswith("{") for line in said.splitlines()), said


@pytest.mark.parametrize("number", run.STOPS)
def test_a_worker_shows_its_metrics_and_ends_in_order_when_it_is_told_to_stop(
    settings: dict[str, str], number: signal.Signals
) -> None:
    port = free_port()
    more = {"DUEBOOK_METRICS_PORT": str(port), "DUEBOOK_BROKER_URL": "memory://"}
    process = Process("worker", "identity", settings={**settings, **more})
    try:
        metrics = process.answer(f"http://127.0.0.1:{port}/metrics").text
    finally:
        code, said = process.end(number)

    assert "duebook_log_head" in metrics
    assert code == 0
    assert "Traceback" not in said


@pytest.mark.parametrize("process", ["api", "worker"])
@pytest.mark.usefixtures("no_settings")
def test_every_wrong_setting_is_said_at_once(
    process: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DUEBOOK_LOG_LEVEL", "LOUD")
    monkeypatch.setenv("DUEBOOK_POOL_SIZE", "none")

    assert run.main([process, "identity"]) == 2

    said = capsys.readouterr().err
    for name in (process.upper() + "_DATABASE_URL", "LOG_DATABASE_URL", "INTERNAL_SECRET", "PEERS", "LOG_LEVEL", "POOL_SIZE"):
        assert f"DUEBOOK_{name}" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("no_settings")
def test_an_address_without_a_port_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DUEBOOK_BIND", "everywhere")

    assert run.main(["api", "identity"]) == 2
    assert "DUEBOOK_BIND: must look like 0.0.0.0:8000" in capsys.readouterr().err


@pytest.mark.usefixtures("no_settings")
def test_a_database_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DUEBOOK_OWNER_DATABASE_URL", "postgresql://owner:word@127.0.0.1:1/nothing")

    assert run.main(["migrate", "identity"]) == 1
    assert re.fullmatch(r"the database cannot be used: .*Connection refused.*\n", capsys.readouterr().err)


@pytest.fixture
def prefix(admin_url: str) -> Iterator[str]:
    made = f"dbt_{secrets.token_hex(4)}_"
    yield made
    drop_databases(admin_url, made)


@pytest.mark.usefixtures("no_settings")
def test_provisioning_sets_the_passwords_given_and_may_run_again(
    admin_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUEBOOK_ADMIN_DATABASE_URL", admin_url)
    monkeypatch.setenv("DUEBOOK_DATABASE_PREFIX", prefix)
    for role in ROLES:
        monkeypatch.setenv(f"DUEBOOK_BILLING_{role.upper()}_PASSWORD", f"word of {role}")

    assert run.main(["provision", "billing"]) == 0
    assert run.main(["provision", "billing"]) == 0

    host = admin_url.rpartition("@")[2].partition("/")[0]
    with psycopg.connect(f"postgresql://{prefix}billing_owner:word%20of%20owner@{host}/{prefix}billing") as connection:
        assert connection.execute("select current_user").fetchone() == (f"{prefix}billing_owner",)


@pytest.mark.usefixtures("no_settings")
def test_provisioning_names_every_password_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["provision", "billing", "ledger"]) == 2

    said = capsys.readouterr().err
    assert said.count("_PASSWORD is not set") == 8
    assert "DUEBOOK_ADMIN_DATABASE_URL is not set" in said


def test_a_service_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(["api", "payroll"])

    assert ended.value.code == 2
    assert "payroll" in capsys.readouterr().err


def test_running_a_service_imports_no_other() -> None:
    told = "import sys; from services.run import _module; _module('identity'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()

    assert "services.identity.app" in loaded
    assert not [
        name for name in loaded if name.startswith(tuple(f"services.{other}" for other in SERVICES if other != "identity"))
    ]
