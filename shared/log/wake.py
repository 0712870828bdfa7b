"""Wakes the relay after a commit.

NOTIFY inside the business transaction would serialise all commits of the server, since PostgreSQL holds one lock over
the commit of every transaction that notifies. So the edge only sets a flag, and one thread sends the calls, together.
"""

from __future__ import annotations

import threading

from sqlalchemy import Engine

from shared.telemetry import log

CHANNEL = "duebook_log"


class Waker:
    """`call()` after a commit that wrote events. A call that is lost costs the relay's idle poll, nothing more."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.wanted = threading.Event()
        self.thread: threading.Thread | None = None
        self.lock = threading.Lock()
        self.closed = False

    def call(self) -> None:
        if self.thread is None or not self.thread.is_alive():  # also after a fork, where no thread survives
            with self.lock:
                if self.thread is None or not self.thread.is_alive():
                    self.thread = threading.Thread(target=self._run, name="log-waker", daemon=True)
                    self.thread.start()
        self.wanted.set()

    def close(self) -> None:
        """Ends the thread, so that the engine can be disposed of for good."""
        self.closed = True
        self.wanted.set()
        if self.thread is not None:
            self.thread.join(5)

    def _run(self) -> None:
        while True:
            self.wanted.wait()
            self.wanted.clear()
            if self.closed:
                return
            try:
                with self.engine.connect() as connection:
                    connection.exec_driver_sql(f"notify {CHANNEL}")
            except Exception as error:  # noqa: BLE001 - the relay polls anyway
                log.debug("wake.failed", error=repr(error)[:200])
