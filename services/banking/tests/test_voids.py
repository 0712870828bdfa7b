"""A void takes the whole deposit out of the bank again, once, and its receipts wait again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from services.banking.tests.conftest import Bank
from shared.ids import derived_id, new_id
from shared.testing import usd, wire


def test_the_receipts_of_a_voided_deposit_wait_again_and_can_be_banked_again(bank: Bank) -> None:
    receipts = [bank.receipt(usd("60.00")), bank.receipt(usd("40.00"))]
    first = bank.deposit(*receipts, fee=usd("1.00"))

    voided = bank.void(first["id"])
    waiting = bank.waiting()
    second = bank.deposit(*receipts)

    assert (voided["state"], voided["void"]["reason"], voided["void"]["voided_on"]) == ("voided", "wrong slip", "2026-01-15")
    assert sorted(waiting) == sorted(receipts)
    assert second["state"] == "posted"
    assert bank.balance() == usd("100.00")


def test_a_void_is_stated_with_the_fee_and_what_it_reverses(bank: Bank) -> None:
    receipt = bank.receipt(usd("60.00"))
    made = bank.deposit(receipt, fee=usd("1.00"), day="2026-01-12")

    voided = bank.void(made["id"], "2026-01-13")

    posted, stated = bank.stated(made["id"])
    assert stated["type"] == "banking.deposit.voided"
    assert stated["data"] == {
        "deposit_id": made["id"],
        "bank_account_id": bank.account_id,
        "account": "1010",
        "currency": "USD",
        "occurred_on": "2026-01-13",
        "posting_on": "2026-01-13",
        "total": 60_00,
        "fee": 1_00,
        "fee_account": None,
        "items": [{"receipt_id": receipt, "amount": 60_00}],
        "reverses": posted["id"],
        "reason": "wrong slip",
    }
    assert voided["void"]["entry_id"] == derived_id("je", stated["id"])


def test_a_void_is_dated_today_where_no_day_is_named(bank: Bank) -> None:
    made = bank.deposit(bank.receipt(), day="2026-01-12")

    assert bank.void(made["id"], day=None)["void"]["voided_on"] == "2026-01-15"


def test_a_voided_deposit_cannot_be_voided_again(bank: Bank) -> None:
    made = bank.deposit(bank.receipt())
    bank.void(made["id"])

    problem = bank.company.refused(
        f"/api/banking/deposits/{made['id']}/void", {"reason": "again"}, status=409, problem="deposit-already-voided"
    )

    assert problem["rule"] == "BR-AR-C5"
    assert bank.balance() == usd("0")


def test_of_two_voids_at_once_one_counts(bank: Bank) -> None:
    bank.company.token()
    made = bank.deposit(bank.receipt())

    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda _: bank.try_void(made["id"]), range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    lost = next(answer for answer in answers if answer.status_code == 409).json()
    assert lost["type"] == "/problems/deposit-already-voided"
    assert len(bank.stated(made["id"])) == 2
    assert bank.balance() == usd("0")


def test_a_void_is_not_dated_before_its_deposit(bank: Bank) -> None:
    made = bank.deposit(bank.receipt(), day="2026-01-13")

    problem = bank.try_void(made["id"], "2026-01-12").json()

    assert problem["type"] == "/problems/void-before-document"
    assert problem["errors"][0]["pointer"] == "/voided_on"


def test_a_void_is_not_dated_into_a_closed_period(bank: Bank) -> None:
    made = bank.deposit(bank.receipt(), day="2026-01-11")
    bank.close_through("2026-01-12")

    problem = bank.try_void(made["id"], "2026-01-12").json()
    voided = bank.void(made["id"], "2026-01-13")

    assert problem["type"] == "/problems/period-closed"
    assert problem["errors"][0]["pointer"] == "/voided_on"
    assert voided["state"] == "voided"


def test_a_void_needs_a_reason_a_key_and_its_own_permission(bank: Bank) -> None:
    made = bank.deposit(bank.receipt())
    path = f"/api/banking/deposits/{made['id']}/void"

    unreasoned = bank.company.refused(path, {}, status=422, problem="invalid-input")
    bank.company.refused(path, {"reason": "x"}, status=400, problem="idempotency-key-missing", key="")
    poster = bank.company.may_only("banking.deposit.post", "banking.deposit.read")

    assert unreasoned["errors"][0]["pointer"] == "/reason"
    assert poster.call("POST", path, {"reason": "x"}).status_code == 403


def test_an_unknown_deposit_cannot_be_voided(bank: Bank) -> None:
    bank.company.refused(f"/api/banking/deposits/{new_id('dep')}/void", {"reason": "x"}, status=404, problem="deposit-unknown")


def test_a_released_receipt_is_not_banked_on_a_day_on_which_the_voided_deposit_had_it(bank: Bank) -> None:
    receipt = bank.receipt(day="2026-01-09")
    made = bank.deposit(receipt, day="2026-01-10")
    bank.void(made["id"], "2026-01-13")

    problem = bank.company.refused(
        "/api/banking/deposits", bank.wanted(receipt, day="2026-01-12"), status=422, problem="deposit-before-receipt"
    )

    assert problem["errors"][0]["earliest"] == "2026-01-13"
    assert bank.deposit(receipt, day="2026-01-13")["state"] == "posted"


def test_a_deposit_that_was_voided_on_its_own_day_can_be_dated_anew(bank: Bank) -> None:
    receipt = bank.receipt(day="2026-01-09")
    made = bank.deposit(receipt, day="2026-01-12")
    bank.void(made["id"], "2026-01-12")

    assert bank.deposit(receipt, day="2026-01-09")["posting_on"] == "2026-01-09"


def test_a_void_leaves_out_what_was_returned_before(bank: Bank) -> None:
    kept, bounced = bank.receipt(usd("60.00")), bank.receipt(usd("40.00"))
    made = bank.deposit(kept, bounced, fee=usd("1.00"))
    bank.void_receipt(bounced)

    voided = bank.void(made["id"])

    assert bank.waiting() == [kept]
    assert voided["returned"] == wire(usd("40.00"))
    assert bank.stated(made["id"])[-1]["data"]["total"] == 60_00
    assert bank.balance() == usd("0")


def test_where_every_item_was_returned_the_void_gives_back_the_fee(bank: Bank) -> None:
    bounced = bank.receipt(usd("40.00"))
    made = bank.deposit(bounced, fee=usd("1.00"))
    bank.void_receipt(bounced)
    before = bank.balance()

    bank.void(made["id"])

    assert before == usd("-1.00")
    assert bank.balance() == usd("0")


def test_where_every_item_was_returned_and_no_fee_was_taken_there_is_nothing_to_void(bank: Bank) -> None:
    bounced = bank.receipt(usd("40.00"))
    made = bank.deposit(bounced)
    bank.void_receipt(bounced)

    answer = bank.try_void(made["id"])

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/nothing-left-to-void")
    assert bank.shown(made["id"])["state"] == "posted"


def test_a_receipt_that_is_voided_after_its_deposit_was_is_gone_without_a_return(bank: Bank) -> None:
    receipt = bank.receipt()
    made = bank.deposit(receipt)
    bank.void(made["id"])

    bank.void_receipt(receipt)

    assert bank.waiting() == []
    assert [event["type"] for event in bank.stated(made["id"])] == ["banking.deposit.posted", "banking.deposit.voided"]
    assert bank.balance() == usd("0")
