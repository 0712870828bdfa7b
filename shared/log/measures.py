"""What a service says of its own log, as the database knows it: true also where relay, worker or broker are away."""

from __future__ import annotations

from sqlalchemy import Connection

from shared.log import store
from shared.telemetry import Metrics


def measure_log(connection: Connection, metrics: Metrics) -> None:
    """Numbers first: an event that nobody has numbered waits too."""
    store.number(connection)
    head = store.head(connection)
    metrics.log_head.set(head.seq)
    metrics.log_published.set(head.published_through)
    metrics.unsent_age.set(store.unsent_age_s(connection))
