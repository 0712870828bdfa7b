"""Trial balance and accounts at the end of any day; postings with running balance."""

from __future__ import annotations

from typing import Any

from services.ledger.tests.books import Books
from shared.money import Money
from shared.testing import usd, wire


def test_the_trial_balance_is_that_of_the_end_of_the_day(books: Books) -> None:
    books.issued(usd("100.00"), "2026-01-10")
    invoice = books.invoice(usd("50.00"), "2026-01-20")
    books.told("billing", invoice.invoice_id, invoice)
    books.received(usd("50.00"), invoice, "2026-01-25")

    def standing(day: str) -> dict[str, tuple[str | None, int]]:
        found = books.company.get("/api/ledger/trial-balance", as_of=day)
        for total in found["totals"]:
            assert total["debits"] == total["credits"]
            assert total["debit_balances"] == total["credit_balances"]
        return {item["code"]: (item["side"], item["balance"]["amount"]) for item in found["items"]}

    assert standing("2026-01-09") == {}
    assert standing("2026-01-10") == {"1100": ("debit", 10000), "4000": ("credit", 10000)}
    assert standing("2026-01-24") == {"1100": ("debit", 15000), "4000": ("credit", 15000)}
    assert standing("2026-01-25") == {"1050": ("debit", 5000), "1100": ("debit", 10000), "4000": ("credit", 15000)}


def test_the_trial_balance_is_todays_unless_asked_otherwise(books: Books) -> None:
    books.issued(day="2026-01-15")
    books.issued(day="2026-01-16")

    found = books.company.get("/api/ledger/trial-balance")

    assert found["as_of"] == "2026-01-15"
    assert found["totals"][0]["debits"] == wire(usd("100.00"))


def test_currencies_are_never_added(books: Books) -> None:
    books.issued(usd("100.00"))
    books.issued(Money(7000, "EUR"))

    found = books.company.get("/api/ledger/trial-balance")

    assert [(item["currency"], item["debits"]["amount"]) for item in found["totals"]] == [("EUR", 7000), ("USD", 10000)]
    assert [item["currency"] for item in books.company.get("/api/ledger/accounts/1100")["balances"]] == ["EUR", "USD"]


def test_an_accounts_postings_run_by_date_and_their_balance_is_right_on_every_page(books: Books) -> None:
    for day, amount in (("2026-01-12", "3.00"), ("2026-01-10", "1.00"), ("2026-01-12", "4.00"), ("2026-01-11", "2.00")):
        books.issued(usd(amount), day)

    pages: list[Any] = []
    cursor = None
    while True:
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = books.company.get("/api/ledger/accounts/4000/postings", limit=1, **more)
        pages.append(page)
        if not (cursor := page["next_cursor"]):
            break

    assert [page["items"][0]["amount"]["amount"] for page in pages] == [100, 200, 300, 400]
    assert [page["items"][0]["balance"]["amount"] for page in pages] == [100, 300, 600, 1000]
    assert [page["opening_balance"]["amount"] for page in pages] == [0, 100, 300, 600]


def test_postings_from_a_day_on_begin_with_the_balance_before_it(books: Books) -> None:
    for day, amount in (("2026-01-10", "1.00"), ("2026-01-11", "2.00"), ("2026-01-12", "4.00")):
        books.issued(usd(amount), day)

    found = books.company.get("/api/ledger/accounts/1100/postings", **{"from": "2026-01-11", "to": "2026-01-11"})

    assert found["opening_balance"]["amount"] == 100
    assert [(item["amount"]["amount"], item["balance"]["amount"]) for item in found["items"]] == [(200, 300)]


def test_postings_of_one_customer_or_document_have_a_balance_of_their_own(books: Books) -> None:
    books.issued(usd("500.00"))
    invoice = books.invoice(usd("100.00"))
    books.told("billing", invoice.invoice_id, invoice)
    books.received(usd("40.00"), invoice)
    other = books.invoice(usd("9.00"), "2026-01-12", customer_id=invoice.customer_id)
    books.told("billing", other.invoice_id, other)

    path = "/api/ledger/accounts/1100/postings"
    of_customer = books.company.get(path, customer_id=invoice.customer_id)["items"]
    of_document = books.company.get(path, document_id=invoice.invoice_id)["items"]
    later = books.company.get(path, customer_id=invoice.customer_id, **{"from": "2026-01-12"})

    assert [item["balance"]["amount"] for item in of_customer] == [10000, 6000, 6900]
    assert [(item["side"], item["balance"]["amount"]) for item in of_document] == [("debit", 10000), ("credit", 6000)]
    assert {item["document_id"] for item in of_document} == {invoice.invoice_id}
    assert (later["opening_balance"]["amount"], later["items"][0]["balance"]["amount"]) == (6000, 6900)


def test_a_cursor_that_is_none_is_refused(books: Books) -> None:
    for cursor in ("x", "!!", "WzFd"):
        books.company.refused(
            "/api/ledger/accounts/1100/postings", method="GET", cursor=cursor, status=422, problem="cursor-unusable"
        )


def test_postings_of_an_account_that_is_not_there_are_not_found(books: Books) -> None:
    books.company.refused("/api/ledger/accounts/77/postings", method="GET", status=404, problem="account-not-found")


def test_reports_need_their_permission(books: Books) -> None:
    clerk = books.company.may_only("ledger.account.read")

    clerk.refused("/api/ledger/trial-balance", method="GET", status=403, problem="permission-missing")
    clerk.refused("/api/ledger/accounts/1100/postings", method="GET", status=403, problem="permission-missing")
    assert clerk.get("/api/ledger/accounts/1100")["balances"] == []
