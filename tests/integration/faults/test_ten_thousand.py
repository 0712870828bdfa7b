"""One event among ten thousand that cannot be taken in: the others are, and nothing waits for it but its own subject."""

from __future__ import annotations

import pytest

from shared.db import company_transaction
from shared.log.bus import PREFETCH_PAGES
from tests.integration.faults.line import Line, wait_until

EVENTS, POISON = 10_000, 5_003


@pytest.mark.matrix("T17", times=1)
def test_one_poison_event_among_ten_thousand_is_parked_and_is_run_after_the_mend_in_order(line: Line) -> None:
    behind = [EVENTS - 1, EVENTS]
    line.broken = {f"n{POISON}"}
    worker = line.start()
    wait_until(line.has_consumer, "the worker to be at work")
    line.add(POISON - 1)
    line.add(1, "the subject")
    line.add(EVENTS - POISON - 2)
    line.add(2, "the subject")
    line.publish(*line.pages(500))
    line.wait_for_the_end()

    assert line.taken_in() == line.names([number for number in range(1, EVENTS + 1) if number not in (POISON, *behind)])
    assert list(line.parked()) == [POISON, *behind]
    assert f"cannot take in n{POISON}" in line.parked()[POISON]
    wait_until(lambda: line.waiting_messages() == 0, f"the queue to be empty but for the {PREFETCH_PAGES} in hand")

    line.broken = set()
    with company_transaction(worker.database.worker, line.log.company, "t") as connection:
        assert worker.consumer.retry_parked(connection, line.log.company, "the subject") == 3

    assert line.taken_in() == line.names(range(1, EVENTS + 1))
    assert line.parked() == {}
