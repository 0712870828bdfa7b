"""Deposits take receipts to the bank together, each receipt into one live deposit at most."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, RestrictViolation

from services.banking.tests.conftest import Bank, problem_pointers
from shared.ids import derived_id, new_id
from shared.money import Money
from shared.testing import usd, wire


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
    assert made["fee_account"] == "6100"
    assert bank.balance() == usd("97.50")


def test_a_fee_may_take_the_whole_deposit_but_not_a_cent_more(bank: Bank) -> None:
    receipt = bank.receipt(usd("3.00"))

    problem = bank.company.refused(
        "/api/banking/deposits", bank.wanted(receipt, fee=usd("3.01")), status=422, problem="fee-above-total"
    )
    made = bank.deposit(receipt, fee=usd("3.00"))

    assert problem_pointers(problem) == [("/fee/amount", "fee-above-total")]
    assert made["net"] == wire(usd("0"))


def test_the_fee_goes_to_the_bank_accounts_fee_account_where_the_deposit_names_none(bank: Bank) -> None:
    path = f"/api/banking/bank-accounts/{bank.account_id}"
    assert bank.company.call("PATCH", path, {"fee_account": "6100"}).status_code == 200

    with_fee = bank.deposit(bank.receipt(), fee=usd("1.00"))
    without = bank.deposit(bank.receipt())

    assert (with_fee["fee_account"], without["fee_account"]) == ("6100", None)


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


def test_a_deposit_group_takes_all_that_wait_in_it_up_to_a_day(bank: Bank) -> None:
    checks = [bank.receipt(day="2026-01-08"), bank.receipt(day="2026-01-09")]
    later = bank.receipt(day="2026-01-10")
    cash = bank.receipt(group="Cash", day="2026-01-08")

    made = bank.deposit(deposit_group="Checks", received_through="2026-01-09")

    assert [item["receipt_id"] for item in made["items"]] == checks
    assert set(bank.waiting()) == {later, cash}


def test_a_deposit_of_a_group_leaves_out_what_was_received_after_its_own_day(bank: Bank) -> None:
    early, late = bank.receipt(day="2026-01-08"), bank.receipt(day="2026-01-12")

    made = bank.deposit(deposit_group="Checks", day="2026-01-11")

    assert [item["receipt_id"] for item in made["items"]] == [early]
    assert bank.waiting() == [late]


def test_a_deposit_of_a_group_takes_the_oldest_500(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.banking.deposits.usecases.RECEIPTS_AT_MOST", 2)
    youngest = bank.receipt(day="2026-01-12")
    oldest = [bank.receipt(day="2026-01-08"), bank.receipt(day="2026-01-09")]

    made = bank.deposit(deposit_group="Checks")

    assert [item["receipt_id"] for item in made["items"]] == oldest
    assert bank.waiting() == [youngest]


def test_a_deposit_group_in_which_nothing_waits_is_refused(bank: Bank) -> None:
    bank.receipt(group="Cash")

    problem = bank.company.refused(
        "/api/banking/deposits", bank.wanted(deposit_group="Checks"), status=422, problem="nothing-waits"
    )

    assert problem_pointers(problem) == [("/deposit_group", "nothing-waits")]


@pytest.mark.parametrize("both", [True, False])
def test_a_deposit_names_receipts_or_a_group_and_not_both(bank: Bank, both: bool) -> None:
    wanted = bank.wanted(bank.receipt(), deposit_group="Checks") if both else bank.wanted()

    problem = bank.company.refused("/api/banking/deposits", wanted, status=422, problem="receipts-or-group")

    assert problem_pointers(problem) == [("/receipt_ids", "receipts-or-group")]


def test_a_day_up_to_which_receipts_were_received_belongs_to_a_group(bank: Bank) -> None:
    wanted = bank.wanted(bank.receipt(), received_through="2026-01-10")

    problem = bank.company.refused("/api/banking/deposits", wanted, status=422, problem="receipts-or-group")

    assert problem_pointers(problem) == [("/received_through", "receipts-or-group")]


def test_all_faults_of_a_deposit_come_at_once_and_nothing_is_written(bank: Bank, other_bank: Bank) -> None:
    fit = bank.receipt()
    voided = bank.receipt()
    bank.void_receipt(voided)
    banked = bank.receipt()
    bank.deposit(banked)
    euros = bank.receipt(Money(100_00, "EUR"))
    later = bank.receipt(day="2026-01-16")
    theirs = other_bank.receipt()
    unknown = new_id("rct")
    wanted = bank.wanted(fit, fit, voided, banked, euros, later, theirs, unknown, fee=Money(1_00, "EUR"), fee_account="9999")

    problem = bank.company.refused("/api/banking/deposits", wanted, status=422, problem="invalid-input")

    assert sorted(problem_pointers(problem)) == [
        ("/fee/currency", "currency-mismatch"),
        ("/fee_account", "account-unknown"),
        ("/receipt_ids/1", "receipt-repeated"),
        ("/receipt_ids/2", "receipt-voided"),
        ("/receipt_ids/3", "receipt-already-deposited"),
        ("/receipt_ids/4", "currency-mismatch"),
        ("/receipt_ids/5", "deposit-before-receipt"),
        ("/receipt_ids/6", "receipt-unknown"),
        ("/receipt_ids/7", "receipt-unknown"),
    ]
    assert fit in bank.waiting()
    assert bank.balance() == usd("100.00")


def test_the_receipt_of_a_clearing_payment_type_never_waits(bank: Bank) -> None:
    card = bank.receipt(needs_deposit=False)

    assert bank.waiting() == []
    bank.company.refused("/api/banking/deposits", bank.wanted(card), status=422, problem="receipt-unknown")


def test_a_banked_receipt_is_refused_with_the_deposit_that_has_it(bank: Bank) -> None:
    receipt = bank.receipt()
    first = bank.deposit(receipt)

    problem = bank.company.refused("/api/banking/deposits", bank.wanted(receipt), status=409, problem="receipt-already-deposited")

    assert problem["errors"][0]["pointer"] == "/receipt_ids/0"
    assert problem["errors"][0]["deposit_id"] == first["id"]


def test_of_two_deposits_at_once_one_gets_the_receipt_and_the_other_a_conflict(bank: Bank) -> None:
    bank.company.token()
    for _ in range(3):
        shared, mine, yours = bank.receipt(), bank.receipt(), bank.receipt()
        wishes = [bank.wanted(shared, mine), bank.wanted(yours, shared)]
        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lambda wish: bank.company.call("POST", "/api/banking/deposits", wish), wishes))

        assert sorted(answer.status_code for answer in answers) == [201, 409]
        lost = next(answer for answer in answers if answer.status_code == 409).json()
        assert lost["type"] == "/problems/receipt-already-deposited"
        assert len(bank.waiting()) == 1
        bank.deposit(*bank.waiting())


def test_a_deposit_is_not_dated_before_a_receipt_in_it(bank: Bank) -> None:
    receipt = bank.receipt(day="2026-01-10")

    problem = bank.company.refused(
        "/api/banking/deposits", bank.wanted(receipt, day="2026-01-09"), status=422, problem="deposit-before-receipt"
    )
    made = bank.deposit(receipt, day="2026-01-10")

    assert problem["errors"][0]["earliest"] == "2026-01-10"
    assert made["posting_on"] == "2026-01-10"


def test_a_deposit_is_not_dated_into_a_closed_period(bank: Bank) -> None:
    receipt = bank.receipt(day="2026-01-10")
    bank.close_through("2026-01-12")

    problem = bank.company.refused(
        "/api/banking/deposits", bank.wanted(receipt, day="2026-01-12"), status=422, problem="period-closed"
    )
    made = bank.deposit(receipt, day="2026-01-13")

    assert problem_pointers(problem) == [("/posting_on", "period-closed")]
    assert made["posting_on"] == "2026-01-13"


def test_a_fee_account_must_be_active_and_no_control_account(bank: Bank) -> None:
    bank.account("6110", active=False)
    receipt = bank.receipt()

    control = bank.wanted(receipt, fee=usd("1.00"), fee_account="1050")
    inactive = bank.wanted(receipt, fee=usd("1.00"), fee_account="6110")

    bank.company.refused("/api/banking/deposits", control, status=422, problem="control-account")
    bank.company.refused("/api/banking/deposits", inactive, status=422, problem="account-inactive")


def test_an_unknown_bank_account_and_one_of_another_company_are_refused_alike(bank: Bank, other_bank: Bank) -> None:
    receipt = bank.receipt()

    for bank_account_id in (new_id("ban"), other_bank.account_id):
        wanted = {**bank.wanted(receipt), "bank_account_id": bank_account_id}
        problem = bank.company.refused("/api/banking/deposits", wanted, status=422, problem="bank-account-unknown")
        assert problem_pointers(problem) == [("/bank_account_id", "bank-account-unknown")]


def test_a_bank_account_whose_ledger_account_was_deactivated_takes_no_new_deposit(bank: Bank) -> None:
    receipt = bank.receipt()
    bank.deactivate("1010", "bank")

    problem = bank.company.refused("/api/banking/deposits", bank.wanted(receipt), status=422, problem="account-inactive")

    assert problem_pointers(problem) == [("/bank_account_id", "account-inactive")]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"receipt_ids": []}, "/receipt_ids"),
        ({"receipt_ids": ["inv_1"]}, "/receipt_ids/0"),
        ({"receipt_ids": [f"rct_{index:026d}" for index in range(501)]}, "/receipt_ids"),
        ({"posting_on": "2026-02-30"}, "/posting_on"),
        ({"fee": {"amount": -1, "currency": "USD"}}, "/fee/amount"),
        ({"fee": {"amount": 1.5, "currency": "USD"}}, "/fee/amount"),
        ({"reference": "x" * 101}, "/reference"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_a_deposit_that_cannot_be_read_is_refused_with_its_place(bank: Bank, change: dict[str, Any], pointer: str) -> None:
    wanted = {**bank.wanted(new_id("rct")), **change}

    problem = bank.company.refused("/api/banking/deposits", wanted, status=422, problem="invalid-input")

    assert pointer in [fault["pointer"] for fault in problem["errors"]]


def test_the_same_id_again_answers_the_same_deposit_and_another_content_is_refused(bank: Bank) -> None:
    deposit_id, one, other = new_id("dep"), bank.receipt(), bank.receipt()
    wanted = bank.wanted(one, other, id=deposit_id)
    first = bank.company.post("/api/banking/deposits", wanted, pump=False)

    turned = {**wanted, "receipt_ids": [other, one]}
    again = bank.company.post("/api/banking/deposits", turned, pump=False)
    bank.company.refused("/api/banking/deposits", {**wanted, "reference": "x"}, status=409, problem="deposit-differs")

    assert again == first
    assert len(bank.stated(deposit_id)) == 1


def test_posting_needs_an_idempotency_key_and_the_permission(bank: Bank) -> None:
    wanted = bank.wanted(bank.receipt())
    reader = bank.company.may_only("banking.deposit.read", "banking.deposit.void")

    bank.company.refused("/api/banking/deposits", wanted, status=400, problem="idempotency-key-missing", key="")
    assert reader.call("POST", "/api/banking/deposits", wanted).status_code == 403


def test_the_same_key_again_posts_once(bank: Bank) -> None:
    wanted = bank.wanted(bank.receipt())

    first = bank.company.call("POST", "/api/banking/deposits", wanted, key="slip-17")
    again = bank.company.call("POST", "/api/banking/deposits", wanted, key="slip-17")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert bank.balance() == usd("100.00")


def test_a_deposit_of_another_company_is_not_found(bank: Bank, other_bank: Bank) -> None:
    theirs = other_bank.deposit(other_bank.receipt())

    assert bank.company.call("GET", f"/api/banking/deposits/{theirs['id']}").json()["type"] == "/problems/deposit-unknown"
    assert bank.try_void(theirs["id"]).status_code == 404
    assert bank.company.get("/api/banking/deposits")["items"] == []


def test_deposits_are_listed_newest_first_with_filters(bank: Bank) -> None:
    receipt = bank.receipt()
    early = bank.deposit(receipt, day="2026-01-11", reference="slip 1")
    late = bank.deposit(bank.receipt(usd("5.00")), day="2026-01-14", fee=usd("1.00"))
    bank.void(early["id"])

    def ids(**query: object) -> list[str]:
        return [item["id"] for item in bank.company.get("/api/banking/deposits", **query)["items"]]

    assert ids() == [late["id"], early["id"]]
    assert ids(sort="-total") == [early["id"], late["id"]]
    assert ids(state="voided") == [early["id"]]
    assert ids(state="posted") == [late["id"]]
    assert ids(posting_from="2026-01-12") == [late["id"]]
    assert ids(posting_to="2026-01-12") == [early["id"]]
    assert ids(reference="slip 1") == [early["id"]]
    assert ids(receipt_id=receipt) == [early["id"]]
    assert ids(bank_account_id=bank.account_id, limit=1) == [late["id"]]
    listed = bank.company.get("/api/banking/deposits", state="posted")["items"][0]
    assert {name: listed[name] for name in ("total", "fee", "net", "state", "item_count")} == {
        "total": wire(usd("5.00")),
        "fee": wire(usd("1.00")),
        "net": wire(usd("4.00")),
        "state": "posted",
        "item_count": 1,
    }


def test_deposits_are_paged_by_cursor(bank: Bank) -> None:
    made = [bank.deposit(bank.receipt(), day="2026-01-12")["id"] for _ in range(3)]

    first = bank.company.get("/api/banking/deposits", limit=2, sort="posting_on")
    second = bank.company.get("/api/banking/deposits", limit=2, sort="posting_on", cursor=first["next_cursor"])

    assert [item["id"] for item in first["items"] + second["items"]] == sorted(made)
    assert second["next_cursor"] is None


def test_the_database_refuses_a_deposit_that_is_not_the_sum_of_its_items(bank: Bank) -> None:
    made = bank.deposit(bank.receipt())
    copied = (
        "insert into app.deposit select (jsonb_populate_record(d, jsonb_build_object('id', 'dep_x', 'event_id', 'evt_x'))).* "
        "from app.deposit d where id = %s"
    )
    one_more = (
        "insert into app.deposit_item select company_id, deposit_id, 'rct_x', amount from app.deposit_item where deposit_id = %s"
    )

    for statement in (copied, one_more):
        with bank.house.owner("banking") as owner, pytest.raises(CheckViolation, match="is not the sum of its items"):
            owner.execute(statement, (made["id"],))


def test_the_database_refuses_a_receipt_in_a_deposit_that_does_not_hold_it(bank: Bank) -> None:
    receipt, other = bank.receipt(), bank.receipt()
    made = bank.deposit(other)

    with bank.house.owner("banking") as owner, pytest.raises(ForeignKeyViolation):
        owner.execute("update app.receipt_place set deposit_id = %s where receipt_id = %s", (made["id"], receipt))


def test_the_database_refuses_to_change_a_deposit(bank: Bank) -> None:
    made = bank.deposit(bank.receipt())

    for statement in ("update app.deposit_item set amount = 1", "delete from app.bank_posting", "update app.deposit set fee = 1"):
        with bank.house.owner("banking") as owner, pytest.raises(RestrictViolation, match="append-only"):
            owner.execute(statement)
    assert bank.shown(made["id"]) == made
