"""One process of one service in production.

    python -m services.run api billing          its HTTP API, under gunicorn
    python -m services.run worker billing       its relay, consumer, jobs and timers
    python -m services.run migrate billing      brings its database to the newest migration
    python -m services.run provision [billing]  creates databases and roles, of every service unless some are named

Settings come from the environment. Where any is missing or wrong, all that is wrong is printed, a line each, and the exit
code is 2. SIGTERM and SIGINT end api and worker in order, with exit code 0. No service is imported but the one named.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import psycopg
import structlog
from environs import Env, EnvError, validate
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger
from prometheus_client import start_http_server
from sqlalchemy.exc import OperationalError
from werkzeug.middleware.proxy_fix import ProxyFix

from shared.config import SERVICES, Settings, SettingsWrong, settings_from_environment
from shared.db import ROLES
from shared.db import provision as provision_service
from shared.log.worker import Worker
from shared.migrations import upgrade
from shared.telemetry import configure_logs, log

GRACE_S = 20
"""How long requests that run may go on after SIGTERM."""
SILENCE_S = 5
"""How long a sender may be silent in the middle of a request; then its thread is there for others again."""
STOPS = (signal.SIGTERM, signal.SIGINT)
WRONG_SETTINGS, UNREACHABLE = 2, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the arguments say. Returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.process == "provision":
            provision(asked.services or SERVICES)
        else:
            {"api": api, "worker": worker, "migrate": migrate}[asked.process](asked.service)
    except SettingsWrong as wrong:
        print(wrong, file=sys.stderr)
        return WRONG_SETTINGS
    except (OperationalError, psycopg.OperationalError) as error:
        print("the database cannot be used:", " ".join(str(getattr(error, "orig", error)).split()), file=sys.stderr)
        return UNREACHABLE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m services.run", description="One process of one service.")
    processes = parser.add_subparsers(dest="process", required=True)
    for name, words in {"api": "its HTTP API", "worker": "its worker", "migrate": "its newest migration"}.items():
        processes.add_parser(name, help=words).add_argument("service", choices=SERVICES)
    words = "databases and roles, of every service unless some are named"
    processes.add_parser("provision", help=words).add_argument("services", nargs="*", metavar="service", type=_service)
    return parser


def _service(name: str) -> str:
    if name not in SERVICES:
        raise argparse.ArgumentTypeError(f"{name} is not a service; there are {', '.join(SERVICES)}")
    return name


def api(service: str) -> None:
    """Answers HTTP until it is told to stop.

    Threads are as many as the pool has connections, since one more would only wait. More throughput comes from more
    replicas rather than more processes here, so that /metrics speaks for the whole process.
    """
    env = Env(eager=False)
    with env.prefixed("DUEBOOK_"):
        bind = env.str("BIND", "0.0.0.0:8000", validate=validate.Regexp(r"\S+:\d{1,5}$", error="must look like 0.0.0.0:8000"))
        processes = env.int("WEB_WORKERS", 1, validate=validate.Range(1, 64))
        proxies = env.int("TRUSTED_PROXIES", 0, validate=validate.Range(0, 9))
        level = _log_level(env)
    settings = _settings(service, "api", env)
    app_of = _module(service).create_app
    _configure_logs(service, level)

    def create() -> Any:
        app = app_of(settings)
        if proxies:  # the visitor's address, for the audit trail, as the gateway saw it
            app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)
        return app

    options = {
        "bind": bind,
        "worker_class": "gthread",
        "workers": processes,
        "threads": settings.pool_size,
        "graceful_timeout": GRACE_S,
        "keepalive": 75,  # longer than the gateway keeps an idle connection, so that it is the one to close it
        "worker_tmp_dir": "/dev/shm",  # a slow disk is no reason to restart a worker
        "control_socket_disable": True,
        "when_ready": _hang_up_on_silence,
        "logger_class": _OneLog,
        "loglevel": level.lower(),
    }
    try:
        _Server(create, options).run()
    except SystemExit as stopped:
        if stopped.code:
            raise


def worker(service: str) -> None:
    """Runs the service's worker until it is told to stop; its metrics are on a port of their own."""
    env = Env(eager=False)
    with env.prefixed("DUEBOOK_"):
        metrics_port = env.int("METRICS_PORT", 9000, validate=validate.Range(0, 65535))
        level = _log_level(env)
    settings = _settings(service, "worker", env)
    description = _module(service).SERVICE
    _configure_logs(service, level)
    # blocked before any thread begins, so that every thread inherits it and this one alone takes the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    made = Worker(description, settings)
    if metrics_port:
        start_http_server(metrics_port, registry=made.metrics.registry)
    made.start()
    log.info("worker.started", follows=list(description.follows))
    received = signal.sigwait(STOPS)
    log.info("worker.stopping", signal=signal.Signals(received).name)
    made.stop()


