"""What a queue may bring that no producer has stated: it is dropped or parked, and holds up nothing."""

from __future__ import annotations

import msgspec
import pytest

from shared.contracts import encode
from shared.log import pages
from tests.integration.faults.line import Line, wait_until

HUGE = 5_000_000


@pytest.mark.matrix("30", times=8)
def test_what_is_no_page_is_dropped_and_the_others_go_on(line: Line) -> None:
    line.add(40)
    page = pages.read(line.log.page(1, 10))
    unknown = msgspec.structs.replace(page.events[0], company_id=2**70)
    bodies = [
        b"",
        b'{"producer":"tried","epoch":',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"x" * HUGE,
        encode(msgspec.structs.replace(page, producer="ledger")),
        encode(msgspec.structs.replace(page, events=page.events[::-1])),
        encode(msgspec.structs.replace(page, events=[unknown, *page.events[1:]])),
    ]
    worker = line.start()
    for number, body in enumerate(bodies):
        line.publish(body, line.log.page(5 * number + 1, 5 * number + 5))

    line.wait_for_the_end()
    # the last may be old by the time it is read
    wait_until(lambda: worker.metrics.pages_dropped._value.get() >= len(bodies) - 1, "what is no page to be dropped")

    assert line.taken_in() == line.names(range(1, 41))
    assert line.parked() == {}
    assert all(thread.is_alive() for thread in worker.threads)


@pytest.mark.matrix("30", times=5)
def test_an_event_that_cannot_be_understood_is_parked_and_the_others_go_on(line: Line) -> None:
    line.add(100)
    changes = {
        10: {"data": msgspec.Raw(b'{"name": 12.5}')},
        20: {"specversion": "9.0"},
        30: {"type": "ledger.entry.posted", "source": "ledger"},
        40: {"source": "ledger"},
        50: {"data": msgspec.Raw(encode({"name": "n50", "note": "x" * HUGE}))},  # too much, and yet a fact
    }
    for number, change in changes.items():
        line.log.events[number - 1] = msgspec.structs.replace(line.log.events[number - 1], **change)
    line.start()

    line.publish(*line.pages(10))
    line.wait_for_the_end()

    # of a type that nobody here takes in, number 30 is passed over like any other
    assert line.taken_in() == line.names([number for number in range(1, 101) if number not in (10, 20, 30, 40)])
    assert list(line.parked()) == [10, 20, 40]
