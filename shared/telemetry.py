"""Structured logs (one JSON object a line) and the metrics that every service exposes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECRET_KEYS = frozenset({"password", "token", "authorization", "secret", "api_key", "key"})


def _hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: ("[hidden]" if key.lower() in SECRET_KEYS else value) for key, value in event.items()}


class _Stderr:
    """Standard error as it is at the moment of writing: a test or a daemon may put another in its place."""

    def write(self, text: str) -> None:
        sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs(service: str, level: str = "INFO") -> None:
    """Logs go to standard error, one JSON object a line; values under secret names never appear."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hide_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(_Stderr()),  # type: ignore[arg-type]  # a file as far as it is used
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


log: Any = structlog.get_logger()


class Metrics:
    """Metrics of one service in a registry of its own, so that several services can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("duebook_requests", "Requests answered", ["route", "method", "status"], registry=self.registry)
        self.request_seconds = Histogram("duebook_request_seconds", "Seconds a request took", ["route"], registry=self.registry)
        self.log_head = Gauge("duebook_log_head", "Last number of this service's log", registry=self.registry)
        self.log_published = Gauge("duebook_log_published_through", "Last number known to be published", registry=self.registry)
        self.unsent_age = Gauge(
            "duebook_log_unsent_age_seconds", "Age of the oldest event not yet published", registry=self.registry
        )
        self.position = Gauge("duebook_position", "Number taken in from a producer", ["producer"], registry=self.registry)
        self.forked = Gauge(
            "duebook_log_forked",
            "1 where the producer's log is not the one that was read before",
            ["producer"],
            registry=self.registry,
        )
        self.pages_dropped = Counter(
            "duebook_pages_dropped", "Messages that could not be taken in as pages", registry=self.registry
        )
        self.parked = Gauge("duebook_parked_events", "Events that wait for a person", registry=self.registry)
