"""What clients did, as they saw it: the half of the truth that no database holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Attempt:
    """One write that a client sent, under one idempotency key. `status` is None where no answer came."""

    service: str
    company_id: int
    method: str
    path: str
    key: str
    body: Any
    status: int | None
    answer: Any
