"""Connections to PostgreSQL that give up: a server that is stopped, or a network that swallows everything, answers nothing at
all, and the server's own time limits do not help then."""

from __future__ import annotations

import time
from collections.abc import Generator
from threading import Lock
from typing import Any

import psycopg


class NoAnswer(psycopg.OperationalError):
    """The server has not answered for as long as anybody would wait; the connection is closed."""


class Entrance:
    """Opens connections on which nobody waits for an answer longer than `answers_within_s`.

    Once the server has not answered, one caller at a time tries to reach it, and the others are told at once: they shall not all
    stand in front of it.
    """

    def __init__(self, answers_within_s: int | None):
        self.kind = psycopg.Connection if answers_within_s is None else _giving_up_after(answers_within_s, self)
        self.shut = False
        self.one_tries = Lock()

    def connect(self, *arguments: Any, **options: Any) -> psycopg.Connection:
        """Raises psycopg.OperationalError."""
        tries = self.shut
        if tries and not self.one_tries.acquire(blocking=False):
            raise NoAnswer("the server did not answer a moment ago, and somebody is trying")
        try:
            made = self.kind.connect(*arguments, **options)
            self.shut = False
        except psycopg.OperationalError:
            self.shut = True
            raise
        finally:
            if tries:
                self.one_tries.release()
        return made


def _giving_up_after(seconds: int, entrance: Entrance) -> type[psycopg.Connection]:
    class Impatient(psycopg.Connection):
        patience_s = seconds
        """Raised for a transaction that may take longer; see `shared.db.allow`."""

        def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
            try:
                return super().wait(_until(time.monotonic() + self.patience_s, gen), *arguments, **options)
            except NoAnswer:
                entrance.shut = True
                self.close()
                raise

    return Impatient


def _until(deadline: float, steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The driver's own steps, ended where the deadline has passed and nothing is there to be read or written."""
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise NoAnswer("the server has not answered")
            wanted = steps.send(ready)
    except StopIteration as done:
        return done.value
