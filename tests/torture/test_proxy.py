"""The proxy does what it says, before a service is hung behind it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import psycopg
import pytest

from shared.db import provision
from tests.product import drop_databases, random_prefix
from tests.torture.proxy import Proxy


class Echo:
    """A server that answers what it is sent."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                opened, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self._answer, args=(opened,), daemon=True))
            self.threads[-1].start()

    def _answer(self, opened: socket.socket) -> None:
        with opened:
            try:
                while data := opened.recv(65536):
                    opened.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(10)


@pytest.fixture
def wire() -> Iterator[Proxy]:
    echo = Echo()
    with Proxy(echo.url) as wire:
        yield wire
    echo.close()


def opened(wire: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wire.port), timeout=60)


def said(client: socket.socket, words: bytes) -> bytes:
    """What comes back; nothing where the connection was cut."""
    try:
        client.sendall(words)
        return client.recv(100)
    except ConnectionError:
        return b""


def test_what_passes_is_not_changed_and_a_cut_ends_every_connection_but_not_the_next(wire: Proxy) -> None:
    with opened(wire) as one, opened(wire) as other:
        assert (said(one, b"one"), said(other, b"other")) == (b"one", b"other")
        wire.cut()
        assert (said(one, b"more"), said(other, b"more")) == (b"", b"")
    with opened(wire) as next_one:
        assert said(next_one, b"again") == b"again"


def test_a_stalled_wire_holds_back_and_loses_nothing(wire: Proxy) -> None:
    with opened(wire) as client:
        assert said(client, b"before") == b"before"
        wire.stall()
        client.sendall(b"held back")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(100)
        wire.flow()
        client.settimeout(60)
        assert client.recv(100) == b"held back"


def test_it_can_refuse_and_drop_in_the_middle_of_a_message(wire: Proxy) -> None:
    with opened(wire) as client:
        assert said(client, b"first") == b"first"
        wire.drop_after(5 + 2)
        assert said(client, b"12345") == b"12"
        assert said(client, b"more") == b""
    wire.refuse()
    with opened(wire) as refused:
        assert said(refused, b"anybody?") == b""
    wire.accept()
    wire.delay(0.05)
    with opened(wire) as client:
        assert said(client, b"late") == b"late"


@pytest.mark.parametrize("delivered", [True, False])
def test_a_commit_that_is_cut_is_done_or_not_and_the_client_cannot_know(admin_url: str, delivered: bool) -> None:
    prefix = random_prefix()
    database = provision(admin_url, "wire", prefix)["owner"]
    try:
        with Proxy(database) as wire:
            connection = psycopg.connect(wire.url)
            connection.execute("create table seen (what text)")
            connection.commit()
            wire.cut_at_commit(delivered=delivered)
            connection.execute("insert into seen values ('it')")
            with pytest.raises(psycopg.OperationalError):
                connection.commit()
            connection.close()
            assert wire.commits_cut == 1
            with psycopg.connect(wire.url) as after:
                assert after.execute("select count(*) from seen").fetchone() == (int(delivered),)
    finally:
        drop_databases(admin_url, prefix)
