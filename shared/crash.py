"""Named crash points. They do nothing unless DUEBOOK_CRASH_AT names one, then end the process as SIGKILL would.

`DUEBOOK_CRASH_AT=log.worker.after_commit:3` dies at the third passing of that point.
"""

import os
from collections import Counter

_at, _, _nth = os.environ.get("DUEBOOK_CRASH_AT", "").partition(":")
_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """A place where the process may be told to die at once, without any clean-up."""
    if name == _at:
        _passed[name] += 1
        if _passed[name] >= int(_nth or 1):
            os._exit(137)
