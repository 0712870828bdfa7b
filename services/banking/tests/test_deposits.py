"""Deposits take receipts to the bank together, each receipt into one live deposit at most."""

from shared.ids import derived_id
from shared.testing import usd, wire
from services.banking.tests.conftest import Bank


def test_a_deposit_takes_its_receipts_out_of_the_waiting_list_and_into_the_bank(bank: Bank) -> None:
    one, other, left = bank.receipt(usd("120.00")), bank.receipt(usd("80.50")), bank.receipt(usd("7.00"))

    made = bank.deposit(one, other, reference="slip 17", notes="drawer 2")

    assert made["total"] == made["net"] == wire(usd("200.50"))
    assert made["fee"] == wire(usd("0"))
    assert {item["receipt_id"] for item in made["items"]} == {one, other}
    assert made["items"][0]["customer_name"] == "Greenfield Construction"
    assert (made["state"], made["reference"], made["notes"], made["account"]) == ("posted", "slip 17", "drawer 2", "1010")
    assert bank.waiting() == [left]
    assert bank.balance() == usd("200.50")
    assert bank.shown(made["id"]) == made


def test_the_bank_gets_the_total_less_the_fee(bank: Bank) -> None:
    made = bank.deposit(bank.receipt(usd("100.00")), fee=usd("2.50"), fee_account="6100")

    assert made["net"] == wire(usd("97.50"))
    assert bank.balance() == usd("97.50")


def test_a_deposit_is_stated_with_its_items(bank: Bank) -> None:
    receipt = bank.receipt(usd("100.00"))

    made = bank.deposit(receipt, fee=usd("1.00"), reference="slip 1", day="2026-01-12")

    (event,) = bank.stated(made["id"])
    assert event["type"] == "banking.deposit.posted"
    assert event["data"] == {
        "deposit_id": made["id"],
        "bank_account_id": bank.account_id,
        "account": "1010",
        "currency": "USD",
        "occurred_on": "2026-01-12",
        "posting_on": "2026-01-12",
        "total": 100_00,
        "fee": 1_00,
        "fee_account": None,
        "items": [{"receipt_id": receipt, "amount": 100_00}],
        "reference": "slip 1",
    }
    assert made["entry_id"] == derived_id("je", event["id"])
