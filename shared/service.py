"""A service as the rest sees it: its name, what it follows, its handlers, its routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from shared.context import Context
from shared.log.handlers import Handlers

Job = Callable[[Context, dict[str, Any]], None]


@dataclass(frozen=True)
class Service:
    """The description from which the API app and the worker of a service are made.

    `proof`: answers a proof request inside the transaction that fixed the clock (see `shared.http.internal`).
    `jobs`: kind of job -> function. `timers`: called by the worker about every second; each opens the transaction it needs.
    `own_keys`: the keys that tokens are checked with, for the service that has them itself.
    """

    name: str
    follows: tuple[str, ...]
    handlers: Handlers
    routes: Sequence[Any] = ()
    posts: bool = False
    proof: Callable[[Context, dict[str, str]], dict[str, Any]] | None = None
    jobs: dict[str, Job] = field(default_factory=dict)
    own_keys: Callable[[Connection], dict[str, Any]] | None = None
    timers: Sequence[Callable[[Any], None]] = ()
    description: str = ""
