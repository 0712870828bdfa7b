"""Every write that clients were told of, against what the databases hold (A5)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.rig.breach import Breach
from tests.rig.history import Attempt
from tests.rig.reading import Event, Reading

DOCUMENTED = Path(__file__).parents[2] / "docs" / "openapi"

KEPT = "select company_id, key, status, headers::jsonb ->> 'Duebook-Event' as event, body from idempotency"


def writes(reading: Reading, attempts: Sequence[Attempt]) -> Iterator[Breach]:
    """A5: what was answered 2xx is there exactly once, with that answer; what was answered 4xx is not; what was answered 5xx or
    not at all is there once or not at all. And nobody's posting is there without an answer that was kept for its request."""
    tries: dict[tuple[str, int, str], list[Attempt]] = {}
    for attempt in attempts:
        if attempt.key and _keyed(attempt):
            tries.setdefault((attempt.service, attempt.company_id, attempt.key), []).append(attempt)
    for service in reading.urls:
        kept: dict[tuple[str, int, str], list[Any]] = {}
        for row in reading.rows(service, KEPT):
            kept.setdefault((service, row.company_id, row.key), []).append(row)
        events = {event.event_id: event for event in reading.own_events(service)}
        for key, of_key in tries.items():
            if key[0] == service and (reading.companies is None or key[1] in reading.companies):
                for what in _faults(of_key, kept.get(key, []), events):
                    yield Breach("A5", service, key[1], f"{of_key[0].method} {of_key[0].path} under key {key[2]}: {what}")
        yield from _unanswered(service, kept, events)
    yield from _made_without_key(reading, attempts)


def _faults(tries: list[Attempt], kept: list[Any], events: dict[str, Event]) -> Iterator[str]:
    done = [attempt for attempt in tries if attempt.status is not None and 200 <= attempt.status < 300]
    unknown = [attempt for attempt in tries if attempt.status is None or attempt.status >= 500]
    if len(kept) > 1:
        yield f"it was done {len(kept)} times"
    if done and not kept:
        yield f"it was answered {done[0].status} and is not there"
    if kept and not done and not unknown:
        yield f"it was answered {', '.join(sorted({str(attempt.status) for attempt in tries}))} and is there"
    for row in kept:
        answer = json.loads(bytes(row.body)) if row.body else None
        for attempt in done:
            if (attempt.status, attempt.answer) != (row.status, answer):
                yield f"it was answered {attempt.status} with {attempt.answer}, kept is {row.status} with {answer}"
        if row.event and row.event.split(":", 1)[1] not in events:
            yield f"its event {row.event} is not in the log"


def _unanswered(service: str, kept: dict[tuple[str, int, str], list[Any]], events: dict[str, Event]) -> Iterator[Breach]:
    """Posting events that a person's request stated, in a request that no kept answer names."""
    named = {row.event.split(":", 1)[1] for rows in kept.values() for row in rows if row.event}
    requests = {events[event_id].body["correlationid"] for event_id in named if event_id in events}
    for event in events.values():
        by_person = not event.body["actor"].startswith("service:")
        if by_person and event.type in STATED_UNDER_A_KEY and event.body["correlationid"] not in requests:
            yield Breach(
                "A5", service, event.company_id, f"{event} was stated by {event.body['actor']} in a request without an answer"
            )


STATED_UNDER_A_KEY = {
    "billing.invoice.issued",
    "billing.invoice.voided",
    "payments.receipt.posted",
    "payments.receipt.voided",
    "payments.prepayment.applied",
    "banking.deposit.posted",
    "banking.deposit.voided",
    "ledger.manual_entry.posted",
    "ledger.manual_entry.reversed",
}


def _made_without_key(reading: Reading, attempts: Sequence[Attempt]) -> Iterator[Breach]:
    """Customers, which are made without a key: those that were answered are there once."""
    made = [
        attempt
        for attempt in attempts
        if (attempt.method, attempt.path) == ("POST", "/api/billing/customers") and attempt.status == 201
        if reading.companies is None or attempt.company_id in reading.companies
    ]
    if not made:
        return
    created = [event.subject for event in reading.own_events("billing") if event.type == "billing.customer.created"]
    for attempt in made:
        if (count := created.count(attempt.answer["id"])) != 1:
            what = f"customer {attempt.answer['id']} was answered 201 and is told of {count} times"
            yield Breach("A5", "billing", attempt.company_id, what)


def _keyed(attempt: Attempt) -> bool:
    path = attempt.path.split("?", 1)[0]
    return any(method == attempt.method and route.fullmatch(path) for method, route in _keyed_routes(attempt.service))


@cache
def _keyed_routes(service: str) -> list[tuple[str, re.Pattern[str]]]:
    """The routes whose writes take a key, by the API's description."""
    document = json.loads((DOCUMENTED / f"{service}.json").read_text())
    return [
        (method.upper(), re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path)))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict)
        and any(parameter.get("name") == "Idempotency-Key" for parameter in operation.get("parameters", []))
    ]
