"""Manual entries: a person's own, refused whole where one line is wrong."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from services.ledger.tests.books import Books
from shared.contracts.ledger import PeriodCloseCancelled, PeriodClosed, PeriodClosing
from shared.ids import new_id
from shared.money import Money
from shared.testing import usd, wire
from tests.product import iso

PATH = "/api/ledger/manual-entries"


def line(account: str, side: str, amount: Money = usd("25.00")) -> dict[str, Any]:  # noqa: B008 - money is a value
    return {"account": account, "side": side, "amount": wire(amount)}


def entry(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"description": "Owner pays in", "lines": list(lines) or [line("5000", "debit"), line("3000", "credit")], **more}


def stated_by_ledger(books: Books, fact: Any) -> None:
    """The ledger's own log holds a fact, and its worker takes it in."""
    with books.house.databases["ledger"].api.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s::bigint[], 'test', '')", ([books.company.id],))
        ctx = replace(books.house.consumers["ledger"].context(session), company_id=books.company.id)
        ctx.state(fact, fact.close_id)
        ctx.write_stated()
    books.house.pump()


def test_a_manual_entry_is_posted_by_the_worker(books: Books) -> None:
    posted = books.company.post(PATH, entry(occurred_on="2026-01-09"))

    in_journal = books.company.get(f"/api/ledger/entries/{posted['entry_id']}")
    assert (in_journal["kind"], in_journal["description"]) == ("manual entry posted", "Owner pays in")
    assert in_journal["document_link"] == f"{PATH}/{posted['id']}"
    assert in_journal["posting_on"] == "2026-01-09"
    assert (books.balance("5000"), books.balance("3000")) == (2500, -2500)


def test_a_manual_entry_is_dated_today_unless_it_says_another_day(books: Books) -> None:
    assert books.company.post(PATH, entry())["occurred_on"] == "2026-01-15"


def test_an_entry_that_does_not_balance_is_refused_with_both_sums(books: Books) -> None:
    wrong = entry(line("5000", "debit"), line("3000", "credit", usd("24.99")))

    refused = books.company.refused(PATH, wrong, status=422, problem="entry-unbalanced")

    assert refused["errors"][0]["pointer"] == "/lines"
    assert (refused["errors"][0]["debits"], refused["errors"][0]["credits"]) == (2500, 2499)


def test_a_control_account_is_refused(books: Books) -> None:
    refused = books.company.refused(
        PATH, entry(line("1100", "debit"), line("4000", "credit")), status=422, problem="control-account"
    )

    assert refused["errors"][0]["pointer"] == "/lines/0/account"


def test_every_fault_of_an_entry_is_named_at_once(books: Books) -> None:
    books.company.call("PATCH", "/api/ledger/accounts/5000", {"active": False})
    euros = Money(2500, "EUR")

    refused = books.company.refused(
        PATH,
        entry(line("1050", "debit"), line("9999", "credit"), line("5000", "debit"), line("3000", "credit", euros)),
        status=422,
        problem="invalid-input",
    )

    assert {(fault["pointer"], fault["type"].rpartition("/")[2]) for fault in refused["errors"]} == {
        ("/lines/0/account", "control-account"),
        ("/lines/1/account", "account-unknown"),
        ("/lines/2/account", "account-inactive"),
        ("/lines/3/amount/currency", "currency-mismatch"),
    }


def test_an_entry_needs_two_lines_of_amounts_above_zero(books: Books) -> None:
    books.company.refused(PATH, entry(line("5000", "debit")), status=422, problem="invalid-input")
    books.company.refused(
        PATH, entry(line("5000", "debit", usd("0.00")), line("3000", "credit", usd("0.00"))), status=422, problem="invalid-input"
    )


def test_a_refused_entry_leaves_nothing_behind(books: Books) -> None:
    books.company.refused(PATH, entry(line("1100", "debit"), line("4000", "credit")), status=422, problem="control-account")
    books.house.pump()

    assert books.entries() == []
    assert books.company.get(PATH)["items"] == []


def test_the_same_entry_under_the_same_id_is_posted_once(books: Books) -> None:
    given = entry(id=new_id("man"))

    assert books.company.post(PATH, given)["id"] == books.company.post(PATH, given)["id"]
    assert len(books.entries()) == 1


def test_another_entry_under_the_same_id_is_refused(books: Books) -> None:
    known = new_id("man")
    books.company.post(PATH, entry(id=known))

    books.company.refused(PATH, entry(id=known) | {"description": "Another"}, status=409, problem="manual-entry-exists")


def test_an_entry_without_an_idempotency_key_is_refused(books: Books) -> None:
    books.company.refused(PATH, entry(), key="", status=400, problem="idempotency-key-missing")


