"""What the database itself refuses, and that tables are as the store says."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from services.billing.customers import store as customers
from services.billing.invoices import store as invoices
from services.billing.receivables import store as receivables
from services.billing.terms import store as terms
from services.billing.tests.books import Books
from shared.db import company_transaction
from shared.ids import new_id


@pytest.fixture
def session(books: Books) -> Iterator[Connection]:
    with company_transaction(books.company.house.databases["billing"].api, books.company.id, "test") as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("table", ["app.invoice", "app.ar_posting", "app.invoice_line", "app.invoice_void"])
def test_what_is_issued_and_posted_is_never_deleted(books: Books, session: Connection, table: str) -> None:
    invoice = books.issue("10.00")
    books.post(f"/api/billing/invoices/{invoice['id']}/void", {"reason": "x"})

    with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
        session.exec_driver_sql(f"delete from {table} where company_id = %s", (books.company.id,))


@pytest.mark.parametrize(
    "change", ["total = total + 1, lines_total = lines_total + 1", "number = 'X'", "notes = 'x'", "due_on = due_on + 1"]
)
def test_an_issued_invoice_is_never_changed(books: Books, session: Connection, change: str) -> None:
    books.issue("10.00")

    with pytest.raises(IntegrityError, match="append-only"):
        session.exec_driver_sql(f"update app.invoice set {change}")


def test_no_line_is_added_to_an_issued_invoice(books: Books, session: Connection) -> None:
    invoice = books.issue("10.00")

    with pytest.raises(IntegrityError, match="sum to its total"):
        session.exec_driver_sql(
            "insert into app.invoice_line (company_id, invoice_id, line, description, quantity, unit_price, discount_percent, "
            "tax_rate, amount, tax) values (%s, %s, 2, '', 1, 10, 0, 0, 1000, 0)",
            (books.company.id, invoice["id"]),
        )


def test_postings_are_never_changed(books: Books, session: Connection) -> None:
    books.issue("10.00")

    with pytest.raises(ProgrammingError, match="permission denied"):
        session.exec_driver_sql("update app.ar_posting set amount = 1")


def test_an_event_counts_once_for_an_invoice(books: Books, session: Connection) -> None:
    invoice = books.issue("10.00")

    with pytest.raises(IntegrityError, match="ar_posting_pkey"):
        session.exec_driver_sql(
            "insert into app.ar_posting (company_id, invoice_id, customer_id, currency, kind, amount, occurred_on, posting_on, "
            "document_id, event_id, producer) select company_id, invoice_id, customer_id, currency, kind, amount, occurred_on, "
            "posting_on, document_id, event_id, producer from app.ar_posting where invoice_id = %s",
            (invoice["id"],),
        )


def test_a_balance_never_exceeds_the_total(books: Books, session: Connection) -> None:
    invoice = books.issue("10.00")

    with pytest.raises(IntegrityError, match="open_item"):
        session.exec_driver_sql("update app.open_item set balance = total + 1 where invoice_id = %s", (invoice["id"],))


def test_other_companies_rows_are_neither_seen_nor_written(books: Books, session: Connection) -> None:
    other = books.another()
    other.issue("10.00")

    for table in ("customer", "invoice", "invoice_line", "ar_posting", "open_item", "terms"):
        seen = session.exec_driver_sql(
            f"select count(*) from app.{table} where company_id = %s", (other.company.id,)
        ).scalar_one()
        assert seen == 0
    with pytest.raises(ProgrammingError, match="row-level security"):
        session.exec_driver_sql(
            "insert into app.customer (company_id, id, code, name, currency, content_hash) values (%s, %s, 'x', 'x', 'USD', '')",
            (other.company.id, new_id("cus")),
        )


@pytest.mark.parametrize(
    "table",
    [
        customers.customer,
        terms.terms,
        invoices.invoice,
        invoices.invoice_line,
        invoices.invoice_void,
        receivables.ar_posting,
        receivables.open_item,
    ],
    ids=lambda table: str(table.name),
)
def test_tables_are_as_the_store_says(session: Connection, table: Table) -> None:
    rows = session.exec_driver_sql(
        "select attname, attnotnull from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        (f"app.{table.name}",),
    )

    assert {tuple(row) for row in rows} == {(column.name, not column.nullable) for column in table.c}
