"""Terms over HTTP."""

from services.billing.tests.books import Books

PATH = "/api/billing/terms"


def named(books: Books, description: str) -> dict[str, object]:
    return next(item for item in books.company.get(PATH)["items"] if item["description"] == description)


def test_a_new_company_has_the_usual_terms_with_net_30_as_default(books: Books) -> None:
    items = books.company.get(PATH)["items"]

    assert {"Net 30", "Due on receipt", "Net 15"} <= {item["description"] for item in items}
    assert [item["description"] for item in items if item["is_default"]] == ["Net 30"]


def test_an_invoice_takes_the_customers_terms_before_the_companys(books: Books) -> None:
    customer = books.customer(terms_id=named(books, "Net 15")["id"])

    assert books.issue("10.00", on="2026-01-15")["due_on"] == "2026-02-14"
    assert books.issue("10.00", on="2026-01-15", customer_id=customer)["due_on"] == "2026-01-30"
    assert (
        books.issue("10.00", on="2026-01-15", customer_id=customer, terms_id=named(books, "Due on receipt")["id"])["due_on"]
        == "2026-01-15"
    )
    assert books.issue("10.00", on="2026-01-15", customer_id=customer, due_on="2026-06-01")["due_on"] == "2026-06-01"


def test_other_terms_become_the_default(books: Books) -> None:
    made = books.post(
        PATH,
        {
            "description": "10th of the month",
            "kind": "day_of_month",
            "day": 10,
            "cutoff_days": 5,
            "months_to_add": 0,
            "is_default": True,
        },
    )

    assert [item["id"] for item in books.company.get(PATH)["items"] if item["is_default"]] == [made["id"]]
    assert books.issue("10.00", on="2026-01-06")["due_on"] == "2026-02-10"


def test_the_default_cannot_be_left_without_a_successor(books: Books) -> None:
    default = named(books, "Net 30")
    body = {"description": "Net 30", "kind": "net_days", "days": 30, "version": default["version"]}

    books.company.refused(f"{PATH}/{default['id']}", body, method="PUT", status=422, problem="default-terms-needed")


def test_each_kind_needs_its_own_fields_and_no_others(books: Books) -> None:
    refused = books.company.refused(
        PATH, {"description": "x", "kind": "day_of_month", "days": 3, "day": 10}, status=422, problem="invalid-input"
    )

    assert {(error["pointer"], error["type"]) for error in refused["errors"]} == {
        ("/cutoff_days", "/problems/field-needed"),
        ("/months_to_add", "/problems/field-needed"),
        ("/days", "/problems/field-unfit"),
    }


def test_a_description_is_used_once(books: Books) -> None:
    books.company.refused(PATH, {"description": "Net 30", "kind": "on_receipt"}, status=409, problem="already-exists")


def test_changed_terms_leave_due_dates_that_were_given_and_old_versions_are_refused(books: Books) -> None:
    invoice = books.issue("10.00", on="2026-01-15")
    default = named(books, "Net 30")
    body = {"description": "Net 30", "kind": "net_days", "days": 60, "is_default": True, "version": default["version"]}

    assert books.company.call("PUT", f"{PATH}/{default['id']}", body).status_code == 200
    books.company.refused(f"{PATH}/{default['id']}", body, method="PUT", status=409, problem="changed-meanwhile")

    assert books.invoice(invoice["id"])["due_on"] == "2026-02-14"
    assert books.issue("10.00", on="2026-01-15")["due_on"] == "2026-03-16"


def test_inactive_terms_are_not_chosen_any_more(books: Books) -> None:
    terms = named(books, "Net 60")
    body = {"description": "Net 60", "kind": "net_days", "days": 60, "active": False, "version": terms["version"]}
    books.company.call("PUT", f"{PATH}/{terms['id']}", body)

    refused = books.company.refused(
        "/api/billing/invoices",
        books.asked("1.00", customer_id=books.customer(), terms_id=terms["id"]),
        status=422,
        problem="terms-inactive",
    )
    assert refused["errors"][0]["pointer"] == "/terms_id"
