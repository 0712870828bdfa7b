"""Ends a process, or cuts its connection, between any two statements; the engines of the simulation count theirs here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event


class Crash(BaseException):
    """A process ended here, as by SIGKILL. No handler of the product catches it."""

    def __init__(self, process: str):
        super().__init__(process)
        self.process = process


@dataclass
class Plan:
    """What befalls `process` (any API where it is "api") at the `left`-th of its statements and commits from now on.

    `dies`: the process ends, else its connection is cut under it. `committed`: where that point is a commit, the server has it
    still, and only the answer is lost.
    """

    process: str
    left: int
    dies: bool
    committed: bool


class Points:
    """Which process runs at this moment, and what is planned for it."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.plan: Plan | None = None

    @contextmanager
    def inside(self, process: str) -> Iterator[None]:
        """What is executed in this block is executed by `process`; one may call another, as over a network."""
        self.running.append(process)
        try:
            yield
        finally:
            self.running.pop()

    @contextmanager
    def planned(self, plan: Plan | None) -> Iterator[None]:
        self.plan = plan
        try:
            yield
        finally:
            self.plan = None

    def watch(self, engine: Engine) -> None:
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", self._commit)

    def _statement(self, connection: Connection, *_: Any) -> None:
        if (plan := self._due()) is not None:
            self._strike(connection, plan, commit=False)

    def _commit(self, connection: Connection) -> None:
        if (plan := self._due()) is not None:
            self._strike(connection, plan, commit=True)

    def _due(self) -> Plan | None:
        plan = self.plan
        if plan is None or not self.running or not self.running[-1].endswith(plan.process):
            return None
        plan.left -= 1
        if plan.left:
            return None
        self.plan = None
        return plan

    def _strike(self, connection: Connection, plan: Plan, commit: bool) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        if commit and plan.committed:
            driver.commit()
        if plan.dies:
            raise Crash(self.running[-1])  # on its way out the transaction is rolled back, as the server would do by itself
        # what is executed next fails; that the server lets go of all locks first is the same whenever it is run
        driver.rollback()
        driver.close()
