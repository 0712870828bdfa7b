"""Settings: a process starts with all of them right, or says everything that is wrong."""

from __future__ import annotations

import pytest

from shared.config import SERVICES, SettingsWrong, settings_from_environment

URL = "postgresql://duebook_billing_{}:secret@db:5432/duebook_billing"
PEERS = ",".join(f"{name}=http://{name}:8000" for name in SERVICES)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("BROKER_URL", "BUS_PREFIX", "POOL_SIZE", "MAX_BODY_BYTES", "CLOCK_FILE"):
        monkeypatch.delenv(f"DUEBOOK_{name}", raising=False)
    for role in ("api", "worker", "log"):
        monkeypatch.setenv(f"DUEBOOK_{role.upper()}_DATABASE_URL", URL.format(role))
    monkeypatch.setenv("DUEBOOK_INTERNAL_SECRET", "s" * 32)
    monkeypatch.setenv("DUEBOOK_PEERS", PEERS)
    return monkeypatch


def faults(process: str = "api") -> list[str]:
    with pytest.raises(SettingsWrong) as wrong:
        settings_from_environment("billing", process)
    return wrong.value.faults


def test_settings_are_read_and_have_defaults() -> None:
    settings = settings_from_environment("billing", "api")

    assert settings.api_database_url == URL.format("api")
    assert settings.peers["ledger"] == "http://ledger:8000"
    assert (settings.pool_size, settings.bus_prefix, settings.max_body_bytes) == (5, "duebook", 4 * 1024 * 1024)


def test_everything_missing_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    for name in ("API_DATABASE_URL", "LOG_DATABASE_URL", "INTERNAL_SECRET", "PEERS"):
        environment.delenv(f"DUEBOOK_{name}")

    told = "\n".join(faults())

    for name in ("DUEBOOK_API_DATABASE_URL", "DUEBOOK_LOG_DATABASE_URL", "DUEBOOK_INTERNAL_SECRET", "DUEBOOK_PEERS"):
        assert name in told


def test_everything_wrong_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DUEBOOK_API_DATABASE_URL", "mysql://db/duebook")
    environment.setenv("DUEBOOK_INTERNAL_SECRET", "short")
    environment.setenv("DUEBOOK_POOL_SIZE", "0")
    environment.setenv("DUEBOOK_MAX_BODY_BYTES", "many")
    environment.setenv("DUEBOOK_PEERS", "ledger=ftp://ledger")

    told = faults()

    for name in ("API_DATABASE_URL", "INTERNAL_SECRET", "POOL_SIZE", "MAX_BODY_BYTES"):
        assert [line for line in told if f"DUEBOOK_{name}" in line], name
    assert len([line for line in told if "DUEBOOK_PEERS" in line]) == 2, "peers that lack, and one that is no http URL"


def test_a_worker_needs_a_broker_and_an_api_does_not(environment: pytest.MonkeyPatch) -> None:
    assert settings_from_environment("billing", "api").broker_url == "memory://"
    assert [line for line in faults("worker") if "DUEBOOK_BROKER_URL" in line]

    environment.setenv("DUEBOOK_BROKER_URL", "amqp://u:p@mq:5672/v")
    assert settings_from_environment("billing", "worker").broker_url == "amqp://u:p@mq:5672/v"


def test_an_api_needs_no_worker_s_url(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DUEBOOK_WORKER_DATABASE_URL")

    assert settings_from_environment("billing", "api").worker_database_url == ""
    assert [line for line in faults("worker") if "DUEBOOK_WORKER_DATABASE_URL" in line]


def test_the_secret_shows_in_no_log() -> None:
    assert "s" * 32 not in repr(settings_from_environment("billing", "api"))


def test_the_message_has_a_line_for_each_fault(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DUEBOOK_INTERNAL_SECRET")
    environment.delenv("DUEBOOK_API_DATABASE_URL")

    with pytest.raises(SettingsWrong) as wrong:
        settings_from_environment("billing", "api")

    assert str(wrong.value).count("\n  - ") == len(wrong.value.faults) >= 2
