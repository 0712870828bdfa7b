"""The chart of accounts and the roles that posting rules name."""

from __future__ import annotations

from services.ledger.tests.books import Books
from shared.testing import usd


def add(books: Books, code: str, **fields: object) -> dict[str, object]:
    answer: dict[str, object] = books.company.post(
        "/api/ledger/accounts", {"code": code, "name": f"Account {code}", "kind": "asset", **fields}
    )
    return answer


def stated(books: Books, type_: str) -> list[str]:
    """Subjects of what the ledger has stated of this type."""
    rows = books.as_worker(
        "select subject from log.event where company_id = %s and type = %s order by id", [books.company.id, type_]
    )
    return [row[0] for row in rows]


def test_a_company_begins_with_a_chart_and_every_role_that_rules_name(books: Books) -> None:
    accounts = {item["code"]: item for item in books.company.get("/api/ledger/accounts", limit=200)["items"]}
    roles = {item["role"]: item["account"] for item in books.company.get("/api/ledger/roles")["items"]}

    assert accounts["1100"] == {
        "code": "1100",
        "name": "Accounts receivable",
        "kind": "asset",
        "normal_side": "debit",
        "control": "ar",
        "active": True,
    }
    assert accounts["2300"]["normal_side"] == "credit"
    assert roles == {
        "ar": "1100",
        "retention": "1150",
        "prepayments": "2300",
        "undeposited": "1050",
        "bank_fees": "6100",
        "sales": "4000",
        "freight": "4100",
        "sales_tax": "2200",
        "discounts": "4900",
        "cash_over_short": "6900",
        "bad_debt": "6200",
        "late_fees": "4200",
        "opening_balance": "3900",
    }
    assert stated(books, "ledger.account.created") == [f"acc_{code}" for code in sorted(accounts)]
    assert len(stated(books, "ledger.role.assigned")) == 13


def test_a_company_adds_a_bank_account_of_its_own(books: Books) -> None:
    added = add(books, "1011", control="bank")

    assert added["control"] == "bank"
    assert [item["code"] for item in books.company.get("/api/ledger/accounts", control="bank")["items"]] == ["1010", "1011"]
    assert stated(books, "ledger.account.created")[-1] == "acc_1011"


def test_the_same_account_again_is_the_same_account(books: Books) -> None:
    assert add(books, "6500") == add(books, "6500")

    assert stated(books, "ledger.account.created").count("acc_6500") == 1


def test_a_code_is_never_given_twice(books: Books) -> None:
    other = {"code": "1100", "name": "Other", "kind": "asset"}

    books.company.refused("/api/ledger/accounts", other, status=409, problem="account-exists")


def test_every_fault_of_an_account_is_named(books: Books) -> None:
    found = books.company.refused(
        "/api/ledger/accounts", {"code": "-1", "name": " ", "kind": "money", "control": "x"}, status=422, problem="invalid-input"
    )

    assert {fault["pointer"] for fault in found["errors"]} == {"/code", "/name", "/kind", "/control"}


def test_an_account_is_renamed_and_deactivated(books: Books) -> None:
    answer = books.company.call("PATCH", "/api/ledger/accounts/5000", {"name": "Materials", "active": False})

    assert answer.json()["name"] == "Materials"
    assert [item["code"] for item in books.company.get("/api/ledger/accounts", active=False)["items"]] == ["5000"]
    assert stated(books, "ledger.account.changed") == ["acc_5000"]


def test_an_account_that_fills_a_role_stays_active(books: Books) -> None:
    refused = books.company.refused(
        "/api/ledger/accounts/4000", {"active": False}, method="PATCH", status=409, problem="account-fills-role"
    )

    assert refused["roles"] == ["sales"]


def test_a_role_that_moves_takes_the_next_event_along(books: Books) -> None:
    books.issued(usd("10.00"))
    add(books, "4001", kind="revenue")

    assert books.company.call("PUT", "/api/ledger/roles/sales", {"account": "4001"}).status_code == 200
    books.issued(usd("7.00"))

    assert (books.balance("4000"), books.balance("4001")) == (-1000, -700)


def test_a_control_account_with_postings_keeps_its_role_and_says_why(books: Books) -> None:
    add(books, "1101", control="ar")
    books.issued()

    refused = books.company.refused("/api/ledger/roles/ar", {"account": "1101"}, method="PUT", status=409, problem="role-in-use")

    assert "neither would agree with its sub-ledger" in refused["detail"]


def test_a_control_account_without_postings_gives_its_role_away(books: Books) -> None:
    add(books, "1101", control="ar")

    assert books.company.call("PUT", "/api/ledger/roles/ar", {"account": "1101"}).status_code == 200
    books.issued(usd("10.00"))

    assert (books.balance("1100"), books.balance("1101")) == (0, 1000)


def test_a_role_is_filled_only_by_an_account_of_its_kind(books: Books) -> None:
    for role, account in (("ar", "4000"), ("sales", "1100"), ("ar", "1150")):
        books.company.refused(f"/api/ledger/roles/{role}", {"account": account}, method="PUT", status=422, problem="role-unfit")
    books.company.call("PATCH", "/api/ledger/accounts/5000", {"active": False})
    books.company.refused("/api/ledger/roles/sales", {"account": "5000"}, method="PUT", status=422, problem="role-unfit")


def test_a_role_or_account_that_is_not_there_is_named(books: Books) -> None:
    put, get = "PUT", "GET"
    books.company.refused("/api/ledger/roles/luck", {"account": "4000"}, method=put, status=404, problem="role-not-found")
    books.company.refused("/api/ledger/roles/sales", {"account": "9"}, method=put, status=422, problem="account-unknown")
    books.company.refused("/api/ledger/accounts/9", {"name": "x"}, method="PATCH", status=404, problem="account-not-found")
    books.company.refused("/api/ledger/accounts/9", method=get, status=404, problem="account-not-found")


def test_the_chart_is_changed_only_with_its_permissions(books: Books) -> None:
    clerk = books.company.may_only("ledger.account.read")
    account = {"code": "6500", "name": "x", "kind": "expense"}

    clerk.refused("/api/ledger/accounts", account, status=403, problem="permission-missing")
    clerk.refused("/api/ledger/roles/sales", {"account": "4100"}, method="PUT", status=403, problem="permission-missing")
