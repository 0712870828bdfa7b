"""A TCP proxy between a service and its PostgreSQL or RabbitMQ that can cut, hold back, delay and lose what passes.

    with Proxy(database_url) as wire:
        use(wire.url)
        wire.cut()
        wire.stall(); ...; wire.flow()
        wire.cut_at_commit()

Two threads a connection; every method may be called from any thread and returns at once.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self
from urllib.parse import urlsplit, urlunsplit

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""The whole message by which a client of PostgreSQL asks for a commit; drivers send it alone."""
PORTS = {"postgresql": 5432, "amqp": 5672, "http": 80}
CONNECT_S = 10


class Proxy:
    """Listens on `port` of 127.0.0.1 and connects to the host of `target`; `url` is the target's URL through it."""

    def __init__(self, target: str, port: int = 0):
        parts = urlsplit(target)
        self.target = parts
        self.address = (parts.hostname or "127.0.0.1", parts.port or PORTS[parts.scheme])
        self.wanted_port = port
        self.flowing, self.accepting = threading.Event(), threading.Event()
        self.flowing.set()
        self.accepting.set()
        self.lock = threading.Lock()
        self.delay_s = 0.0
        self.let_pass: int | None = None
        self.commits_to_cut = 0
        self.deliver_commits = True
        self.commits_cut = 0
        self.links: set[_Link] = set()

    def __enter__(self) -> Self:
        self.listener = socket.create_server(("127.0.0.1", self.wanted_port), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, name=f"proxy {self.port}", daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.accepting.clear()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)
        links = self.cut()
        self.flow()
        for link in links:
            link.join()

    @property
    def url(self) -> str:
        return self.through(urlunsplit(self.target))

    def through(self, url: str) -> str:
        """The same URL, of any user and database, through the proxy; unencrypted, so that a commit can be recognised."""
        parts = urlsplit(url)
        user, at, _ = parts.netloc.rpartition("@")
        query = "sslmode=disable" if parts.scheme == "postgresql" else parts.query
        return urlunsplit((parts.scheme, f"{user}{at}127.0.0.1:{self.port}", parts.path, query, ""))

    def cut(self) -> list[_Link]:
        """Closes every connection, whatever is under way. New ones are taken at once."""
        with self.lock:
            links = list(self.links)
        for link in links:
            link.close()
        return links

    def refuse(self) -> None:
        """Cuts, and closes each new connection at once until `accept`."""
        self.accepting.clear()
        self.cut()

    def accept(self) -> None:
        self.accepting.set()

    def stall(self) -> None:
        """A black hole: nothing passes, nobody is told, until `flow` lets go what was held back."""
        self.flowing.clear()

    def flow(self) -> None:
        """Lifts `stall`, `delay` and what is left of `drop_after` and `cut_at_commit`."""
        with self.lock:
            self.delay_s, self.let_pass, self.commits_to_cut = 0.0, None, 0
        self.flowing.set()

    def delay(self, seconds: float) -> None:
        """Holds back each piece of data by `seconds`, until `flow`."""
        self.delay_s = seconds

    def drop_after(self, size: int) -> None:
        """Lets `size` more bytes pass, over all connections and both directions, then cuts them all, once."""
        with self.lock:
            self.let_pass = size

    def cut_at_commit(self, times: int = 1, delivered: bool = True) -> None:
        """The next `times` commits reach the server, are done, and the client never hears of it: its connection is cut instead of
        the answer. With `delivered=False` the connection is cut before the server hears of the commit."""
        with self.lock:
            self.commits_to_cut, self.deliver_commits = times, delivered

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.accepting.is_set():
                client.close()
                continue
            try:
                server = socket.create_connection(self.address, timeout=CONNECT_S)
            except OSError:
                client.close()
                continue
            link = _Link(self, client, server)
            with self.lock:
                self.links.add(link)
            link.start()

    def _takes_commit(self) -> bool:
        """Whether this commit is one of those to cut."""
        with self.lock:
            if not self.commits_to_cut:
                return False
            self.commits_to_cut -= 1
            return True

    def _count(self, size: int) -> int:
        """How many of `size` bytes may pass."""
        with self.lock:
            if self.let_pass is None:
                return size
            passed = min(size, self.let_pass)
            self.let_pass = None if passed < size else self.let_pass - passed
        return passed


class _Link:
    """One connection through the proxy: a thread for each direction; whichever ends closes both."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket):
        self.proxy, self.client, self.server = proxy, client, server
        self.closed = False
        self.lock = threading.Lock()
        self.answer_lost = threading.Event()
        for end in (client, server):
            end.settimeout(None)
            with contextlib.suppress(OSError):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.threads = [
            threading.Thread(target=self._run, args=ends, daemon=True) for ends in ((client, server), (server, client))
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(10)

    def close(self) -> None:
        """Wakes both threads, who then close the sockets."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _run(self, source: socket.socket, target: socket.socket) -> None:
        try:
            self._pass_on(source, target)
        except OSError:
            pass
        finally:
            self.close()
            with self.lock:
                last, self.closed = self.closed, True
            if last:
                self.client.close()
                self.server.close()
                with self.proxy.lock:
                    self.proxy.links.discard(self)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        proxy = self.proxy
        while data := source.recv(65536):
            proxy.flowing.wait()
            if proxy.delay_s:
                time.sleep(proxy.delay_s)
            if self.answer_lost.is_set() and source is self.server:
                proxy.commits_cut += 1  # the server has answered, so it has committed
                return
            if proxy.commits_to_cut and source is self.client and COMMIT in data and proxy._takes_commit():
                if not proxy.deliver_commits:
                    proxy.commits_cut += 1
                    return
                self.answer_lost.set()
            passed = proxy._count(len(data))
            target.sendall(data[:passed])
            if passed < len(data):
                proxy.cut()
                return
