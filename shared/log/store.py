"""Every query on the log's tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from shared.contracts import Envelope

PAGE_EVENTS = 500
PAGE_BYTES = 1024 * 1024
NUMBER_AT_MOST = 5000


@dataclass(frozen=True, slots=True)
class Head:
    epoch: str
    seq: int
    event_id: str
    published_through: int


@dataclass(frozen=True, slots=True)
class Position:
    producer: str
    epoch: str | None
    seq: int
    event_id: str
    forked: str | None = None


@dataclass(frozen=True, slots=True)
class RawPage:
    """A page as JSON bytes, ready to travel; `last` is the number of its last event."""

    body: bytes
    last: int


def number(connection: Connection) -> int:
    """Numbers what is committed and has no number yet. Returns the last number of the log.

    On a connection in autocommit: each call is a short transaction of its own, whose lock nobody can be stopped with.
    Anybody may run it, and those who run it at once wait for each other.
    """
    last, waiting = connection.exec_driver_sql("select seq, exists (select from log.event where seq is null) from log.head").one()
    while waiting:
        before, last = last, connection.exec_driver_sql("select log.number_events(%s)", (NUMBER_AT_MOST,)).scalar_one()
        # fewer than were asked for: there were no more
        waiting = last - before >= NUMBER_AT_MOST
    return int(last)


def head(connection: Connection) -> Head:
    row = connection.exec_driver_sql("select epoch::text, seq, event_id, published_through from log.head").one()
    return Head(*row)


def page_after(connection: Connection, producer: str, after: int, limit: int = PAGE_EVENTS) -> RawPage | None:
    """The page of events after number `after`; None where the log ends there. Nothing is decoded.

    A page has at most `limit` events and, beyond the first, at most PAGE_BYTES of them.
    """
    # with the event before the first, which the page names
    rows = connection.exec_driver_sql(
        "select e.seq, e.recorded_at, e.body, e.event_id, h.epoch::text from log.event e cross join log.head h "
        "where e.seq >= %s order by e.seq limit %s",
        (after, limit + 1),
    ).all()
    previous_id = ""
    if after > 0 and rows:
        previous_id, rows = rows[0][3], rows[1:]
    if not rows:
        return None
    epoch = rows[0][4]
    parts: list[str] = []
    size = last = 0
    for seq, recorded_at, body, _, _ in rows[:limit]:
        size += len(body)
        if parts and size > PAGE_BYTES:
            break
        last = seq
        parts.append(f'{{"sequence":{seq},"time":"{recorded_at.isoformat()}",{body[1:]}')
    opening = f'{{"producer":"{producer}","epoch":"{epoch}","previous":{rows[0][0] - 1},"previous_id":"{previous_id}","events":['
    return RawPage((opening + ",".join(parts) + "]}").encode(), last)


def end_after(connection: Connection, producer: str, after: int) -> bytes:
    """What follows number `after` where the log ends there: a page without events. It still names the epoch and the event
    under that number, so whoever read another log notices."""
    epoch, previous_id = connection.exec_driver_sql(
        "select epoch::text, coalesce((select event_id from log.event where seq = %s), '') from log.head", (after,)
    ).one()
    opening = f'{{"producer":"{producer}","epoch":"{epoch}","previous":{after},"previous_id":"{previous_id}"'
    return (opening + ',"events":[]}').encode()


def mark_published(connection: Connection, through: int) -> None:
    """Its commit does not wait for the disk: a crash may undo it, and publishing again is harmless."""
    connection.exec_driver_sql(
        "with unhurried as (select set_config('synchronous_commit', 'off', true)) "
        "update log.head set published_through = greatest(published_through, %s) from unhurried",
        (through,),
    )


LEADER_LOCK = 7001


def try_to_lead(connection: Connection) -> bool:
    """Whether this session is now the one that publishes the log; it is until it ends."""
    return bool(connection.exec_driver_sql("select pg_try_advisory_lock(%s)", (LEADER_LOCK,)).scalar_one())


def end_leader(connection: Connection) -> None:
    """Ends the session that publishes the log, which belongs to the same role."""
    connection.exec_driver_sql(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = %s and granted "
        "and database = (select oid from pg_database where datname = current_database())",
        (LEADER_LOCK,),
    )


def unsent_age_s(connection: Connection) -> float:
    """How long ago the oldest event that is not known to be published was recorded, by the database's clock; 0 where all are."""
    age: float = connection.exec_driver_sql(
        "select coalesce((select greatest(0, extract(epoch from clock_timestamp() - recorded_at)) from log.event "
        "where seq > (select published_through from log.head) order by seq limit 1), 0)::float8"
    ).scalar_one()
    return age


def number_of(connection: Connection, event_id: str, company_id: int) -> int | None:
    """The number an event of this company has in this log, 0 while it has none, None where there is no such event."""
    return connection.exec_driver_sql(
        "select coalesce(seq, 0) from log.event where event_id = %s and company_id = %s", (event_id, company_id)
    ).scalar_one_or_none()


TAKING_IN = 7002


def take_turn(connection: Connection) -> None:
    """One page at a time in this service, also when a second worker looks at the logs: handlers that join the facts of two
    producers need not think of each other. Held until the transaction ends."""
    connection.exec_driver_sql("select pg_advisory_xact_lock(%s)", (TAKING_IN,))


