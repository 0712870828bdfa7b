"""Every log is whole and, at rest, numbered, published and taken in to its end (E7)."""

from __future__ import annotations

from collections.abc import Iterator

from embedded.assembly import service as of
from tests.rig.breach import Breach
from tests.rig.reading import Reading

GAPS = """
select n.company_id, 'event ' || n.seq || ' (' || n.type || ' ' || n.event_id || ') comes after ' || n.before
from (select company_id, seq, type, event_id, coalesce(lag(seq) over (order by seq), 0) as before
      from log.event where seq is not null) n
where n.seq <> n.before + 1
"""

BACK_IN_TIME = """
select n.company_id, 'event ' || n.seq || ' (' || n.type || ' ' || n.event_id || ') was recorded before the one before it'
from (select company_id, seq, type, event_id, recorded_at, lag(recorded_at) over (order by seq) as before
      from log.event where seq is not null) n
where n.recorded_at < n.before
"""

HEAD = """
select 0, 'the head says ' || h.seq || ' (' || h.event_id || '), the last event is ' || coalesce(e.seq, 0) || ' (' ||
    coalesce(e.event_id, '') || ')'
from log.head h left join lateral (select seq, event_id from log.event where seq is not null order by seq desc limit 1) e on true
where h.seq <> coalesce(e.seq, 0) or h.event_id <> coalesce(e.event_id, '')
"""

BODIES = """
select company_id, 'event ' || coalesce(seq::text, 'without a number') || ' (' || type || ' ' || event_id || ') has body of ' ||
    coalesce(body::jsonb ->> 'type', '?') || ' ' || coalesce(body::jsonb ->> 'id', '?') || ' of company ' ||
    coalesce(body::jsonb ->> 'companyid', '?')
from event
where body::jsonb ->> 'id' is distinct from event_id or body::jsonb ->> 'type' is distinct from type
    or body::jsonb ->> 'subject' is distinct from subject or body::jsonb ->> 'companyid' is distinct from company_id::text
    or body::jsonb ->> 'source' is distinct from split_part(type, '.', 1)
"""

WITHOUT_NUMBER = "select company_id, type || ' ' || event_id || ' has no number' from event where seq is null"

UNPUBLISHED = "select 0, 'published through ' || published_through || ' of ' || seq from log.head where published_through < seq"

PARKED_WITHOUT_CAUSE = """
select company_id, producer || ' ' || seq || ' (' || type || ' ' || event_id || ') is parked without a cause'
from parked where error = ''
"""

PARKED = """
select company_id, producer || ' ' || seq || ' (' || type || ' ' || event_id || ') waits for a person: ' || error
from parked where resolved_at is null
"""


def logs(reading: Reading) -> Iterator[Breach]:
    """At any moment: numbers 1 to n, in the order of their instants, each body that of its row; a reader's position names an
    event of the producer's log, in its epoch, and is never beyond it."""
    for service in reading.urls:
        for query in (GAPS, BACK_IN_TIME, HEAD, BODIES, PARKED_WITHOUT_CAUSE):
            yield from reading.found("E7", service, query)
        yield from _positions(reading, service)


def _positions(reading: Reading, service: str) -> Iterator[Breach]:
    for position in reading.rows(service, "select producer, epoch::text, seq, event_id, forked from log.position"):
        if position.forked:
            yield Breach("E7", service, 0, f"the log of {position.producer} is marked as forked: {position.forked}")
        if position.seq == 0 or position.producer not in reading.urls:
            continue
        there = f"position {position.seq} of {position.producer} ({position.event_id})"
        (head,) = reading.log(position.producer, "select epoch::text, seq from log.head")
        if position.seq > head.seq:
            yield Breach("A6", service, 0, f"{there} is beyond that log, which ends at {head.seq}")
            continue
        if position.epoch != head.epoch:
            yield Breach("E7", service, 0, f"{there} is of epoch {position.epoch}, that log of {head.epoch}")
        event = reading.log(position.producer, "select event_id from log.event where seq = %(seq)s", seq=position.seq)
        if not event or event[0].event_id != position.event_id:
            yield Breach("E7", service, 0, f"{there} is {event[0].event_id if event else 'missing'} in that log")


def logs_at_rest(reading: Reading) -> Iterator[Breach]:
    """E7: nothing waits for a number, for the broker, for a reader or for a person."""
    heads = {service: reading.rows(service, "select seq from log.head")[0].seq for service in reading.urls}
    for service in reading.urls:
        for query in (WITHOUT_NUMBER, UNPUBLISHED, PARKED):
            yield from reading.found("E7", service, query)
        positions = {row.producer: row.seq for row in reading.rows(service, "select producer, seq from log.position")}
        for producer in of(service).follows:
            at = positions.get(producer, 0)
            if producer in heads and at < heads[producer]:
                yield Breach("E7", service, 0, f"has taken in {at} of {heads[producer]} events of {producer}")
