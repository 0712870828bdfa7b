"""Bank accounts: each on its own ledger account with control `bank`; the book balance is the sum of the postings."""

from __future__ import annotations

from typing import Any

import pytest

from services.banking.tests.conftest import Bank, Producer, problem_pointers
from shared.contracts.ledger import AccountCreated
from shared.ids import derived_id, new_id
from shared.testing import usd, wire
from tests.product import House


def account(**change: Any) -> dict[str, Any]:
    return {"name": "Payroll", "account": "1020", **change}


def test_a_company_begins_with_the_bank_account_of_its_chart(bank: Bank) -> None:
    (first,) = bank.company.get("/api/banking/bank-accounts")["items"]

    assert (first["name"], first["account"], first["currency"], first["is_default"]) == ("Bank", "1010", "USD", True)
    (event,) = bank.stated(first["id"])
    assert event["type"] == "banking.bank_account.created"
    assert event["data"] == {"bank_account_id": first["id"], "name": "Bank", "account": "1010", "currency": "USD"}


def hear_of_companies(banking_house: House) -> None:
    banking_house.consumers["banking"].catch_up("identity", banking_house.peers["banking"].fetch)


@pytest.mark.parametrize("chart_first", [True, False])
def test_the_first_bank_account_is_opened_once_whichever_arrives_first_company_or_chart(
    banking_house: House, producers: dict[str, Producer], chart_first: bool
) -> None:
    company_id = banking_house.company_elsewhere("CAD", name="Late")
    chart = AccountCreated(code="1010", name="Bank", kind="asset", control="bank", active=True)
    producers["ledger"].states(company_id, "any", chart)
    for comes in (True, False):
        if comes is chart_first:
            producers["ledger"].deliver()
        else:
            hear_of_companies(banking_house)

    with banking_house.owner("banking") as owner:
        rows = owner.execute(
            "select account, currency, is_default from app.bank_account where company_id = %s", (company_id,)
        ).fetchall()
    assert rows == [("1010", "CAD", True)]


def test_an_account_1010_that_is_no_bank_opens_no_bank_account(banking_house: House, producers: dict[str, Producer]) -> None:
    company_id = banking_house.company_elsewhere(name="Odd")
    hear_of_companies(banking_house)
    chart = AccountCreated(code="1010", name="Petty cash", kind="asset", control=None, active=True)
    producers["ledger"].states(company_id, "any", chart)
    producers["ledger"].deliver()

    with banking_house.owner("banking") as owner:
        assert owner.execute("select 1 from app.bank_account where company_id = %s", (company_id,)).fetchall() == []


def test_a_bank_account_is_created_on_its_own_ledger_account(bank: Bank) -> None:
    bank.account("1020", "bank")

    made = bank.company.post(
        "/api/banking/bank-accounts", account(currency="EUR", masked_number="****6789", fee_account="6100"), pump=False
    )

    assert made["id"].startswith("ban_")
    assert {name: made[name] for name in ("account", "currency", "masked_number", "fee_account", "is_default")} == {
        "account": "1020",
        "currency": "EUR",
        "masked_number": "****6789",
        "fee_account": "6100",
        "is_default": False,
    }
    assert bank.stated(made["id"])[0]["data"]["currency"] == "EUR"
    assert [item["name"] for item in bank.company.get("/api/banking/bank-accounts")["items"]] == ["Bank", "Payroll"]


def test_all_faults_of_a_bank_account_come_at_once(bank: Bank) -> None:
    problem = bank.company.refused(
        "/api/banking/bank-accounts", account(account="9999", fee_account="1050"), status=422, problem="invalid-input"
    )

    assert problem_pointers(problem) == [("/account", "account-unknown"), ("/fee_account", "control-account")]


def test_a_bank_account_needs_a_ledger_account_with_control_bank_that_is_active(bank: Bank) -> None:
    bank.account("1020", "bank", active=False)

    path = "/api/banking/bank-accounts"
    bank.company.refused(path, account(account="6100"), status=422, problem="account-not-bank")
    bank.company.refused(path, account(account="1050"), status=422, problem="account-not-bank")
    bank.company.refused(path, account(), status=422, problem="account-inactive")


def test_two_bank_accounts_do_not_share_a_ledger_account(bank: Bank) -> None:
    problem = bank.company.refused(
        "/api/banking/bank-accounts", account(account="1010"), status=409, problem="ledger-account-taken"
    )

    assert problem_pointers(problem) == [("/account", "ledger-account-taken")]


def test_no_more_than_the_last_four_digits_of_a_bank_account_are_kept(bank: Bank) -> None:
    bank.account("1020", "bank")

    problem = bank.company.refused(
        "/api/banking/bank-accounts", account(masked_number="123456789"), status=422, problem="invalid-input"
    )

    assert problem["errors"][0]["pointer"] == "/masked_number"


def test_the_same_id_again_answers_the_same_bank_account_and_another_content_is_refused(bank: Bank) -> None:
    bank.account("1020", "bank")
    wanted = account(id=new_id("ban"))
    first = bank.company.post("/api/banking/bank-accounts", wanted, pump=False)

    again = bank.company.post("/api/banking/bank-accounts", wanted, pump=False)
    bank.company.refused("/api/banking/bank-accounts", {**wanted, "name": "Other"}, status=409, problem="bank-account-differs")

    assert again == first


