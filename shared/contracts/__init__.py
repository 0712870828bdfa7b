"""The only thing services know of each other: facts in the past tense, one module per publisher.

A fact is complete enough that its reader needs no call back. Fields are only ever added, with a default; amounts are
integers in minor units of the fact's `currency`. `docs/events/` has the JSON Schema of each, which a test compares.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

Origin = Literal["live", "import", "demo"]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """The data of an event."""

    type: ClassVar[str]


FACTS: dict[str, type[Fact]] = {}
F = TypeVar("F", bound=type[Fact])


def fact(name: str) -> Callable[[F], F]:
    """Registers a fact under its event type, `<service>.<noun>.<past participle>`."""

    def register(cls: F) -> F:
        cls.type = name
        FACTS[name] = cls
        return cls

    return register


class Envelope(msgspec.Struct, frozen=True, kw_only=True, rename={"company_id": "companyid", "correlation_id": "correlationid"}):
    """An event as it travels, with CloudEvents' names. `sequence` and `time` are given at numbering, by the log."""

    id: str
    source: str
    type: str
    subject: str
    company_id: int
    actor: str
    correlation_id: str
    origin: Origin
    data: msgspec.Raw
    sequence: int = 0
    time: datetime | None = None
    specversion: str = "1.0"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event as a handler gets it, its data decoded to the fact's class."""

    id: str
    source: str
    type: str
    subject: str
    company_id: int
    actor: str
    correlation_id: str
    origin: Origin
    sequence: int
    recorded_at: datetime
    data: Any


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive events of one producer's log. `previous` and `previous_id` name the event before the first."""

    producer: str
    epoch: str
    previous: int
    previous_id: str
    events: list[Envelope]


_decoders: dict[str, msgspec.json.Decoder[Any]] = {}
page_decoder = msgspec.json.Decoder(Page)
encode = msgspec.json.Encoder().encode


def decode(envelope: Envelope) -> Event:
    """The event with its data as the registered class. Raises msgspec.ValidationError where the data does not fit it."""
    decoder = _decoders.get(envelope.type)
    if decoder is None:
        decoder = _decoders[envelope.type] = msgspec.json.Decoder(FACTS[envelope.type])
    assert envelope.time is not None
    return Event(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        subject=envelope.subject,
        company_id=envelope.company_id,
        actor=envelope.actor,
        correlation_id=envelope.correlation_id,
        origin=envelope.origin,
        sequence=envelope.sequence,
        recorded_at=envelope.time,
        data=decoder.decode(envelope.data),
    )


def load_all() -> dict[str, type[Fact]]:
    """Every registered fact, all publishers loaded."""
    from shared.contracts import banking, billing, identity, ledger, payments, periods  # noqa: F401

    return FACTS
