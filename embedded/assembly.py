"""All services in one process: each one's app and worker, reaching each other without a network."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from threading import Lock

from flask import Flask

from shared.clock import Clock, DatabaseClock
from shared.config import Settings
from shared.log.worker import Worker
from shared.peers import Peers
from shared.service import Service


@cache
def service(name: str) -> Service:
    """The description of a service, by name."""
    found: Service = importlib.import_module(f"services.{name}.app").SERVICE
    return found


class Assembly:
    """The services of one installation in this process. `urls`: service -> role -> database URL."""

    def __init__(
        self,
        urls: Mapping[str, Mapping[str, str]],
        internal_secret: str,
        *,
        clock: Clock | None = None,
        broker_url: str = "memory://",
        bus_prefix: str = "duebook",
        pool_size: int = 5,
    ):
        self.urls, self.internal_secret, self.moved_clock = urls, internal_secret, clock
        self.time = DatabaseClock(next(iter(urls.values()))["log"])
        """All databases are of one server here."""
        self.broker_url, self.bus_prefix, self.pool_size = broker_url, bus_prefix, pool_size
        self.apps: dict[str, Flask] = {}
        self.lock = Lock()

    @property
    def clock(self) -> Clock:
        """The clock of business."""
        return self.moved_clock or self.time

    def settings(self, name: str) -> Settings:
        urls = self.urls[name]
        return Settings(
            service=name,
            api_database_url=urls["api"],
            worker_database_url=urls["worker"],
            log_database_url=urls["log"],
            broker_url=self.broker_url,
            internal_secret=self.internal_secret,
            bus_prefix=self.bus_prefix,
            pool_size=self.pool_size,
            moved_clock=self.moved_clock,
        )

    def peers(self, name: str) -> Peers:
        return Peers(name, self.internal_secret, {}, apps=self.app, clock=self.time)

    def app(self, name: str) -> Flask:
        """The app of a service, made when first asked for."""
        made = self.apps.get(name)
        if made is None:
            with self.lock:
                made = self.apps.get(name)
                if made is None:
                    create = importlib.import_module(f"services.{name}.app").create_app
                    made = self.apps[name] = create(self.settings(name), self.peers(name))
        return made

    def worker(self, name: str) -> Worker:
        return Worker(service(name), self.settings(name), self.peers(name))

    def close(self) -> None:
        for app in self.apps.values():
            state = app.extensions["duebook"]
            state.waker.close()
            state.database.close()
            state.peers.close()