def numbered(connection: Connection, event_id: str, company_id: int) -> int | None:
    """The number of an event of this company, given one first where it has none; None where there is no such event."""
    found = number_of(connection, event_id, company_id)
    if found == 0:
        number(connection)
        found = number_of(connection, event_id, company_id)
    return found or None


def lock_position(connection: Connection, producer: str) -> Position:
    """The position for a producer, locked until the transaction ends; one that was never heard of begins at 0."""
    row = connection.exec_driver_sql(f"{_POSITION} for update", (producer,)).one_or_none()
    if row is None:
        connection.exec_driver_sql("insert into log.position (producer) values (%s) on conflict do nothing", (producer,))
        row = connection.exec_driver_sql(f"{_POSITION} for update", (producer,)).one()
    return Position(*row)


_POSITION = "select producer, epoch::text, seq, event_id, forked from log.position where producer = %s"


def position(connection: Connection, producer: str) -> Position:
    """The position for a producer as it is just now."""
    row = connection.exec_driver_sql(_POSITION, (producer,)).one_or_none()
    return Position(*row) if row else Position(producer, None, 0, "")


def move_position(connection: Connection, producer: str, epoch: str, seq: int, event_id: str) -> None:
    connection.exec_driver_sql(
        "update log.position set epoch = %s, seq = %s, event_id = %s, moved_at = clock_timestamp(), forked = null "
        "where producer = %s",
        (epoch, seq, event_id, producer),
    )


def mark_fork(connection: Connection, producer: str, reason: str) -> None:
    connection.exec_driver_sql(
        "insert into log.position (producer, forked) values (%s, %s) "
        "on conflict (producer) do update set forked = excluded.forked",
        (producer, reason[:1000]),
    )


def unmark_fork(connection: Connection, producer: str) -> None:
    connection.exec_driver_sql("update log.position set forked = null where producer = %s", (producer,))


def forks(connection: Connection) -> dict[str, str]:
    """Producers whose log is not the one that was read before, with what differs."""
    return {
        row[0]: row[1] for row in connection.exec_driver_sql("select producer, forked from log.position where forked is not null")
    }


def positions(connection: Connection) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.exec_driver_sql("select producer, seq from log.position")}


def blocked_subjects(connection: Connection) -> set[tuple[int, str]]:
    """Subjects whose later events wait behind a parked one."""
    rows = connection.exec_driver_sql("select distinct company_id, subject from log.parked where resolved_at is null")
    return {(row[0], row[1]) for row in rows}


def park(connection: Connection, producer: str, events: list[tuple[Envelope, str]], error: str) -> None:
    """Keeps events, each with its body as JSON text, until a person has them run again."""
    connection.exec_driver_sql(
        "insert into log.parked (company_id, producer, seq, subject, event_id, type, body, error) "
        "select company_id, %s, seq, subject, event_id, type, body, %s from unnest("
        "%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[]) "
        "as event (company_id, seq, subject, event_id, type, body) on conflict (company_id, producer, seq) do nothing",
        (
            producer,
            error[:4000],
            [event.company_id for event, _ in events],
            [event.sequence for event, _ in events],
            [event.subject for event, _ in events],
            [event.id for event, _ in events],
            [event.type for event, _ in events],
            [body for _, body in events],
        ),
    )


@dataclass(frozen=True, slots=True)
class Parked:
    company_id: int
    producer: str
    seq: int
    subject: str
    event_id: str
    type: str
    body: str
    error: str
    attempts: int
    parked_at: datetime


_PARKED = "company_id, producer, seq, subject, event_id, type, body, error, attempts, parked_at"


def parked(connection: Connection, limit: int = 200) -> list[Parked]:
    """Events that wait for a person, oldest first, of the companies that the transaction sees."""
    rows = connection.exec_driver_sql(
        f"select {_PARKED} from log.parked where resolved_at is null order by parked_at, producer, seq limit %s", (limit,)
    )
    return [Parked(*row) for row in rows]


def parked_of_subject(connection: Connection, company_id: int, subject: str) -> list[Parked]:
    rows = connection.exec_driver_sql(
        f"select {_PARKED} from log.parked where company_id = %s and subject = %s and resolved_at is null "
        "order by producer, seq for update",
        (company_id, subject),
    )
    return [Parked(*row) for row in rows]


def parked_event(connection: Connection, event_id: str) -> bool:
    return bool(
        connection.exec_driver_sql(
            "select exists (select 1 from log.parked where event_id = %s and resolved_at is null)", (event_id,)
        ).scalar_one()
    )


def resolve(connection: Connection, item: Parked) -> None:
    connection.exec_driver_sql(
        "update log.parked set resolved_at = clock_timestamp(), attempts = attempts + 1 "
        "where company_id = %s and producer = %s and seq = %s",
        (item.company_id, item.producer, item.seq),
    )


def count_failure(connection: Connection, item: Parked, error: str) -> None:
    connection.exec_driver_sql(
        "update log.parked set attempts = attempts + 1, error = %s where company_id = %s and producer = %s and seq = %s",
        (error[:4000], item.company_id, item.producer, item.seq),
    )
