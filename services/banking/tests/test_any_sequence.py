"""Whatever is done in whatever order: the bank holds its live deposits, and each receipt is in one of them at most."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from services.banking.tests.conftest import Bank
from shared.money import Money

FIRST = date(2026, 1, 5)
STEPS = 40


class Story:
    """Random operations on one company, and what the books should show after them by a model of our own."""

    def __init__(self, bank: Bank, seed: int):
        self.bank, self.chance = bank, random.Random(seed)
        self.amounts: dict[str, int] = {}
        self.received: dict[str, date] = {}
        self.voided: set[str] = set()
        self.deposits: dict[str, tuple[set[str], int]] = {}

    def day(self, earliest: date = FIRST) -> date:
        return earliest + timedelta(days=self.chance.randrange(8))

    def receive(self) -> None:
        amount, day = self.chance.randrange(1, 10_000), self.day()
        receipt_id = self.bank.receipt(Money(amount, "USD"), day.isoformat())
        self.amounts[receipt_id], self.received[receipt_id] = amount, day

    def deposit(self) -> None:
        chosen = self.chance.sample(sorted(self.amounts), min(len(self.amounts), self.chance.randrange(1, 4)))
        fee = self.chance.choice([0, 0, 1, 5_000])
        wanted = self.bank.wanted(*chosen, day=self.day(FIRST + timedelta(days=4)).isoformat(), fee=Money(fee, "USD"))
        answer = self.bank.company.call("POST", "/api/banking/deposits", wanted)
        taken = {receipt_id for receipts, _ in self.deposits.values() for receipt_id in receipts}
        if taken & set(chosen) or self.voided & set(chosen) or sum(self.amounts[one] for one in chosen) < fee:
            assert answer.status_code in (409, 422)
        if answer.status_code == 201:
            self.deposits[answer.json()["id"]] = (set(chosen), fee)

    def void_deposit(self) -> None:
        if self.deposits:
            deposit_id = self.chance.choice(sorted(self.deposits))
            answer = self.bank.try_void(deposit_id, self.day(FIRST + timedelta(days=6)).isoformat())
            if answer.status_code == 200:
                del self.deposits[deposit_id]

    def void_receipt(self) -> None:
        alive = sorted(set(self.amounts) - self.voided)
        if alive:
            receipt_id = self.chance.choice(alive)
            self.bank.void_receipt(receipt_id, self.day(self.received[receipt_id]).isoformat())
            self.voided.add(receipt_id)
            for receipts, _ in self.deposits.values():
                receipts.discard(receipt_id)

    def check(self) -> None:
        banked = [receipt_id for receipts, _ in self.deposits.values() for receipt_id in receipts]
        waiting = set(self.amounts) - self.voided - set(banked)
        assert len(banked) == len(set(banked))
        balance = sum(self.amounts[one] for one in banked) - sum(fee for _, fee in self.deposits.values())
        proof = self.bank.proof()
        assert proof["banks"] == ([["1010", "USD", balance]] if balance else [])
        assert set(self.bank.waiting()) == waiting
        total = sum(self.amounts[one] for one in waiting)
        assert proof["undeposited"] == ([["USD", total]] if total else [])


@pytest.mark.parametrize("seed", range(5))
def test_the_bank_holds_its_live_deposits_less_fees_and_returns_after_any_sequence(bank: Bank, seed: int) -> None:
    story = Story(bank, seed)
    acts = [story.receive] * 4 + [story.deposit] * 4 + [story.void_deposit, story.void_receipt]
    story.receive()

    for _ in range(STEPS):
        story.chance.choice(acts)()

    story.check()
    assert_undeposited_funds_are_never_short(bank)


def assert_undeposited_funds_are_never_short(bank: Bank) -> None:
    """On no day do the entries of these facts leave less than nothing in undeposited funds, receipt by receipt."""
    with bank.house.owner("banking") as owner:
        moved = owner.execute(
            "select receipt_id, posting_on, sum(amount) from ("
            "select i.receipt_id, d.posting_on, -i.amount as amount from app.deposit_item i "
            "join app.deposit d on d.company_id = i.company_id and d.id = i.deposit_id where i.company_id = %(company)s "
            "union all select i.receipt_id, v.posting_on, i.amount from app.deposit_item i "
            "join app.deposit_void v on v.company_id = i.company_id and v.deposit_id = i.deposit_id "
            "where i.company_id = %(company)s and not exists (select 1 from app.bank_posting p "
            "where p.company_id = i.company_id and p.deposit_id = i.deposit_id and p.receipt_id = i.receipt_id) "
            "union all select receipt_id, posting_on, -amount from app.bank_posting where company_id = %(company)s "
            "and kind = 'item_returned' "
            "union all select id, posting_on, amount from copies.receipt where company_id = %(company)s) moves "
            "group by receipt_id, posting_on order by receipt_id, posting_on",
            {"company": bank.company.id},
        ).fetchall()
    held: dict[str, int] = {}
    for receipt_id, _, amount in moved:
        held[receipt_id] = held.get(receipt_id, 0) + int(amount)
        assert held[receipt_id] >= 0, receipt_id
