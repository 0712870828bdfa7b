"""What a use case is given: the open transaction, the clock, who asks, and the log to state facts in.

A use case takes `ctx` first, then plain values; it loads, decides, saves, states events; it never commits. The edge that
made the context (a request, or a worker's page) writes the stated events last and commits once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection

from shared.clock import Clock
from shared.contracts import Event, Fact, Origin, encode
from shared.ids import new_id
from shared.peers import Peers

STATE = """
    insert into log.event (company_id, event_id, type, subject, body)
    select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
"""


@dataclass(frozen=True, slots=True)
class Stated:
    """An event that is waiting to be written at the end of the transaction."""

    company_id: int
    event_id: str
    type: str
    subject: str
    body: str


@dataclass(frozen=True)
class Context:
    """One unit of work. `company_id` 0 stands for the installation itself (creating companies)."""

    session: Connection
    clock: Clock
    service: str
    company_id: int
    actor: str
    correlation_id: str
    time_zone: str = "UTC"
    currency: str = ""
    permissions: frozenset[str] = frozenset()
    origin: Origin = "live"
    peers: Peers | None = None
    """Given to jobs, which may have to ask other services (a closing asks for their figures)."""
    gate_passed: bool = False
    closed: date | None = None
    """The last closed day, where the transaction has passed the period gate already; see `shared.periods`."""
    stated: list[Stated] = field(default_factory=list)

    def today(self) -> date:
        """Today in the company's time zone."""
        return self.clock.today(self.time_zone)

    def state(self, fact: Fact, subject: str, company_id: int | None = None, event_id: str | None = None) -> str:
        """Adds a fact to this service's log, in this transaction. Returns the event's id: a new one, or the new one that the
        caller made to write it down elsewhere first.

        Nobody publishes anywhere else: the relay takes committed events from the log.
        """
        event_id = event_id or new_id("evt")
        company = self.company_id if company_id is None else company_id
        body = encode(
            {
                "specversion": "1.0",
                "id": event_id,
                "source": self.service,
                "type": fact.type,
                "subject": subject,
                "companyid": company,
                "actor": self.actor,
                "correlationid": self.correlation_id,
                "origin": self.origin,
                "data": fact,
            }
        ).decode()
        assert fact.type.startswith(self.service + "."), f"{self.service} cannot state {fact.type}"
        self.stated.append(Stated(company, event_id, fact.type, subject, body))
        return event_id

    def reacting_to(self, event: Event) -> Context:
        """The same transaction, on behalf of an event: its company, origin and correlation; the service is the actor."""
        return replace(
            self,
            company_id=event.company_id,
            origin=event.origin,
            correlation_id=event.correlation_id,
            actor=f"service:{self.service}",
        )

    def take_stated(self) -> tuple[list[Any], ...]:
        """The stated events that are not written yet, as the columns that STATE takes; they count as written then."""
        rows = list(self.stated)
        self.stated.clear()
        return _columns(rows)

    def write_stated(self) -> None:
        """Writes the stated events, in order, in one statement. Called by the edge right before the commit."""
        if self.stated:
            self.session.exec_driver_sql(STATE, self.take_stated())


def _columns(rows: list[Stated]) -> tuple[list[Any], ...]:
    return (
        [row.company_id for row in rows],
        [row.event_id for row in rows],
        [row.type for row in rows],
        [row.subject for row in rows],
        [row.body for row in rows],
    )
