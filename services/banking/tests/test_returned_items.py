"""A voided receipt leaves the list of those that wait, or comes back from the deposit that it is in: once, with its own entry."""

from __future__ import annotations

import threading
import time
from datetime import date

import msgspec
from sqlalchemy import Connection

from services.banking.deposits.domain import WantedDeposit
from services.banking.deposits.usecases import post_deposit, void_deposit
from services.banking.tests.conftest import Bank
from shared.context import Context
from shared.db import company_transaction
from shared.ids import derived_id
from shared.log.consumer import Taken
from shared.testing import usd, wire


def test_a_voided_receipt_that_waits_is_gone_from_the_list(bank: Bank) -> None:
    receipt, other = bank.receipt(), bank.receipt()

    bank.void_receipt(receipt)

    assert bank.waiting() == [other]
    bank.company.refused("/api/banking/deposits", bank.wanted(receipt), status=422, problem="receipt-voided")


def test_a_voided_receipt_in_a_live_deposit_is_returned_with_its_own_entry(bank: Bank) -> None:
    kept, bounced = bank.receipt(usd("60.00")), bank.receipt(usd("40.00"))
    made = bank.deposit(kept, bounced, day="2026-01-12")

    bank.void_receipt(bounced, "2026-01-14")

    returned = bank.stated(made["id"])[-1]
    assert returned["type"] == "banking.item.returned"
    assert returned["data"] == {
        "deposit_id": made["id"],
        "receipt_id": bounced,
        "bank_account_id": bank.account_id,
        "account": "1010",
        "currency": "USD",
        "occurred_on": "2026-01-14",
        "posting_on": "2026-01-14",
        "amount": 40_00,
    }
    shown = bank.shown(made["id"])
    assert shown["returned"] == wire(usd("40.00"))
    assert shown["total"] == wire(usd("100.00"))
    by_receipt = {item["receipt_id"]: item["returned"] for item in shown["items"]}
    assert by_receipt[kept] is None
    assert by_receipt[bounced] == {
        "occurred_on": "2026-01-14",
        "posting_on": "2026-01-14",
        "event_id": returned["id"],
        "entry_id": derived_id("je", returned["id"]),
    }
    assert bank.waiting() == []
    assert bank.balance() == usd("60.00")


def test_an_item_is_not_returned_before_its_deposit(bank: Bank) -> None:
    receipt = bank.receipt(day="2026-01-10")
    made = bank.deposit(receipt, day="2026-01-14")

    bank.void_receipt(receipt, "2026-01-12")

    returned = bank.stated(made["id"])[-1]["data"]
    assert (returned["occurred_on"], returned["posting_on"]) == ("2026-01-14", "2026-01-14")


def test_an_item_that_is_returned_into_a_closed_period_counts_from_the_first_open_day(bank: Bank) -> None:
    receipt = bank.receipt(day="2026-01-08")
    made = bank.deposit(receipt, day="2026-01-09")
    bank.close_through("2026-01-12")

    bank.void_receipt(receipt, "2026-01-11")

    returned = bank.stated(made["id"])[-1]["data"]
    assert (returned["occurred_on"], returned["posting_on"]) == ("2026-01-11", "2026-01-13")
    assert bank.balance("2026-01-12") == usd("100.00")
    assert bank.balance("2026-01-13") == usd("0")


def test_the_same_page_twice_returns_the_item_once(bank: Bank) -> None:
    receipt = bank.receipt()
    made = bank.deposit(receipt)
    payments = bank.producers["payments"]
    before = payments.position()
    bank.void_receipt(receipt)

    assert payments.deliver(before) is Taken.NOTHING_NEW
    assert [event["type"] for event in bank.stated(made["id"])] == ["banking.deposit.posted", "banking.item.returned"]


def test_a_void_that_is_stated_twice_returns_the_item_once(bank: Bank) -> None:
    receipt = bank.receipt()
    made = bank.deposit(receipt)

    bank.void_receipt(receipt, deliver=False)
    bank.void_receipt(receipt)
    bank.void_receipt(receipt)

    assert len(bank.stated(made["id"])) == 2
    assert bank.balance() == usd("0")


