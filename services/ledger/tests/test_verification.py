"""The chain over the journal: what was changed behind the database's back is found and named."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from services.ledger.tests.books import Books
from services.ledger.verification import api
from shared.testing import usd


def tamper(books: Books, statement: str) -> None:
    """Runs a statement as a superuser with triggers off, as somebody with the disk in his hands could."""
    urls = books.house.assembly.urls["ledger"]
    database = urls["owner"].rpartition("/")[2]
    with psycopg.connect(books.house.admin_url.rpartition("/")[0] + "/" + database) as admin:
        admin.execute("set session_replication_role = replica")
        done = admin.execute(statement, {"company": books.company.id})
        assert done.rowcount == 1


def verification(books: Books, **query: Any) -> Any:
    return books.company.get("/api/ledger/verification", **query)


@pytest.fixture
def five(books: Books) -> Books:
    for place in range(1, 6):
        books.issued(usd(f"{place}.00"), number=f"INV-{place}")
    return books


OF_THIRD_ENTRY = "where company_id = %(company)s and number = 3"
OF_THIRD_POSTING = "where company_id = %(company)s and entry_number = 3 and line = 1"


@pytest.mark.parametrize(
    "change",
    [
        f"update app.posting set amount = amount + 1 {OF_THIRD_POSTING}",
        f"update app.posting set customer_id = 'cus_other' {OF_THIRD_POSTING}",
        f"update app.posting set account = '1101' {OF_THIRD_POSTING}",
        f"update app.posting set posting_on = posting_on + 1 {OF_THIRD_POSTING}",
        f"update app.posting set currency = 'EUR' {OF_THIRD_POSTING}",
        f"delete from app.posting {OF_THIRD_POSTING}",
        f"update app.journal_entry set document = 'INV-4' {OF_THIRD_ENTRY}",
        f"update app.journal_entry set recorded_at = recorded_at + interval '1 microsecond' {OF_THIRD_ENTRY}",
        f"update app.journal_entry set hash = sha256(hash) {OF_THIRD_ENTRY}",
        f"update app.journal_entry set reverses = 'evt_other' {OF_THIRD_ENTRY}",
    ],
)
def test_one_changed_byte_is_found_and_its_entry_named(five: Books, change: str) -> None:
    tamper(five, change)

    found = verification(five)

    assert found["through"] == 2
    assert [fault["number"] for fault in found["faults"]] == [3]


def test_both_lines_changed_alike_are_found(five: Books) -> None:
    for line in (1, 2):
        tamper(five, f"update app.posting set amount = 999 where company_id = %(company)s and entry_number = 3 and line = {line}")

    assert [fault["number"] for fault in verification(five)["faults"]] == [3]


def test_an_entry_that_is_gone_is_named(five: Books) -> None:
    tamper(five, f"delete from app.journal_entry {OF_THIRD_ENTRY}")

    assert verification(five)["through"] == 2
    assert "entry 3 is missing" in verification(five)["faults"][0]["detail"]


def test_the_last_entry_cannot_be_cut_off(five: Books) -> None:
    tamper(five, "delete from app.journal_entry where company_id = %(company)s and number = 5")

    assert verification(five)["faults"] == [{"number": 5, "detail": "the entry is missing"}]


BOTH_MORE = "debit = debit + 7, credit = credit + 7"
WRONG_BALANCES = (
    (
        "update app.balance set debit = debit + 7 where company_id = %(company)s and account = '1100' and on_day = '2026-01-10'",
        "balance of account 1100 in USD on 2026-01-10: its postings are debit 1500 and credit 0, stored are 1507 and 0",
    ),
    (
        f"update app.balance set {BOTH_MORE} where company_id = %(company)s and account = '4000'",
        "balance of account 4000 in USD on 2026-01-10: its postings are debit 0 and credit 1500, stored are 7 and 1507",
    ),
    (
        "update app.customer_balance set debit = 0 where company_id = %(company)s and customer_id = 'cus_2'",
        "balance of customer cus_2 in account 1100 in USD: its postings are debit 200 and credit 0, stored are 0 and 0",
    ),
    (
        "delete from app.customer_balance where company_id = %(company)s and customer_id = 'cus_3'",
        "balance of customer cus_3 in account 1100 in USD: its postings are debit 300 and credit 0, stored are 0 and 0",
    ),
    (
        "insert into app.customer_balance values (%(company)s, '1100', 'USD', 'cus_none', 5, 5)",
        "balance of customer cus_none in account 1100 in USD: its postings are debit 0 and credit 0, stored are 5 and 5",
    ),
)


def test_every_stored_balance_is_compared_with_the_postings_it_is_made_of(books: Books) -> None:
    for place in range(1, 6):
        books.issued(usd(f"{place}.00"), customer_id=f"cus_{place}")
    assert verification(books)["faults"] == []
    for statement, _ in WRONG_BALANCES:
        tamper(books, statement)

    found = verification(books)

    assert sorted(found["faults"], key=lambda fault: fault["detail"]) == sorted(
        ({"number": None, "detail": detail} for _, detail in WRONG_BALANCES), key=lambda fault: fault["detail"]
    )
    assert (found["through"], found["next_after"]) == (5, None)


def test_two_accounts_wrong_by_opposite_amounts_are_found(five: Books) -> None:
    for account in ("1100", "4000"):
        tamper(five, f"update app.balance set {BOTH_MORE} where company_id = %(company)s and account = '{account}'")

    assert [fault["number"] for fault in verification(five)["faults"]] == [None, None]


def test_balances_are_compared_once_the_end_is_reached(five: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "STEP", 3)
    tamper(five, "update app.balance set debit = debit + 7 where company_id = %(company)s and account = '1100'")

    assert verification(five)["faults"] == []
    assert [fault["number"] for fault in verification(five, after=3)["faults"]] == [None]


def test_a_whole_chain_is_verified_in_steps(five: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "STEP", 2)
    after, checked = 0, []
    while after is not None:
        found = verification(five, after=after)
        checked.append(found["checked"])
        assert found["faults"] == []
        after = found["next_after"]

    assert checked == [2, 2, 1]


def test_an_empty_journal_is_whole(books: Books) -> None:
    assert verification(books) == {"checked": 0, "through": 0, "next_after": None, "faults": []}


def test_verifying_needs_its_permission(books: Books) -> None:
    books.company.may_only("ledger.*").get("/api/ledger/verification")
    books.company.may_only("ledger.entry.read").refused(
        "/api/ledger/verification", method="GET", status=403, problem="permission-missing"
    )
