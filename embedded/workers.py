"""All services' workers in one process, over the in-memory bus: `python -m embedded.workers`, started by `duebook up`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from embedded.home import Home
from shared.config import SERVICES
from shared.telemetry import configure_logs, log


def main() -> int:
    """Runs until SIGTERM or SIGINT, or until the parent is gone."""
    configure_logs("worker")
    home = Home(Path(os.environ["DUEBOOK_HOME"]))
    assembly = home.assembly(os.environ["DUEBOOK_DATABASE_SERVER"])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    workers = [assembly.worker(name) for name in SERVICES]
    for worker in workers:
        worker.start()
    log.info("workers.started", services=list(SERVICES))
    parent = os.getppid()
    while not stop.wait(1.0):
        if os.getppid() != parent:
            log.warning("workers.orphaned")
            break
    for worker in workers:
        worker.stopping.set()
    for worker in workers:
        worker.stop()
    assembly.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
