"""What must not be left in the middle once input has stopped (E10)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rig.breach import Breach
from tests.rig.reading import Reading

CLOSINGS = """
select company_id, 'closing ' || id || ' through ' || through || ' waits since ' || asked_at || ' for ' ||
    coalesce(nullif(waits_for, ''), 'nothing that it names')
from period_close where state = 'closing' and asked_at < now() - interval '60 seconds'
"""

JOBS = """
select company_id, 'job ' || kind || ' ' || key || ' is due since ' || run_after || coalesce(': ' || last_error, '')
from job where done_at is null and (run_after < now() - interval '60 seconds' or last_error is not null)
"""


def closings(reading: Reading) -> Iterator[Breach]:
    """E10: no closing is under way for longer than a minute."""
    yield from reading.found("E10", "ledger", CLOSINGS)


def jobs(reading: Reading) -> Iterator[Breach]:
    """E10: no job is due and undone for longer than a minute, none has failed and waits to be tried again."""
    for service in reading.urls:
        yield from reading.found("E10", service, JOBS)
