"""The made-up producer's facts are known while a test of this folder runs, and nothing of its log is left over from another."""

from __future__ import annotations

import pytest

from shared.contracts import FACTS
from shared.log.tests.made import PRODUCER, Known, Unheard
from tests.product import House


@pytest.fixture(autouse=True)
def made_up_producer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for fact in (Known, Unheard):
        monkeypatch.setitem(FACTS, fact.type, fact)
    with house.owner("identity") as owner:
        owner.execute("delete from log.position where producer = %s", (PRODUCER,))
        owner.execute("delete from log.parked where producer = %s", (PRODUCER,))
