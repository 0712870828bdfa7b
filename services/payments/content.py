"""Whether a client sends the same thing again: one hash over the content that was asked for."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from shared.errors import Conflict
from shared.money import Money


class IdInUse(Conflict):
    """This id was used for other content before; take a new id for a new document."""

    code = "id-in-use"


def content_hash(*asked: Any) -> str:
    """A hash of plain values, dates, money, and lists and dataclasses of them."""
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic", enc_hook=_plain)).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return [value.minor, value.currency]
    raise NotImplementedError(type(value))
