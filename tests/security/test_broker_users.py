"""S17: a service's broker user may publish to its own exchange and read its own queue, and nothing else. Tried over AMQP, on a
node of our own that is configured as in deploy/rabbitmq; and the product works with exactly these rights."""

from __future__ import annotations

import importlib.util
import json
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from amqp.exceptions import AccessRefused, ConnectionError, NotAllowed
from kombu import Connection

from embedded.assembly import service
from shared.config import SERVICES
from shared.log.bus import Bus, PagePublisher, PageReceiver
from tests.house.code import ROOT
from tests.torture.servers import RABBITMQ, OwnRabbit, missing

pytestmark = pytest.mark.matrix("S17", times=20)

SINCE_4 = "anonymous_login_user"
DELIVERED_WITHIN_S = 60.0


def make_secrets() -> ModuleType:
    """deploy/make_secrets.py"""
    found = importlib.util.spec_from_file_location("make_secrets", ROOT / "deploy" / "make_secrets.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


class Deployed(OwnRabbit):
    """A node with deploy's own configuration and definitions, as `make up` starts one."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.passwords = {name: secrets.token_urlsafe(24) for name in SERVICES}
        definitions = json.loads((ROOT / "deploy/rabbitmq/definitions.json").read_text())
        for user in definitions["users"]:
            user["password_hash"] = make_secrets().password_hash(self.passwords[user["name"]])
        configuration = (ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text()
        configuration = configuration.replace("/etc/rabbitmq/definitions.json", str(folder / "definitions.json"))
        if not list(RABBITMQ.parent.glob("lib/rabbitmq_server-4*")):
            configuration = "\n".join(line for line in configuration.splitlines() if not line.startswith(SINCE_4)) + "\n"
        self.files |= {"definitions.json": json.dumps(definitions), "rabbitmq.conf": configuration}
        self.url = self.url_of("identity")

    def url_of(self, user: str, password: str | None = None, vhost: str = "duebook") -> str:
        return f"amqp://{user}:{password or self.passwords[user]}@127.0.0.1:{self.port}/{vhost}"


@pytest.fixture(scope="module")
def broker() -> Iterator[Deployed]:
    """The node, with each service's queue, as its worker declares it."""
    lacks = missing()
    if lacks:
        pytest.skip(lacks)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        node = Deployed(Path(folder) / "rabbitmq")
        try:
            node.start()
            for name in SERVICES:
                bus = Bus(node.url_of(name), "duebook", name)
                PageReceiver(bus, name, list(service(name).follows), lambda *_: None)
                bus.close()
            yield node
        finally:
            node.stop()


def lets_in(url: str) -> bool:
    with Connection(url, connect_timeout=10) as connection:
        try:
            connection.connect()
        except (AccessRefused, NotAllowed, ConnectionError):
            return False
        return True


def refused(broker: Deployed, user: str, act: Callable[[Any], object]) -> bool:
    """Whether the broker refuses the user this, on a channel of its own."""
    with Connection(broker.url_of(user), connect_timeout=10) as connection:
        channel = connection.default_channel
        channel.confirm_select()
        try:
            act(channel)
        except AccessRefused:
            return True
        return False


def publish(exchange: str, key: str = "") -> Callable[[Any], object]:
    def act(channel: Any) -> None:
        channel.basic_publish_confirm(channel.prepare_message(b"forged"), exchange, key)

    return act


@pytest.mark.parametrize("vhost", ["duebook", "%2f", ""])
@pytest.mark.parametrize("user", ["guest", "admin", *SERVICES])
def test_nobody_comes_in_with_a_password_that_is_guessed(user: str, vhost: str, broker: Deployed) -> None:
    for password in ("guest", user, "x"):
        assert not lets_in(broker.url_of(user, password, vhost))


@pytest.mark.parametrize("user", SERVICES)
def test_a_service_has_no_other_vhost(user: str, broker: Deployed) -> None:
    assert lets_in(broker.url_of(user))
    assert not lets_in(broker.url_of(user, vhost="%2f"))


@pytest.mark.parametrize("user", SERVICES)
def test_a_service_publishes_to_its_own_exchange_only(user: str, broker: Deployed) -> None:
    assert not refused(broker, user, publish(f"duebook.{user}"))
    for other in SERVICES:
        if other != user:
            assert refused(broker, user, publish(f"duebook.{other}"))
        assert refused(broker, user, publish("", f"duebook.{other}.v1")), "straight into a queue"
    assert refused(broker, user, publish("amq.fanout"))


@pytest.mark.parametrize("user", SERVICES)
def test_a_service_reads_its_own_queue_only(user: str, broker: Deployed) -> None:
    assert not refused(broker, user, lambda channel: channel.basic_consume(f"duebook.{user}.v1"))
    for other in set(SERVICES) - {user}:
        queue = f"duebook.{other}.v1"
        assert refused(broker, user, lambda channel, queue=queue: channel.basic_consume(queue))
        assert refused(broker, user, lambda channel, queue=queue: channel.basic_get(queue))
        assert refused(broker, user, lambda channel, queue=queue: channel.queue_purge(queue))


@pytest.mark.parametrize("user", SERVICES)
def test_a_service_changes_nothing_of_the_others(user: str, broker: Deployed) -> None:
    for other in set(SERVICES) - {user}:
        exchange, queue = f"duebook.{other}", f"duebook.{other}.v1"
        acts: list[Callable[[Any], object]] = [
            lambda channel, queue=queue: channel.queue_delete(queue),
            lambda channel, queue=queue: channel.queue_declare(queue, durable=True, auto_delete=False),
            lambda channel, queue=queue: channel.queue_unbind(queue, "duebook.identity"),
            lambda channel, queue=queue: channel.queue_bind(queue, f"duebook.{user}"),
            lambda channel, exchange=exchange: channel.exchange_delete(exchange),
            lambda channel, exchange=exchange: channel.exchange_declare(exchange, "fanout", durable=True, auto_delete=False),
            lambda channel, exchange=exchange: channel.exchange_bind(exchange, f"duebook.{user}"),
        ]
        assert [number for number, act in enumerate(acts) if not refused(broker, user, act)] == []


@pytest.mark.parametrize("user", SERVICES)
def test_a_service_listens_to_whom_it_follows_only_and_makes_nothing_new(user: str, broker: Deployed) -> None:
    for other in set(SERVICES) - {user, *service(user).follows}:
        assert refused(broker, user, lambda channel, other=other: channel.queue_bind(f"duebook.{user}.v1", f"duebook.{other}"))
    for name in ("spy", f"duebook.{user}.v1.spy", "duebook.new", ""):
        assert refused(broker, user, lambda channel, name=name: channel.queue_declare(name, exclusive=True))
    assert refused(broker, user, lambda channel: channel.exchange_declare("duebook.new", "fanout"))


@pytest.mark.parametrize("producer", SERVICES)
def test_pages_go_from_a_service_to_all_that_follow_it_with_these_rights(producer: str, broker: Deployed) -> None:
    followers = [name for name in SERVICES if producer in service(name).follows]
    page = f"page of {producer} {secrets.token_hex(8)}"
    with ExitStack() as closing:
        got: dict[str, list[str]] = {name: [] for name in followers}
        receivers = []
        for name in followers:
            bus = Bus(broker.url_of(name), "duebook", name)
            closing.callback(bus.close)
            receivers.append(
                PageReceiver(bus, name, list(service(name).follows), lambda given, name=name: got[name].append(str(given)))
            )
        bus = Bus(broker.url_of(producer), "duebook", producer)
        closing.callback(bus.close)
        publisher = PagePublisher(bus, producer)

        publisher.send(page.encode())
        if followers:
            publisher.confirm()

        waited = 0.0
        while waited < DELIVERED_WITHIN_S and not all(any(page in each for each in got[name]) for name in followers):
            for receiver in receivers:
                receiver.receive(0.1)
                waited += 0.1
        assert [name for name in followers if not any(page in each for each in got[name])] == []