def migrate(service: str) -> None:
    """Brings the database to the newest migration, as its owner. Two at once are safe: the second waits, then does nothing."""
    env = Env(eager=False)
    url = env.str("DUEBOOK_OWNER_DATABASE_URL", "")
    level = _log_level(env, "DUEBOOK_LOG_LEVEL")
    faults = [*_faults(env), *_url_faults("DUEBOOK_OWNER_DATABASE_URL", url)]
    if faults:
        raise SettingsWrong(faults)
    _configure_logs(service, level)
    upgrade(service, url)
    log.info("migrated")


def provision(services: Sequence[str]) -> None:
    """Creates what is missing and sets every role's password to the one given. The admin's role needs no superuser."""
    env = Env(eager=False)
    url = env.str("DUEBOOK_ADMIN_DATABASE_URL", "")
    prefix = env.str("DUEBOOK_DATABASE_PREFIX", "duebook_")
    names = {service: {role: f"DUEBOOK_{service}_{role}_password".upper() for role in ROLES} for service in services}
    passwords = {service: {role: env.str(name, "") for role, name in roles.items()} for service, roles in names.items()}
    faults = [*_faults(env), *_url_faults("DUEBOOK_ADMIN_DATABASE_URL", url)]
    faults += [f"{names[of][role]} is not set" for of, given in passwords.items() for role, word in given.items() if not word]
    if faults:
        raise SettingsWrong(faults)
    for service in services:
        provision_service(url, service, prefix, passwords[service])
        print(f"{service}: database and roles are there")


def _settings(service: str, process: str, more: Env) -> Settings:
    """The service's settings. Raises SettingsWrong with their faults and those of this process's own settings."""
    faults = _faults(more)
    try:
        settings = settings_from_environment(service, process)
    except SettingsWrong as wrong:
        raise SettingsWrong(faults + wrong.faults) from None
    if faults:
        raise SettingsWrong(faults)
    return settings


def _faults(env: Env) -> list[str]:
    try:
        env.seal()
    except EnvError as wrong:
        messages: dict[str, list[str]] = getattr(wrong, "error_messages", {})
        return [f"{name}: {' '.join(texts)}" for name, texts in messages.items()]
    return []


def _url_faults(name: str, url: str) -> list[str]:
    if not url:
        return [f"{name} is not set: postgresql://role:password@host:5432/database"]
    if urlsplit(url).scheme != "postgresql" or not urlsplit(url).path.strip("/"):
        return [f"{name} must look like postgresql://role:password@host:5432/database"]
    return []


def _log_level(env: Env, name: str = "LOG_LEVEL") -> str:
    return env.str(name, "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]))


def _module(service: str) -> ModuleType:
    """The service's own wiring; an image holds one service only."""
    try:
        return importlib.import_module(f"services.{service}.app")
    except ModuleNotFoundError as missing:
        if missing.name not in (f"services.{service}", f"services.{service}.app"):
            raise
        raise SettingsWrong([f"the {service} service is not installed here"]) from None


def _configure_logs(service: str, level: str) -> None:
    """Structured logs; what the libraries say goes out in the same form, one JSON object a line."""
    configure_logs(service, level)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each page asked of a peer says nothing


def _hang_up_on_silence(server: Any) -> None:
    """Connections inherit it. gunicorn takes it off what a request is read from by its own means, but not by the kernel's."""
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SILENCE_S, 0))


class _OneLog(Logger):
    """gunicorn's messages go where all others go; the edge counts requests, so there is no access log."""

    def setup(self, cfg: Config) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel(cfg.loglevel.upper())
        self.access_log.disabled = True


class _Server(BaseApplication):
    """gunicorn without a command line. Each of its processes makes an app of its own, so no connection is shared."""

    def __init__(self, create: Callable[[], Any], options: dict[str, Any]):
        self.create, self.options = create, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self.create()


if __name__ == "__main__":
    sys.exit(main())
