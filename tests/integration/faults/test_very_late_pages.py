"""Pages that come thrice, in any order, or long after everybody has seen them: each event has its effect once."""

from __future__ import annotations

import random

import pytest

from tests.integration.faults.line import Line, wait_until

SEED = 20_260_115


@pytest.mark.matrix("27", times=600)
@pytest.mark.matrix("28", times=600)
def test_pages_that_come_thrice_and_shuffled_have_their_effect_once(line: Line) -> None:
    line.add(200)
    line.start()
    thrice = line.pages(3) * 3
    random.Random(SEED).shuffle(thrice)

    line.publish(*thrice)
    line.wait_for_the_end()
    wait_until(lambda: line.waiting_messages() == 0, "every page to be worked on")
    line.stop()

    assert line.taken_in() == line.names(range(1, 201))
    assert line.parked() == {}


@pytest.mark.matrix("29", times=1000)
@pytest.mark.matrix("T14", times=1000)
def test_a_thousand_events_of_three_months_ago_change_nothing_when_they_come_again(line: Line) -> None:
    line.add(1000)
    old = line.pages(100)
    line.start()
    line.publish(*old)
    line.add(10)
    line.publish(line.log.page(1001, 1010))
    line.wait_for_the_end()

    line.publish(*old)
    line.add(1)
    line.publish(line.log.page(1011, 1011))
    line.wait_for_the_end()
    wait_until(lambda: line.waiting_messages() == 0, "every page to be worked on")
    line.stop()

    assert line.taken_in() == line.names(range(1, 1012))
    assert line.parked() == {}