def test_name_number_and_fee_account_can_change_and_the_change_leaves_a_trail(bank: Bank) -> None:
    path = f"/api/banking/bank-accounts/{bank.account_id}"

    renamed = bank.company.call("PATCH", path, {"name": "First National"}).json()
    with_fees = bank.company.call("PATCH", path, {"fee_account": "6100"}).json()
    without = bank.company.call("PATCH", path, {"fee_account": None}).json()

    assert (renamed["name"], with_fees["fee_account"], without["fee_account"]) == ("First National", "6100", None)
    assert without["name"] == "First National"
    changes = bank.company.get(f"/api/banking/changes?table=app.bank_account&key={bank.account_id}")["items"]
    assert [change["action"] for change in changes] == ["update", "update", "update", "insert"]
    assert changes[2]["before"]["name"] == "Bank"
    assert changes[2]["after"]["name"] == "First National"


def test_a_change_of_a_bank_account_is_refused_with_its_place(bank: Bank, other_bank: Bank) -> None:
    path = f"/api/banking/bank-accounts/{bank.account_id}"
    theirs = f"/api/banking/bank-accounts/{other_bank.account_id}"

    bank.company.refused(path, {"account": "1020"}, status=422, problem="invalid-input", method="PATCH")
    bank.company.refused(path, {"name": ""}, status=422, problem="invalid-input", method="PATCH")
    bank.company.refused(path, {"fee_account": "9999"}, status=422, problem="account-unknown", method="PATCH")
    bank.company.refused(theirs, {"name": "Mine"}, status=404, problem="bank-account-unknown", method="PATCH")


def test_the_book_balance_is_asked_for_any_day(bank: Bank) -> None:
    bank.deposit(bank.receipt(usd("100.00")), day="2026-01-11")
    voided = bank.deposit(bank.receipt(usd("30.00")), day="2026-01-13", fee=usd("1.00"))
    bank.void(voided["id"], "2026-01-14")
    bounced = bank.receipt(usd("9.00"))
    bank.deposit(bounced, day="2026-01-14")
    bank.void_receipt(bounced, "2026-01-15")

    days = ["2026-01-10", "2026-01-11", "2026-01-13", "2026-01-14", "2026-01-15"]

    assert [bank.balance(day) for day in days] == [usd("0"), usd("100.00"), usd("129.00"), usd("109.00"), usd("100.00")]
    assert bank.balance() == usd("100.00")


def test_the_postings_of_a_bank_account_carry_the_running_balance_in_both_directions_and_over_pages(bank: Bank) -> None:
    late = bank.deposit(bank.receipt(usd("30.00")), day="2026-01-14")
    early = bank.deposit(bank.receipt(usd("100.00")), day="2026-01-11", fee=usd("2.00"))
    bank.void(late["id"], "2026-01-15")
    path = f"/api/banking/bank-accounts/{bank.account_id}/postings"

    def pages(sort: str) -> list[tuple[str, int, int]]:
        rows, cursor = [], None
        while True:
            page = bank.company.get(path, sort=sort, limit=2, **({"cursor": cursor} if cursor else {}))
            rows += [(item["kind"], item["amount"]["amount"], item["balance"]["amount"]) for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows

    assert pages("posting_on") == [
        ("deposit_posted", 98_00, 98_00),
        ("deposit_posted", 30_00, 128_00),
        ("deposit_voided", -30_00, 98_00),
    ]
    assert pages("-posting_on") == pages("posting_on")[::-1]
    (shown,) = bank.company.get(path, posting_to="2026-01-12")["items"]
    assert (shown["deposit_id"], shown["balance"]) == (early["id"], wire(usd("98.00")))
    assert shown["entry_id"] == derived_id("je", shown["event_id"])


def test_an_account_without_postings_has_an_empty_page(bank: Bank) -> None:
    page = bank.company.get(f"/api/banking/bank-accounts/{bank.account_id}/postings")

    assert page == {"items": [], "next_cursor": None}


def test_a_bank_account_of_another_company_is_not_found(bank: Bank, other_bank: Bank) -> None:
    for path in (other_bank.account_id, f"{other_bank.account_id}/postings", new_id("ban")):
        answer = bank.company.call("GET", f"/api/banking/bank-accounts/{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/bank-account-unknown")


def test_bank_accounts_and_deposit_groups_need_their_permissions(bank: Bank) -> None:
    reader = bank.company.may_only("banking.bank_account.read", "banking.deposit_group.read")
    nobody = bank.company.may_only("banking.deposit.read")

    for noun, body in (("bank-accounts", account()), ("deposit-groups", {"description": "Lockbox"})):
        assert reader.call("GET", f"/api/banking/{noun}").status_code == 200
        assert nobody.call("GET", f"/api/banking/{noun}").status_code == 403
        assert reader.call("POST", f"/api/banking/{noun}", body).status_code == 403


def test_a_company_begins_with_checks_and_cash_and_may_add_deposit_groups(bank: Bank) -> None:
    made = bank.company.post("/api/banking/deposit-groups", {"description": "Lockbox"}, pump=False)

    listed = bank.company.get("/api/banking/deposit-groups")["items"]

    assert [item["description"] for item in listed] == ["Cash", "Checks", "Lockbox"]
    assert listed[2]["id"] == made["id"]


def test_a_deposit_group_exists_once(bank: Bank) -> None:
    path, wanted = "/api/banking/deposit-groups", {"id": new_id("dgr"), "description": "Lockbox"}
    first = bank.company.post(path, wanted, pump=False)

    bank.company.refused(path, {"description": "Checks"}, status=409, problem="deposit-group-exists")
    bank.company.refused(path, {**wanted, "description": "Other"}, status=409, problem="deposit-group-exists")
    bank.company.refused(path, {"description": " "}, status=422, problem="invalid-input")
    assert bank.company.post(path, wanted, pump=False) == first
