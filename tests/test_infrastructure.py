"""The rules by which tests find their servers."""

from pathlib import Path

import psycopg
import pytest
from kombu import Connection, Exchange, Queue

from tests import infrastructure
from tests.infrastructure import NoServer

NOBODY_LISTENS = "127.0.0.1:9"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DUEBOOK_TEST_INFRA", "DUEBOOK_TEST_PG_URL", "DUEBOOK_TEST_AMQP_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_embedded_postgres_is_usable_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DUEBOOK_TEST_INFRA", "embedded")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    found = infrastructure.postgres()
    with psycopg.connect(found.url) as connection:
        assert connection.execute("show fsync").fetchone() == ("off",)
        version = connection.execute("show server_version").fetchone()[0]
    found.close()

    assert str(found) == f"PostgreSQL {version} (embedded)"
    assert list(tmp_path.iterdir()) == []


def test_a_url_of_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    somewhere = infrastructure.postgres()
    monkeypatch.setenv("DUEBOOK_TEST_PG_URL", somewhere.url)

    found = infrastructure.postgres()

    assert (found.branch, found.url) == ("env", somewhere.url)
    somewhere.close()


def test_a_dead_postgres_of_the_environment_is_an_error_and_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUEBOOK_TEST_PG_URL", f"postgresql://postgres@{NOBODY_LISTENS}/postgres")

    with pytest.raises(NoServer, match="DUEBOOK_TEST_PG_URL is set, but"):
        infrastructure.postgres()


def test_a_dead_broker_of_the_environment_is_an_error_and_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUEBOOK_TEST_AMQP_URL", f"amqp://guest:guest@{NOBODY_LISTENS}//")

    with pytest.raises(NoServer, match="DUEBOOK_TEST_AMQP_URL is set, but"):
        infrastructure.broker()


def test_a_forced_branch_without_a_server_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUEBOOK_TEST_INFRA", "env")

    with pytest.raises(NoServer, match="DUEBOOK_TEST_INFRA is env, and no usable RabbitMQ is there"):
        infrastructure.broker()


def test_an_unknown_branch_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUEBOOK_TEST_INFRA", "cloud")

    with pytest.raises(NoServer, match="'cloud'; it must be one of env, docker, local, embedded"):
        infrastructure.postgres()


def test_the_embedded_broker_is_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUEBOOK_TEST_INFRA", "embedded")

    assert (infrastructure.broker().branch, infrastructure.broker().url) == ("memory", "memory://")


def test_named_exchanges_and_queues_are_deleted() -> None:
    found = infrastructure.broker()
    if found.branch == "memory":
        pytest.skip("no RabbitMQ answers")
    name = infrastructure.random_prefix() + "invoices"
    with Connection(found.url) as connection:
        Queue(name, Exchange(name, type="fanout"))(connection.channel()).declare()

    infrastructure.delete_from_broker(found.url, exchanges=[name], queues=[name, name + "_never_made"])

    with Connection(found.url) as connection:
        with pytest.raises(connection.channel_errors, match="no queue"):
            connection.channel().queue_declare(name, passive=True)
        with pytest.raises(connection.channel_errors, match="no exchange"):
            connection.channel().exchange_declare(name, type="fanout", passive=True)
    found.close()