def test_a_receipt_that_was_posted_and_voided_in_one_page_never_waits(bank: Bank) -> None:
    receipt = bank.receipt(deliver=False)
    bank.void_receipt(receipt)

    assert bank.waiting() == []


def test_one_page_returns_items_of_several_deposits_and_companies(bank: Bank, other_bank: Bank) -> None:
    made = [(bank, bank.deposit(bank.receipt(usd("1.00"))), "2026-01-15"), (bank, bank.deposit(bank.receipt()), "2026-01-15")]
    made.append((other_bank, other_bank.deposit(other_bank.receipt(usd("7.00"))), "2026-01-16"))
    other_bank.close_through("2026-01-15")
    for of, deposit, _ in made:
        of.void_receipt(deposit["items"][0]["receipt_id"], deliver=False)

    bank.producers["payments"].deliver()

    for of, deposit, day in made:
        (returned,) = (event for event in of.stated(deposit["id"]) if event["type"] == "banking.item.returned")
        assert returned["data"]["amount"] == deposit["total"]["amount"]
        assert returned["data"]["posting_on"] == day
    assert (bank.balance(), other_bank.balance("2026-01-16")) == (usd("0"), usd("0"))


def test_a_void_that_arrives_while_a_deposit_takes_the_receipt_waits_for_it_and_returns_the_item(bank: Bank) -> None:
    receipt = bank.receipt()
    bank.void_receipt(receipt, deliver=False)
    wanted = WantedDeposit(bank_account_id=bank.account_id, posting_on=date(2026, 1, 15), receipt_ids=(receipt,))

    with company_transaction(bank.house.databases["banking"].api, bank.company.id, "usr_test") as session:
        ctx = _context(bank, session)
        deposit_id = post_deposit(ctx, wanted)[0]["id"]
        ctx.write_stated()
        worker = _delivering(bank)
    worker.join()

    assert [event["type"] for event in bank.stated(deposit_id)] == ["banking.deposit.posted", "banking.item.returned"]
    assert bank.waiting() == []
    assert bank.balance() == usd("0")


def test_a_void_that_arrives_while_the_deposit_is_voided_waits_for_it_and_takes_the_receipt_off_the_list(bank: Bank) -> None:
    receipt = bank.receipt()
    made = bank.deposit(receipt)
    bank.void_receipt(receipt, deliver=False)

    with company_transaction(bank.house.databases["banking"].api, bank.company.id, "usr_test") as session:
        ctx = _context(bank, session)
        void_deposit(ctx, made["id"], None, "wrong slip")
        ctx.write_stated()
        worker = _delivering(bank)
    worker.join()

    assert [event["type"] for event in bank.stated(made["id"])] == ["banking.deposit.posted", "banking.deposit.voided"]
    assert bank.waiting() == []
    assert bank.balance() == usd("0")


def test_a_returned_item_keeps_the_origin_of_the_void(bank: Bank) -> None:
    receipt = bank.receipt()
    made = bank.deposit(receipt)
    payments = bank.producers["payments"]
    bank.void_receipt(receipt, deliver=False)
    payments.log[-1] = msgspec.structs.replace(payments.log[-1], origin="import")

    payments.deliver()

    assert [event["origin"] for event in bank.stated(made["id"])] == ["live", "import"]


def _context(bank: Bank, session: Connection) -> Context:
    return Context(session, bank.clock, "banking", bank.company.id, "usr_test", "test")


def _delivering(bank: Bank) -> threading.Thread:
    """Banking's worker, which waits for a lock by the time this returns."""
    worker = threading.Thread(target=bank.producers["payments"].deliver)
    worker.start()
    with bank.house.owner("banking") as owner:
        waits = (
            "select exists (select 1 from pg_locks join pg_stat_activity a using (pid) "
            "where not granted and a.datname = current_database())"
        )
        until = time.monotonic() + 3
        while not owner.execute(waits).fetchone()[0]:  # type: ignore[index]
            assert time.monotonic() < until, "the worker did not wait"
            time.sleep(0.01)
            owner.rollback()
    return worker
