"""Deposits of another system come in by the thousand: each once, all or nothing, with every fault of every row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event

from services.banking.tests.conftest import Bank, problem_pointers
from shared.ids import new_id
from shared.testing import usd, wire

PATH = "/api/banking/imports/deposits"


def row(external_id: str, *receipt_ids: str, day: str = "2026-01-12", **more: Any) -> dict[str, Any]:
    return {"source": "old-books", "external_id": external_id, "posting_on": day, "receipt_ids": list(receipt_ids), **more}


def brought(bank: Bank, *rows: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = bank.company.post(PATH, {"rows": list(rows)}, pump=False)
    return answer


def test_deposits_are_imported_with_their_receipts_into_the_default_bank_account(bank: Bank) -> None:
    receipts = [bank.receipt(usd("10.00")), bank.receipt(usd("20.00")), bank.receipt(usd("5.00"))]

    answer = brought(
        bank,
        row("2026-01-12", *receipts[:2], reference="slip 1", fee=wire(usd("1.00")), fee_account="6100"),
        row("2026-01-13", receipts[2]),
    )

    assert (answer["added"], answer["known"]) == (2, 0)
    assert [item["external_id"] for item in answer["items"]] == ["2026-01-12", "2026-01-13"]
    first = bank.shown(answer["items"][0]["id"])
    assert (first["total"], first["net"], first["reference"]) == (wire(usd("30.00")), wire(usd("29.00")), "slip 1")
    assert (first["bank_account_id"], first["posting_on"], first["fee_account"]) == (bank.account_id, "2026-01-12", "6100")
    assert bank.waiting() == []
    assert bank.balance() == usd("34.00")


def test_imported_deposits_are_stated_as_imported(bank: Bank) -> None:
    answer = brought(bank, row("a", bank.receipt()))

    (stated,) = bank.stated(answer["items"][0]["id"])
    assert (stated["type"], stated["origin"]) == ("banking.deposit.posted", "import")


def test_importing_again_adds_nothing(bank: Bank) -> None:
    one, other, new = bank.receipt(), bank.receipt(), bank.receipt()
    first = brought(bank, row("a", one, other))

    again = brought(bank, row("a", other, one), row("b", new))

    assert (again["added"], again["known"]) == (1, 1)
    assert again["items"][0] == first["items"][0]
    assert bank.balance() == usd("300.00")


def test_an_external_id_counts_within_its_source(bank: Bank) -> None:
    answer = brought(bank, row("a", bank.receipt()), {**row("a", bank.receipt()), "source": "other-books"})

    assert answer["added"] == 2


def test_a_row_that_is_known_with_another_content_is_refused(bank: Bank) -> None:
    receipt = bank.receipt()
    brought(bank, row("a", receipt))

    problem = bank.company.refused(PATH, {"rows": [row("a", receipt, reference="x")]}, status=422, problem="import-differs")

    assert problem_pointers(problem) == [("/rows/0/external_id", "import-differs")]


def test_all_faults_of_all_rows_come_at_once_and_nothing_is_imported(bank: Bank, other_bank: Bank) -> None:
    bank.close_through("2026-01-09")
    fit, early, banked, theirs = bank.receipt(), bank.receipt(day="2026-01-13"), bank.receipt(), other_bank.receipt()
    deposit = bank.deposit(banked)
    old = bank.receipt(day="2026-01-05")

    rows = [
        row("fit", fit),
        row("fit", fit),
        row("old", old, day="2026-01-09"),
        row("early", early),
        row("banked", banked),
        row("theirs", theirs, fit),
        row("fee", bank.receipt(usd("1.00")), fee=wire(usd("1.01")), fee_account="1050"),
        row("bank", bank.receipt(), bank_account_id=other_bank.account_id),
    ]
    problem = bank.company.refused(PATH, {"rows": rows}, status=422, problem="invalid-input")

    assert sorted(problem_pointers(problem)) == [
        ("/rows/1/external_id", "import-repeated"),
        ("/rows/2/posting_on", "period-closed"),
        ("/rows/3/receipt_ids/0", "deposit-before-receipt"),
        ("/rows/4/receipt_ids/0", "receipt-already-deposited"),
        ("/rows/5/receipt_ids/0", "receipt-unknown"),
        ("/rows/5/receipt_ids/1", "receipt-repeated"),
        ("/rows/6/fee/amount", "fee-above-total"),
        ("/rows/6/fee_account", "control-account"),
        ("/rows/7/bank_account_id", "bank-account-unknown"),
    ]
    assert [item["id"] for item in bank.company.get("/api/banking/deposits")["items"]] == [deposit["id"]]


@pytest.mark.parametrize(
    ("rows", "pointer"),
    [
        ([], "/rows"),
        (
            [{"source": "s", "external_id": "", "posting_on": "2026-01-12", "receipt_ids": ["rct_" + "0" * 26]}],
            "/rows/0/external_id",
        ),
        ([{"source": "s", "external_id": "a", "posting_on": "2026-01-12", "receipt_ids": []}], "/rows/0/receipt_ids"),
        ([{"source": "s", "external_id": "a", "receipt_ids": ["rct_" + "0" * 26]}], "/rows/0/posting_on"),
    ],
)
def test_rows_that_cannot_be_read_are_refused_with_their_place(bank: Bank, rows: list[dict[str, Any]], pointer: str) -> None:
    problem = bank.company.refused(PATH, {"rows": rows}, status=422, problem="invalid-input")

    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]


def test_rows_that_name_too_many_receipts_together_are_refused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.banking.imports.usecases.RECEIPTS_AT_MOST", 2)

    bank.company.refused(
        PATH, {"rows": [row("a", new_id("rct"), new_id("rct")), row("b", new_id("rct"))]}, status=422, problem="import-too-large"
    )


def test_an_import_takes_the_same_number_of_statements_whatever_the_number_of_rows(bank: Bank) -> None:
    engine = bank.house.assembly.app("banking").extensions["duebook"].database.api
    counted: list[str] = []

    def count(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        counted.append(statement)

    def statements(*rows: dict[str, Any]) -> int:
        counted.clear()
        brought(bank, *rows)
        return len(counted)

    receipts = [bank.receipt(deliver=False) for _ in range(40)]
    bank.producers["payments"].deliver()
    event.listen(engine, "before_cursor_execute", count)
    try:
        of_one = statements(row("one", receipts[0], fee=wire(usd("1.00"))))
        of_many = statements(*(row(f"many {index}", receipts[index]) for index in range(1, 40)))
    finally:
        event.remove(engine, "before_cursor_execute", count)

    assert of_many == of_one <= 12


def test_the_same_import_twice_at_once_adds_each_deposit_once(bank: Bank) -> None:
    bank.company.token()
    rows = [row(f"day {index}", bank.receipt()) for index in range(3)]

    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda _: bank.company.call("POST", PATH, {"rows": rows}).json(), range(2)))

    assert sorted(answer["added"] for answer in answers) == [0, 3]
    assert answers[0]["items"] == answers[1]["items"]
    assert bank.balance() == usd("300.00")


def test_an_import_needs_its_permission_and_a_key(bank: Bank) -> None:
    rows = {"rows": [row("a", bank.receipt())]}

    bank.company.refused(PATH, rows, status=400, problem="idempotency-key-missing", key="")
    assert bank.company.may_only("banking.deposit.post").call("POST", PATH, rows).status_code == 403
