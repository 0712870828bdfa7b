"""Customers: codes, search, changes by version, refusals."""

from services.billing.tests.books import Books
from shared.ids import new_id


def test_a_customer_gets_the_next_code_and_passes_by_codes_given_by_hand(books: Books) -> None:
    post = books.post

    assert post("/api/billing/customers", {"name": "One"})["code"] == "C00001"
    assert post("/api/billing/customers", {"name": "Two", "code": "C00002"})["code"] == "C00002"
    assert post("/api/billing/customers", {"name": "Three"})["code"] == "C00003"


def test_a_customer_takes_the_companys_currency_and_is_stated(books: Books) -> None:
    made = books.post("/api/billing/customers", {"name": "Baker", "email": "a@b.example", "address": "Main St 1\nSpringfield"})

    assert (made["currency"], made["active"], made["version"]) == ("USD", True, 1)
    assert books.stated(made["id"]) == [
        {"type": "billing.customer.created", "customer_id": made["id"], "code": "C00001", "name": "Baker", "active": True}
    ]


def test_the_same_id_with_the_same_content_answers_the_same_customer(books: Books) -> None:
    body = {"id": new_id("cus"), "name": "Baker"}

    first = books.company.call("POST", "/api/billing/customers", body)
    again = books.company.call("POST", "/api/billing/customers", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    books.company.refused("/api/billing/customers", {**body, "name": "Other"}, status=409, problem="id-in-use")


def test_a_code_is_used_once_in_a_company_and_free_in_another(books: Books) -> None:
    books.customer(code="A-1")

    books.company.refused("/api/billing/customers", {"name": "B", "code": "A-1"}, status=409, problem="already-exists")
    other = books.another()
    assert other.customer(code="A-1")


def test_customers_are_found_by_parts_of_name_code_and_email_and_by_invoice_number(books: Books) -> None:
    bakery = books.customer("Greenfield Bakery", code="GB-1", email="till@greenfield.example")
    mill = books.customer("Mill 100%_old", code="ML-2")
    number = books.issue("5.00", customer_id=mill)["number"]

    def found(text: str) -> list[str]:
        return [item["id"] for item in books.company.get("/api/billing/customers", q=text)["items"]]

    assert found("field bak") == [bakery]
    assert found("gb-") == [bakery]
    assert found("TILL@") == [bakery]
    assert found(number) == [mill]
    assert found(number[:-1]) == []
    assert found("100%_") == [mill]
    assert found("%") == [mill]
    assert found("\\") == []


def test_the_search_sees_one_company(books: Books) -> None:
    other = books.another()
    other.customer("Only theirs")

    assert books.company.get("/api/billing/customers", q="theirs")["items"] == []


def test_customers_are_listed_in_pages_by_name(books: Books) -> None:
    for name in ("C", "A", "B"):
        books.customer(name)

    first = books.company.get("/api/billing/customers", limit=2)
    second = books.company.get("/api/billing/customers", limit=2, cursor=first["next_cursor"])

    assert [item["name"] for item in first["items"] + second["items"]] == ["A", "B", "C"]
    assert second["next_cursor"] is None


def test_a_change_needs_the_version_that_was_read(books: Books) -> None:
    customer = books.customer("Old name", code="X1")
    path = f"/api/billing/customers/{customer}"

    changed = books.company.call("PUT", path, {"name": "New name", "code": "X1", "version": 1})
    refused = books.company.refused(
        path, {"name": "Mine", "code": "X1", "version": 1}, method="PUT", status=409, problem="changed-meanwhile"
    )

    assert changed.json()["version"] == 2
    assert (refused["given_version"], refused["current_version"], refused["current"]["name"]) == (1, 2, "New name")
    assert [event["type"] for event in books.stated(customer)] == ["billing.customer.created", "billing.customer.changed"]


def test_notes_alone_change_nothing_that_others_keep(books: Books) -> None:
    customer = books.customer("Same", code="X1")

    books.company.call(
        "PUT", f"/api/billing/customers/{customer}", {"name": "Same", "code": "X1", "notes": "calls back", "version": 1}
    )

    assert len(books.stated(customer)) == 1


def test_every_fault_of_a_customer_is_named(books: Books) -> None:
    refused = books.company.refused(
        "/api/billing/customers",
        {"name": "", "email": "nobody", "currency": "ZZZ", "terms_id": "x", "phone": "1" * 51, "notes": "x" * 5001, "nick": 1},
        status=422,
        problem="invalid-input",
    )

    pointers = {error["pointer"] for error in refused["errors"]}
    assert pointers == {"/name", "/email", "/currency", "/terms_id", "/phone", "/notes", "/nick"}


def test_unknown_terms_are_refused(books: Books) -> None:
    refused = books.company.refused(
        "/api/billing/customers", {"name": "A", "terms_id": new_id("trm")}, status=422, problem="terms-unknown"
    )

    assert refused["errors"][0]["pointer"] == "/terms_id"


def test_another_companys_customer_is_not_there(books: Books) -> None:
    theirs = books.another().customer()

    for path in (
        f"/api/billing/customers/{theirs}",
        f"/api/billing/customers/{theirs}/ledger",
        f"/api/billing/customers/{theirs}/balance",
    ):
        books.company.refused(path, method="GET", status=404, problem="customer-not-found")


def test_reading_and_writing_are_rights_of_their_own(books: Books) -> None:
    reader = books.company.may_only("billing.customer.read")

    assert reader.get("/api/billing/customers")["items"] == []
    reader.refused("/api/billing/customers", {"name": "A"}, status=403, problem="permission-missing")