def test_a_reversal_mirrors_the_entry_and_both_point_to_each_other(books: Books) -> None:
    posted = books.company.post(PATH, entry(occurred_on="2026-01-09"))

    reversed_ = books.company.post(f"{PATH}/{posted['id']}/reverse", {"occurred_on": "2026-01-12", "reason": "wrong owner"})

    assert (reversed_["state"], reversed_["reversed_on"], reversed_["reversal_reason"]) == (
        "reversed",
        "2026-01-12",
        "wrong owner",
    )
    mirror = books.company.get(f"/api/ledger/entries/{reversed_['reversal_entry_id']}")
    assert [(item["account"], item["side"]) for item in mirror["postings"]] == [("5000", "credit"), ("3000", "debit")]
    assert mirror["reverses"] == posted["entry_id"]
    assert books.company.get(f"/api/ledger/entries/{posted['entry_id']}")["reversed_by"] == mirror["id"]
    assert books.balance("5000") == 0
    assert books.balance("5000", "2026-01-11") == 2500


def test_an_entry_is_reversed_once(books: Books) -> None:
    posted = books.company.post(PATH, entry())
    books.company.post(f"{PATH}/{posted['id']}/reverse", {"reason": "wrong"})

    books.company.refused(f"{PATH}/{posted['id']}/reverse", {"reason": "wrong"}, status=409, problem="already-reversed")


def test_of_two_reversals_at_once_one_is_refused(books: Books) -> None:
    posted = books.company.post(PATH, entry())
    answers: list[int] = []

    def reverse() -> None:
        answers.append(books.company.call("POST", f"{PATH}/{posted['id']}/reverse", {"reason": "wrong"}).status_code)

    threads = [threading.Thread(target=reverse) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    books.house.pump()

    assert sorted(answers) == [200, 409, 409]
    assert len(books.entries()) == 2


def test_a_reversal_is_never_dated_before_its_entry(books: Books) -> None:
    posted = books.company.post(PATH, entry(occurred_on="2026-01-09"))

    books.company.refused(
        f"{PATH}/{posted['id']}/reverse", {"occurred_on": "2026-01-08", "reason": "x"}, status=422, problem="reversal-too-early"
    )


def test_an_entry_that_is_not_there_is_not_reversed(books: Books) -> None:
    missing = f"{PATH}/{new_id('man')}"

    books.company.refused(f"{missing}/reverse", {"reason": "x"}, status=404, problem="manual-entry-not-found")
    books.company.refused(missing, method="GET", status=404, problem="manual-entry-not-found")


def test_a_closed_period_takes_no_manual_entry_and_no_reversal(books: Books) -> None:
    posted = books.company.post(PATH, entry(occurred_on="2026-01-05"))
    stated_by_ledger(books, PeriodClosed(close_id="pcl_1", through=iso("2026-01-10")))

    refused = books.company.refused(PATH, entry(occurred_on="2026-01-10"), status=422, problem="period-closed")
    assert refused["errors"][0]["pointer"] == "/occurred_on"
    assert refused["errors"][0]["first_open_day"] == "2026-01-11"
    books.company.refused(
        f"{PATH}/{posted['id']}/reverse", {"occurred_on": "2026-01-06", "reason": "x"}, status=422, problem="period-closed"
    )
    books.company.post(PATH, entry(occurred_on="2026-01-11"))


def test_a_period_that_is_being_closed_takes_no_entry_until_that_is_cancelled(books: Books) -> None:
    stated_by_ledger(books, PeriodClosing(close_id="pcl_2", through=iso("2026-01-10")))
    books.company.refused(PATH, entry(occurred_on="2026-01-10"), status=422, problem="period-closed")

    stated_by_ledger(books, PeriodCloseCancelled(close_id="pcl_2", through=iso("2026-01-10"), reason="x"))
    books.company.post(PATH, entry(occurred_on="2026-01-10"))


def test_manual_entries_are_listed_by_date(books: Books) -> None:
    for day in ("2026-01-03", "2026-01-09", "2026-01-06"):
        books.company.post(PATH, entry(occurred_on=day), pump=False)

    listed = books.company.get(PATH, **{"from": "2026-01-04"})["items"]

    assert [item["occurred_on"] for item in listed] == ["2026-01-09", "2026-01-06"]
    assert listed[0]["lines"][0]["account_name"] == "Cost of goods sold"


def test_posting_reversing_and_reading_are_rights_of_their_own(books: Books) -> None:
    posted = books.company.post(PATH, entry())
    clerk = books.company.may_only("ledger.manual_entry.post")

    assert clerk.call("POST", PATH, entry()).status_code == 201
    clerk.refused(f"{PATH}/{posted['id']}/reverse", {"reason": "x"}, status=403, problem="permission-missing")
    clerk.refused(PATH, method="GET", status=403, problem="permission-missing")
