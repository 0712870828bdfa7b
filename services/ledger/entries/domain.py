"""What a journal entry is, in the form that its hash covers. Pure.

**Canonical text** of an entry: a JSON array without blanks, UTF-8, only what JSON must escape escaped —

    ["duebook/1", company_id, number, event_id, producer, sequence, kind, document_id, document, subject, currency,
     occurred_on, posting_on, recorded_at, description, reverses,
     [[line, account, side, amount, customer_id, document_id], …]]

Dates are `2026-01-31`, `recorded_at` is `2026-01-31T17:05:00.000000Z`, what is not there is `null`. **Hash** of an entry:
SHA-256 of the previous entry's hash (32 bytes; 32 zero bytes before the first) followed by the canonical text. Python's
`json.dumps(entry, ensure_ascii=False, separators=(",", ":"))` makes the same text, so a stranger can verify the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

CANONICAL_FORM = "duebook/1"
NO_ENTRY = bytes(32)
"""Stands for the hash before the first entry."""

Posting = tuple[int, str, str, int, str | None, str | None]
"""Line, account, side, amount above zero, customer, document (None: the entry's own)."""

_encode = msgspec.json.Encoder().encode


class Entry(NamedTuple):
    """A journal entry as it is stored, its postings and hash beside it."""

    company_id: int
    number: int
    event_id: str
    producer: str
    sequence: int
    kind: str
    document_id: str
    document: str
    subject: str
    currency: str
    occurred_on: date
    posting_on: date
    recorded_at: datetime
    description: str
    reverses: str | None


def instant(moment: datetime) -> str:
    """A moment as the canonical text has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical(entry: Entry, recorded_at: str, postings: Sequence[Posting]) -> bytes:
    """The text that the entry's hash covers."""
    return _encode((CANONICAL_FORM, *entry[:12], recorded_at, *entry[13:], postings))


def chained(previous: bytes, entry: Entry, recorded_at: str, postings: Sequence[Posting]) -> bytes:
    """The entry's hash after the entry whose hash is `previous`."""
    return sha256(previous + canonical(entry, recorded_at, postings)).digest()
