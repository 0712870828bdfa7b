"""What a run measures, and that the bank sees money that comes from nowhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.torture.bank import ACCOUNTS, Bank
from tests.torture.load import Asked
from tests.torture.plan import plan
from tests.torture.run import ALWAYS, Run, Struck


@pytest.fixture
def run() -> Run:
    """A run with one fault between the seconds 10 and 14, answered again one second later."""
    made = plan(1, 100, 1, ["kill"])
    run = Run(SimpleNamespace(load=lambda *_: SimpleNamespace(asked=[], done=0)), made, 1.0)  # type: ignore[arg-type]
    run.struck.append(Struck(made.faults[0].fault, began=10, lifted=14, answered_after=1, settled_after=2))
    return run


def test_only_what_no_fault_touched_counts_for_availability(run: Run) -> None:
    run.load.asked = [
        Asked(1, 2, True, 201),
        Asked(3, 4, True, 409),
        Asked(5, 6, True, 503),
        Asked(9, 11, True, None),
        Asked(14, 14.5, True, 500),
        Asked(16, 17, True, 201),
        Asked(1, 2, False, 200),
    ]

    assert run._availability(True) == 0.75
    assert run._availability(False) == 1.0


def test_a_row_is_reported_as_often_as_it_was_met(run: Run) -> None:
    rows = [(line["row"], line["what"], line["times"], line["breaches"]) for line in run.results(0)]

    assert rows == [("4", "kill", 1, 0), *((row, what, 1, 0) for row, what in ALWAYS)]


def test_the_bank_sees_a_cent_that_was_made_or_lost() -> None:
    shops = [SimpleNamespace(company_id=1), SimpleNamespace(company_id=2)]
    bank = Bank(SimpleNamespace(shops=shops), 1, 1.0)  # type: ignore[arg-type]

    bank._add_up(read(debit=500, credit=500))
    assert bank.breaches == []
    bank._add_up(read(debit=500, credit=499))
    assert "hold 1, not nothing" in bank.breaches[0].what


def read(debit: int, credit: int) -> dict[str, Any]:
    """A trial balance in which one account of the bank has given and another has taken."""
    items = [
        {"code": code, "side": side, "balance": {"amount": amount}}
        for code, side, amount in ((ACCOUNTS[0], "debit", debit), (ACCOUNTS[1], "credit", credit), (ACCOUNTS[2], None, 0))
    ]
    even = {"amount": 1}
    return {"items": items, "totals": [dict.fromkeys(("debits", "credits", "debit_balances", "credit_balances"), even)]}
