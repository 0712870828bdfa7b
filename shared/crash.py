"""Named crash points. They do nothing unless DUEBOOK_CRASH_AT names one, then end the process as SIGKILL would.

`DUEBOOK_CRASH_AT=log.worker.after_commit:3` dies at the third passing of that point.
"""

import os
from collections import Counter

POINTS = (
    "http.before_commit",
    "http.after_commit",
    "log.relay.before_publish",
    "log.relay.after_publish",
    "log.relay.after_confirm",
    "log.relay.after_mark",
    "log.worker.after_receive",
    "log.worker.after_begin",
    "log.worker.after_effect",
    "log.worker.before_commit",
    "log.worker.after_commit",
    "log.worker.after_ack",
)
"""Along an event's way, one between any two steps that survive by themselves; what each one costs is in docs/event-log.md."""

_at, _, _nth = os.environ.get("DUEBOOK_CRASH_AT", "").partition(":")
_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """A place where the process may be told to die at once, without any clean-up."""
    assert name in POINTS, name
    if name == _at:
        _passed[name] += 1
        if _passed[name] >= int(_nth or 1):
            os._exit(137)
