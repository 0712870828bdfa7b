"""Real processes whose clock is wrong, by libfaketime."""

from __future__ import annotations

from pathlib import Path

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
MISSING = "needs libfaketime (Debian: apt-get install faketime)"
SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select((), (), (), seconds)\n"
"""The library fails in clock_nanosleep, by which Python sleeps, where it leaves the monotonic clock alone."""


def believes_in(offset: str, folder: Path) -> dict[str, str]:
    """The environment of a process whose clock is off by so much. Its time-outs run on, and files keep their times."""
    draft = folder / "sitecustomize.py.new"
    draft.write_text(SLEEP)
    draft.rename(folder / "sitecustomize.py")  # a process that starts just now reads all of it, or what was there before
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(folder),
    }
