"""Whether a client sends the same thing again: one hash over the content that was asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from shared.errors import Conflict
from shared.money import Money


class IdInUse(Conflict):
    """This id was used for other content before; take a new id for a new document."""

    code = "id-in-use"


def content_hash(asked: Mapping[str, Any]) -> str:
    """A hash of a validated input that does not depend on the order of its fields. The client's `id` is left out."""
    known = {key: value for key, value in asked.items() if key != "id"}
    return hashlib.sha256(msgspec.json.encode(known, order="deterministic", enc_hook=_plain)).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return asdict(value)
    raise NotImplementedError(type(value))
