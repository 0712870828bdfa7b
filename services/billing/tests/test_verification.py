"""Open items against the sub-ledger: what was changed behind the database's back is found and named."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from services.billing.tests.books import Books


def tamper(books: Books, statement: str, **values: Any) -> None:
    """Runs a statement as a superuser with triggers off, as somebody with the disk in his hands could."""
    house = books.company.house
    database = house.assembly.urls["billing"]["owner"].rpartition("/")[2]
    with psycopg.connect(house.admin_url.rpartition("/")[0] + "/" + database) as admin:
        admin.execute("set session_replication_role = replica")
        done = admin.execute(statement, {"company": books.company.id, **values})
        assert done.rowcount == 1


def faults(books: Books) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = books.company.get("/api/billing/verification")["faults"]
    return found


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("delete from app.ar_posting where kind = 'application'", "its open balance is stored as 6000, its postings are 10000"),
        ("update app.ar_posting set amount = amount + 1 where kind = 'application'", "its postings are 6001"),
        ("update app.open_item set balance = balance - 1 where true", "stored as 5999, its postings are 6000"),
        ("delete from app.open_item where true", "its open balance is stored as none, its postings are 6000"),
        (
            "update app.ar_posting set customer_id = 'cus_other' where kind = 'invoice'",
            "1 of its postings are of another customer",
        ),
        ("update app.open_item set total = total + 1 where true", "its open item is of 10001, the invoice of 10000"),
    ],
)
def test_what_differs_is_found_and_its_invoice_named(books: Books, change: str, detail: str) -> None:
    invoice, other = books.issue("100.00"), books.issue("7.00")
    books.take(books.receipt((invoice, "40.00")))
    assert faults(books) == []

    tamper(books, f"{change} and company_id = %(company)s and invoice_id = %(invoice)s", invoice=invoice["id"])

    (fault,) = faults(books)
    assert (fault["document_id"], fault["document"]) == (invoice["id"], invoice["number"])
    assert detail in fault["detail"]
    assert fault["document_id"] != other["id"]


def test_it_takes_a_permission(books: Books) -> None:
    books.company.may_only("billing.*").get("/api/billing/verification")
    books.company.may_only("billing.report.read").refused(
        "/api/billing/verification", method="GET", status=403, problem="permission-missing"
    )
