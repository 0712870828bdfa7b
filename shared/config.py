"""Settings of one service's process. Starting fails with the list of everything that is missing or wrong, not the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from environs import Env, EnvError, ValidationError

from shared.clock import Clock, DatabaseClock, clock_from_environment

SERVICES = ("identity", "ledger", "billing", "payments", "banking", "notifications")


class SettingsWrong(Exception):
    """Settings are missing or wrong; `faults` has one line for each."""

    def __init__(self, faults: list[str]):
        self.faults = faults
        super().__init__("settings are missing or wrong:\n" + "\n".join(f"  - {fault}" for fault in faults))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a process of `service` needs to know. URLs are `postgresql://role:password@host:port/database`."""

    service: str
    api_database_url: str = ""
    worker_database_url: str = ""
    log_database_url: str = ""
    broker_url: str = "memory://"
    internal_secret: str = field(repr=False)
    """Shared by the services; signs the short-lived tokens by which they ask each other for pages of their logs."""
    peers: Mapping[str, str] = field(default_factory=dict)
    """Base URL of every other service that is asked for keys, pages and proofs."""
    bus_prefix: str = "duebook"
    """Begins the name of every exchange and queue, so that installations can share a broker."""
    pool_size: int = 5
    max_body_bytes: int = 4 * 1024 * 1024
    moved_clock: Clock | None = field(default=None, repr=False)
    """Of a scenario that travels to month end."""

    @cached_property
    def time(self) -> DatabaseClock:
        """Real seconds, for tokens: the database's clock, whatever a scenario or the machine says."""
        return DatabaseClock(self.log_database_url)

    @property
    def clock(self) -> Clock:
        """The clock of business."""
        return self.moved_clock or self.time


def settings_from_environment(service: str, process: str) -> Settings:
    """Reads DUEBOOK_… variables for a process (`api` or `worker`) of `service`. Raises SettingsWrong with every fault."""
    env = Env(eager=False)
    required = {"api": ("api", "log"), "worker": ("worker", "log")}[process]
    faults: list[str] = []
    with env.prefixed("DUEBOOK_"):
        urls: dict[str, str] = {role: env.str(f"{role.upper()}_DATABASE_URL", "") for role in ("api", "worker", "log")}
        secret: str = env.str("INTERNAL_SECRET", "")
        broker: str = env.str("BROKER_URL", "" if process == "worker" else "memory://")
        peers: dict[str, str] = env.dict("PEERS", {})
        prefix = env.str("BUS_PREFIX", "duebook")
        pool_size = env.int("POOL_SIZE", 5, validate=lambda n: _positive(n))
        max_body = env.int("MAX_BODY_BYTES", 4 * 1024 * 1024, validate=lambda n: _positive(n))
    try:
        env.seal()
    except EnvError as wrong:
        messages = getattr(wrong, "error_messages", None) or {"": [str(wrong)]}
        faults += [f"{name}: {' '.join(texts)}" for name, texts in messages.items()]
    for role in required:
        if not urls[role]:
            faults.append(f"DUEBOOK_{role.upper()}_DATABASE_URL is not set: the database's URL for the service's {role} role")
            continue
        parts = urlsplit(urls[role])
        if parts.scheme not in ("postgresql", "postgresql+psycopg") or not parts.path.strip("/"):
            faults.append(f"DUEBOOK_{role.upper()}_DATABASE_URL must look like postgresql://role:password@host:5432/database")
    if len(secret) < 32:
        faults.append("DUEBOOK_INTERNAL_SECRET must be set to at least 32 characters, the same for every service")
    if not broker:
        faults.append("DUEBOOK_BROKER_URL is not set: amqp://user:password@host:5672/vhost")
    missing = [peer for peer in SERVICES if peer not in peers]
    if missing:
        faults.append(f"DUEBOOK_PEERS lacks {', '.join(missing)}: name=http://host:port, separated by commas")
    for name, url in peers.items():
        if name not in SERVICES or urlsplit(url).scheme not in ("http", "https"):
            faults.append(f"DUEBOOK_PEERS: {name}={url} is not a service's name and an http URL")
    if faults:
        raise SettingsWrong(faults)
    return Settings(
        service=service,
        api_database_url=urls["api"],
        worker_database_url=urls["worker"],
        log_database_url=urls["log"],
        broker_url=broker,
        internal_secret=secret,
        peers=peers,
        bus_prefix=prefix,
        pool_size=pool_size,
        max_body_bytes=max_body,
        moved_clock=clock_from_environment(),
    )


def _positive(number: int) -> None:
    if number < 1:
        raise ValidationError("must be at least 1")
