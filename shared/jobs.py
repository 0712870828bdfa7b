"""Work for later: rows of `app.job`, run by the service's worker, at most once by their key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine

from shared.clock import Clock
from shared.context import Context
from shared.contracts import encode
from shared.db import enter_companies, is_transient
from shared.ids import new_id
from shared.peers import Peers
from shared.service import Job
from shared.telemetry import log

LONGEST_DELAY_S = 3600
RETRY_S = 5


def enqueue(ctx: Context, kind: str, key: str, payload: Mapping[str, Any], delay: timedelta = timedelta(0)) -> None:
    """Adds a job in this transaction, to be run after `delay` by the database's clock. A job of the same kind and key that is
    known already stays as it is."""
    ctx.session.exec_driver_sql(
        "insert into app.job (company_id, id, kind, key, payload, run_after) "
        "values (%s, %s, %s, %s, %s::jsonb, now() + %s) on conflict on constraint job_once do nothing",
        (ctx.company_id, new_id("job"), kind, key, encode(payload).decode(), delay),
    )


KEYS_KEPT_DAYS = 30
FORGOTTEN_AT_ONCE = 5000


def forget_old_keys(engine: Engine) -> int:
    """Removes idempotency keys older than KEYS_KEPT_DAYS, some at once. Returns how many; a retry comes within minutes."""
    with engine.begin() as connection:
        forgotten: int = connection.exec_driver_sql(
            "select app.forget_old_keys(make_interval(days => %s), %s)", (KEYS_KEPT_DAYS, FORGOTTEN_AT_ONCE)
        ).scalar_one()
    return forgotten


def run_due(
    engine: Engine,
    service: str,
    clock: Clock,
    kinds: Mapping[str, Job],
    peers: Peers | None = None,
    go_on: Callable[[], bool] = lambda: True,
) -> int:
    """Runs jobs that are due, one transaction each, while `go_on()`; several workers share them out. Returns how many were run.

    One that fails is put off and holds up no other. Raises database errors that are not a job's own.
    """
    done = 0
    while go_on() and _run_one(engine, service, clock, kinds, peers):
        done += 1
    return done


def _run_one(engine: Engine, service: str, clock: Clock, kinds: Mapping[str, Job], peers: Peers | None) -> bool:
    row = None
    try:
        with engine.begin() as connection:
            row = connection.exec_driver_sql(
                "select company_id, id, kind, payload::text, attempts from app.job where done_at is null and run_after <= now() "
                "and kind = any(%s) order by run_after limit 1 for update skip locked",
                (list(kinds),),
            ).one_or_none()
            if row is None:
                return False
            ctx = _context(connection, service, clock, row, peers)
            kinds[row.kind](ctx, msgspec.json.decode(row.payload))
            ctx.write_stated()
            connection.exec_driver_sql(
                "update app.job set attempts = attempts + 1, done_at = now() where company_id = %s and id = %s",
                (row.company_id, row.id),
            )
    except Exception as error:
        if row is None:
            raise
        _put_off(engine, row, error)
    return True


def _context(connection: Connection, service: str, clock: Clock, row: Any, peers: Peers | None) -> Context:
    enter_companies(connection, [row.company_id], f"service:{service}")
    zone, currency = connection.exec_driver_sql(
        "select time_zone, currency from copies.company where company_id = %s", (row.company_id,)
    ).one()
    return Context(
        session=connection,
        clock=clock,
        service=service,
        company_id=row.company_id,
        actor=f"service:{service}",
        correlation_id=row.id,
        time_zone=zone,
        currency=currency,
        peers=peers,
    )


def _put_off(engine: Engine, row: Any, error: Exception) -> None:
    """In a transaction of its own, since the job's may have gone down with its connection. What the database may do better at
    the next attempt is tried again soon, whatever fails by itself less and less often."""
    if is_transient(error):
        delay_s, attempts = RETRY_S, 0
        log.warning("job.retried", kind=row.kind, job=row.id, error=repr(error)[:200])
    else:
        delay_s, attempts = min(LONGEST_DELAY_S, 5 * 2 ** min(row.attempts, 20)), 1
        log.error("job.failed", kind=row.kind, job=row.id, exc_info=error)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "update app.job set attempts = attempts + %s, last_error = %s, run_after = now() + %s "
            "where company_id = %s and id = %s and done_at is null",
            (attempts, repr(error)[:2000], timedelta(seconds=delay_s), row.company_id, row.id),
        )
