"""Bulk import of issued invoices: all rows or none, each row once."""

from sqlalchemy import event

from services.billing.tests.books import Books, usd
from shared.contracts.ledger import AccountCreated, PeriodClosed
from shared.ids import new_id
from tests.product import iso

PATH = "/api/billing/imports/invoices"


def row(place: int, **more: object) -> dict[str, object]:
    return {
        "source": "old books",
        "external_id": f"x{place}",
        "customer": {"code": "0379-NEVHP", "name": "0379-NEVHP"},
        "number": f"000{place}",
        "issued_on": "2012-01-03",
        "due_on": "2012-02-02",
        "amount": usd("55.94"),
        **more,
    }


def test_rows_become_issued_invoices_of_customers_that_are_made_once(books: Books) -> None:
    rows = [row(1), row(2, amount=usd("10.00")), row(3, customer={"code": "B", "name": "Baker"})]

    answer = books.post(PATH, {"rows": rows})

    assert (answer["added"], answer["known"], [item["external_id"] for item in answer["items"]]) == (3, 0, ["x1", "x2", "x3"])
    made = books.invoice(answer["items"][0]["id"])
    assert (made["number"], made["state"], made["total"], made["issued_on"], made["due_on"]) == (
        "0001",
        "issued",
        usd("55.94"),
        "2012-01-03",
        "2012-02-02",
    )
    assert (made["customer_code"], len(made["postings"]), made["postings"][0]["posting_on"]) == ("0379-NEVHP", 1, "2012-01-03")
    assert len(books.company.get("/api/billing/customers")["items"]) == 2
    assert books.unreconciled() == []
    (stated,) = books.company.get("/api/billing/events", subject=made["id"])["items"]
    assert (stated["type"], stated["origin"]) == ("billing.invoice.issued", "import")
    assert (stated["data"]["total"], stated["data"]["number"]) == (5594, "0001")


def test_importing_again_adds_nothing_and_new_rows_are_added(books: Books) -> None:
    books.post(PATH, {"rows": [row(1), row(2)]})

    again = books.post(PATH, {"rows": [row(1), row(2), row(3)]})

    assert (again["added"], again["known"], len(again["items"])) == (1, 2, 3)
    assert len(books.company.get("/api/billing/invoices")["items"]) == 3
    assert len(books.company.get("/api/billing/customers")["items"]) == 1


def test_a_known_row_with_other_content_is_a_fault(books: Books) -> None:
    books.post(PATH, {"rows": [row(1)]})

    refused = books.company.refused(PATH, {"rows": [row(1, amount=usd("55.95"))]}, status=422, problem="row-differs")

    assert refused["errors"][0]["pointer"] == "/rows/0/external_id"


def test_a_row_may_have_lines_with_tax_and_terms_give_its_due_date(books: Books) -> None:
    lines = [{"description": "Flour", "quantity": "2", "unit_price": "10.00", "tax_rate": "10"}]
    asked = {key: value for key, value in row(1, lines=lines, currency="EUR").items() if key not in ("amount", "due_on")}

    made = books.invoice(books.post(PATH, {"rows": [asked]})["items"][0]["id"])

    assert (made["total"], made["tax"], made["due_on"]) == (
        {"amount": 2200, "currency": "EUR"},
        {"amount": 200, "currency": "EUR"},
        "2012-02-02",
    )


def test_numbers_are_unique_within_a_source_and_free_in_another(books: Books) -> None:
    books.post(PATH, {"rows": [row(1)]})

    books.post(PATH, {"rows": [row(1, source="other books")]})
    refused = books.company.refused(PATH, {"rows": [row(9, number="0001")]}, status=422, problem="invoice-number-taken")
    assert refused["errors"][0]["pointer"] == "/rows/0/number"


def test_every_fault_of_every_row_is_named_and_nothing_is_written(books: Books) -> None:
    books.take(
        books.event(PeriodClosed(close_id=new_id("pcl"), through=iso("2011-12-31"))),
        books.event(AccountCreated(code="1100", name="Accounts receivable", kind="asset", control="ar", active=True)),
    )
    rows = [
        row(1),
        row(2, issued_on="2011-12-31"),
        row(3, due_on="2012-01-02"),
        row(4, amount=usd("0.00")),
        row(5, account="9999"),
        row(6, account="1100"),
        row(1, number="00099"),
        row(8, number="0001"),
        row(9, lines=[{"description": "a", "quantity": "1", "unit_price": "1"}]),
        row(10, currency="EUR"),
    ]

    refused = books.company.refused(PATH, {"rows": rows}, status=422, problem="invalid-input")

    assert [(error["pointer"], error["type"].removeprefix("/problems/")) for error in sorted(refused["errors"], key=str)] == [
        (pointer, code)
        for pointer, code in sorted(
            (
                ("/rows/1/issued_on", "period-closed"),
                ("/rows/2/due_on", "due-before-issued"),
                ("/rows/3/amount", "invoice-total-not-positive"),
                ("/rows/4/account", "account-unknown"),
                ("/rows/5/account", "control-account"),
                ("/rows/6/external_id", "row-repeated"),
                ("/rows/7/number", "invoice-number-taken"),
                ("/rows/8", "amount-or-lines"),
                ("/rows/9/currency", "currency-mismatch"),
            ),
        )
    ]
    assert books.company.get("/api/billing/invoices")["items"] == []
    assert books.company.get("/api/billing/customers")["items"] == []


def test_malformed_rows_are_named(books: Books) -> None:
    refused = books.company.refused(
        PATH,
        {"rows": [row(1, amount={"amount": 1.5, "currency": "USD"}), row(2, issued_on="1/2/2013", customer={"code": ""})]},
        status=422,
        problem="invalid-input",
    )

    assert {error["pointer"] for error in refused["errors"]} == {
        "/rows/0/amount/amount",
        "/rows/1/issued_on",
        "/rows/1/customer/code",
        "/rows/1/customer/name",
    }


def test_a_request_holds_at_most_1000_rows(books: Books) -> None:
    books.company.refused(PATH, {"rows": [row(n) for n in range(1001)]}, status=422, problem="invalid-input")
    books.company.refused(PATH, {"rows": []}, status=422, problem="invalid-input")


def test_an_inactive_customer_gets_no_invoices(books: Books) -> None:
    customer = books.customer(code="B")
    books.company.call("PUT", f"/api/billing/customers/{customer}", {"name": "B", "code": "B", "active": False, "version": 1})

    refused = books.company.refused(
        PATH, {"rows": [row(1, customer={"code": "B", "name": "B"})]}, status=422, problem="customer-inactive"
    )
    assert refused["errors"][0]["pointer"] == "/rows/0/customer"


def test_importing_is_a_right_of_its_own(books: Books) -> None:
    books.company.may_only("billing.invoice.*").refused(PATH, {"rows": [row(1)]}, status=403, problem="permission-missing")


def test_the_statements_of_an_import_do_not_grow_with_its_rows(books: Books) -> None:
    def statements(first: int, count: int) -> int:
        seen: list[str] = []
        engine = books.company.house.assembly.app("billing").extensions["duebook"].database.api

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        books.post(PATH, {"rows": [row(n, customer={"code": f"c{n}", "name": "N"}) for n in range(first, first + count)]})
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(1, 1) == statements(100, 50)
