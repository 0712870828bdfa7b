"""Invoices: drafts, issue, what is refused."""

import pytest

from services.billing.tests.books import Books, usd
from shared.contracts import Event
from shared.contracts.ledger import AccountChanged, AccountCreated, PeriodClosed
from shared.ids import new_id
from tests.product import iso

PATH = "/api/billing/invoices"


@pytest.fixture
def books(books: Books) -> Books:
    """With the accounts 4100 (active), 4900 (inactive) and the control account 1100, whatever chart the company began with."""
    accounts = [
        books.event(AccountCreated(code="4100", name="Freight income", kind="revenue", control=None, active=True)),
        books.event(AccountCreated(code="4900", name="Discounts given", kind="revenue", control=None, active=True)),
        books.event(AccountChanged(code="4900", name="Discounts given", kind="revenue", control=None, active=False)),
        books.event(AccountCreated(code="1100", name="Accounts receivable", kind="asset", control="ar", active=True)),
    ]
    books.take(*accounts)
    return books


def closed(books: Books, through: str) -> Event:
    return books.event(PeriodClosed(close_id=new_id("pcl"), through=iso(through)))


def test_an_invoice_is_issued_with_lines_tax_freight_and_stated_whole(books: Books) -> None:
    customer = books.customer()
    body = {
        "customer_id": customer,
        "issue": True,
        "issued_on": "2026-01-10",
        "customer_reference": "PO 7",
        "freight": usd("5.00"),
        "lines": [
            {"description": "Flour", "quantity": "2", "unit_price": "10.555", "tax_rate": "8.25"},
            {"description": "Rye", "quantity": 1, "unit_price": "100", "discount_percent": "10", "account": "4100"},
        ],
    }

    made = books.post(PATH, body)

    assert (made["number"], made["series"], made["state"], made["payment_state"]) == ("INV-000001", "own", "issued", "unpaid")
    assert (made["lines_total"], made["tax"], made["freight"], made["total"]) == (
        usd("111.11"),
        usd("1.74"),
        usd("5.00"),
        usd("117.85"),
    )
    assert made["balance"] == made["total"]
    assert (made["issued_on"], made["due_on"], made["posting_on"]) == ("2026-01-10", "2026-02-09", "2026-01-10")
    assert books.stated(made["id"]) == [
        {
            "type": "billing.invoice.issued",
            "invoice_id": made["id"],
            "number": "INV-000001",
            "customer_id": customer,
            "currency": "USD",
            "occurred_on": "2026-01-10",
            "posting_on": "2026-01-10",
            "issued_on": "2026-01-10",
            "due_on": "2026-02-09",
            "total": 11785,
            "freight": 500,
            "tax": 174,
            "customer_reference": "PO 7",
            "lines": [
                {"line": 1, "description": "Flour", "amount": 2111, "account": None},
                {"line": 2, "description": "Rye", "amount": 9000, "account": "4100"},
            ],
        }
    ]


def test_an_invoice_shows_its_postings_with_their_entries(books: Books) -> None:
    made = books.issue("12.00")

    (posting,) = books.invoice(made["id"])["postings"]

    assert (posting["kind"], posting["amount"], posting["posting_on"]) == ("invoice", usd("12.00"), "2026-01-15")
    assert posting["entry_id"] == "je_" + posting["event_id"].removeprefix("evt_")


def test_numbers_are_a_series_of_each_company_without_gaps(books: Books) -> None:
    other = books.another()

    assert [books.issue("1.00")["number"] for _ in range(3)] == ["INV-000001", "INV-000002", "INV-000003"]
    assert other.issue("1.00")["number"] == "INV-000001"


def test_a_refused_invoice_takes_no_number(books: Books) -> None:
    books.company.refused(
        PATH, books.asked("0.00", customer_id=books.customer(), issue=True), status=422, problem="invoice-total-not-positive"
    )

    assert books.issue("1.00")["number"] == "INV-000001"


def test_numbers_from_outside_live_in_a_series_of_their_own(books: Books) -> None:
    assert books.issue("1.00", number="0000611365")["number"] == "0000611365"
    assert books.issue("1.00", number="INV-000001")["series"] == "outside"
    assert books.issue("1.00")["number"] == "INV-000001"
    refused = books.company.refused(
        PATH,
        books.asked("1.00", customer_id=books.customer(), issue=True, number="0000611365"),
        status=422,
        problem="invoice-number-taken",
    )
    assert refused["errors"][0]["pointer"] == "/number"


def test_a_draft_owes_nothing_has_no_number_and_states_nothing(books: Books) -> None:
    draft = books.draft("10.00")

    assert (draft["number"], draft["state"], draft["balance"], draft["payment_state"]) == (None, "draft", None, None)
    assert books.stated(draft["id"]) == []
    assert books.company.get("/api/billing/open-items")["items"] == []


def test_a_draft_is_changed_by_version_and_then_issued_as_it_stands(books: Books) -> None:
    draft = books.draft("10.00")
    path = f"{PATH}/{draft['id']}"
    body = books.asked("25.00", customer_id=draft["customer_id"], version=1, notes="second thought")

    changed = books.company.call("PUT", path, body)
    books.company.refused(path, body, method="PUT", status=409, problem="changed-meanwhile")
    issued = books.post(f"{path}/issue", {})

    assert (changed.json()["version"], changed.json()["total"]) == (2, usd("25.00"))
    assert (issued["number"], issued["total"], issued["notes"], issued["state"]) == (
        "INV-000001",
        usd("25.00"),
        "second thought",
        "issued",
    )


def test_a_draft_is_deleted_by_version_and_an_issued_invoice_never(books: Books) -> None:
    draft, issued = books.draft("10.00"), books.issue("10.00")

    books.company.refused(f"{PATH}/{draft['id']}", method="DELETE", version=7, status=409, problem="changed-meanwhile")
    assert books.company.call("DELETE", f"{PATH}/{draft['id']}", version=1).status_code == 204
    books.company.refused(f"{PATH}/{draft['id']}", method="GET", status=404, problem="invoice-not-found")
    books.company.refused(f"{PATH}/{issued['id']}", method="DELETE", version=1, status=409, problem="invoice-issued")


def test_an_issued_invoice_is_neither_changed_nor_issued_again(books: Books) -> None:
    issued = books.issue("10.00")
    path = f"{PATH}/{issued['id']}"

    books.company.refused(
        path,
        books.asked("5.00", customer_id=issued["customer_id"], version=1),
        method="PUT",
        status=409,
        problem="invoice-issued",
    )
    books.company.refused(f"{path}/issue", {}, status=409, problem="invoice-issued")
    assert books.invoice(issued["id"])["total"] == usd("10.00")


def test_a_drafts_changes_are_audited(books: Books) -> None:
    draft = books.draft("10.00")
    books.company.call("PUT", f"{PATH}/{draft['id']}", books.asked("25.00", customer_id=draft["customer_id"], version=1))

    changes = books.company.get(f"/api/billing/changes?table=app.invoice&key={draft['id']}")["items"]

    assert [change["action"] for change in changes] == ["update", "insert"]
    assert (changes[0]["before"]["total"], changes[0]["after"]["total"]) == (1000, 2500)


def test_the_same_id_with_the_same_content_answers_the_same_invoice(books: Books) -> None:
    body = books.asked("10.00", id=new_id("inv"), customer_id=books.customer(), issue=True)

    first = books.company.call("POST", PATH, body)
    again = books.company.call("POST", PATH, body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["number"] == again.json()["number"]
    books.company.refused(PATH, {**body, **books.asked("11.00")}, status=409, problem="id-in-use")
    assert len(books.stated(body["id"])) == 1


def test_a_repeated_key_replays_the_answer_and_refuses_another_body(books: Books) -> None:
    body = books.asked("10.00", customer_id=books.customer(), issue=True)

    first = books.company.call("POST", PATH, body, key="k-1")
    again = books.company.call("POST", PATH, body, key="k-1")

    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    books.company.refused(PATH, {**body, "notes": "x"}, key="k-1", status=422, problem="idempotency-key-reused")
    assert len(books.company.get(PATH)["items"]) == 1
    books.company.refused(PATH, body, key="", status=400, problem="idempotency-key-missing")


def test_every_malformed_field_is_named(books: Books) -> None:
    refused = books.company.refused(
        PATH,
        {
            "customer_id": "cus_1",
            "currency": "usd",
            "issued_on": "31.01.2026",
            "due_on": "2026-02-30",
            "notes": "x" * 5001,
            "customer_reference": "a\x00b",
            "freight": {"amount": 1.5, "currency": "USD"},
            "surprise": 1,
            "lines": [
                {"description": "", "quantity": "0", "unit_price": "-1"},
                {
                    "description": "x" * 501,
                    "quantity": 1.5,
                    "unit_price": "1e3",
                    "discount_percent": "101",
                    "tax_rate": "0.1234567",
                },
            ],
        },
        status=422,
        problem="invalid-input",
    )

    assert {error["pointer"] for error in refused["errors"]} == {
        "/customer_id", "/currency", "/issued_on", "/due_on", "/notes", "/customer_reference", "/freight/amount", "/surprise",
        "/lines/0/description", "/lines/0/quantity", "/lines/0/unit_price",
        "/lines/1/description", "/lines/1/quantity", "/lines/1/unit_price", "/lines/1/discount_percent", "/lines/1/tax_rate",
    }  # fmt: skip


@pytest.mark.parametrize("lines", [[], [{"description": "a", "quantity": "1", "unit_price": "1"}] * 501])
def test_an_invoice_has_1_to_500_lines(books: Books, lines: list[object]) -> None:
    refused = books.company.refused(PATH, {"customer_id": books.customer(), "lines": lines}, status=422, problem="invalid-input")

    assert refused["errors"][0]["pointer"] == "/lines"


def test_every_broken_rule_is_named_at_once(books: Books) -> None:
    books.take(closed(books, "2025-12-31"))

    refused = books.company.refused(
        PATH,
        {
            "customer_id": books.customer(),
            "issue": True,
            "issued_on": "2025-12-31",
            "due_on": "2025-12-30",
            "terms_id": new_id("trm"),
            "freight": {"amount": 5, "currency": "EUR"},
            "lines": [
                {"description": "a", "quantity": "1", "unit_price": "1", "account": "9999"},
                {"description": "b", "quantity": "1", "unit_price": "1", "account": "1100"},
                {"description": "c", "quantity": "1", "unit_price": "1", "account": "4900"},
                {"description": "d", "quantity": "999999999999", "unit_price": "999999999999"},
            ],
        },
        status=422,
        problem="invalid-input",
    )

    assert {(error["pointer"], error["type"].removeprefix("/problems/")) for error in refused["errors"]} == {
        ("/issued_on", "period-closed"),
        ("/due_on", "due-before-issued"),
        ("/terms_id", "terms-unknown"),
        ("/freight/currency", "currency-mismatch"),
        ("/lines/0/account", "account-unknown"),
        ("/lines/1/account", "control-account"),
        ("/lines/2/account", "account-inactive"),
        ("/lines/3", "amount-out-of-range"),
    }
    assert books.company.get(PATH)["items"] == []


def test_nothing_is_issued_into_a_closed_period_but_a_draft_may_wait_there(books: Books) -> None:
    draft = books.draft("10.00", issued_on="2025-12-31")
    books.take(closed(books, "2025-12-31"))

    refused = books.company.refused(f"{PATH}/{draft['id']}/issue", {}, status=422, problem="period-closed")

    assert (refused["errors"][0]["pointer"], refused["errors"][0]["first_open_day"]) == ("/issued_on", "2026-01-01")
    assert books.issue("1.00", on="2026-01-01")["number"] == "INV-000001"


def test_accounts_are_checked_again_at_issue(books: Books) -> None:
    draft = books.draft("10.00", lines=[{"description": "a", "quantity": "1", "unit_price": "1", "account": "4100"}])
    books.take(books.event(AccountChanged(code="4100", name="Freight income", kind="revenue", control=None, active=False)))

    refused = books.company.refused(f"{PATH}/{draft['id']}/issue", {}, status=422, problem="account-inactive")

    assert refused["errors"][0]["pointer"] == "/lines/0/account"


def test_a_customer_must_be_known_and_active(books: Books) -> None:
    customer = books.customer(code="X1")
    books.company.call("PUT", f"/api/billing/customers/{customer}", {"name": "Gone", "code": "X1", "active": False, "version": 1})
    theirs = books.another().customer()

    books.company.refused(PATH, books.asked("1.00", customer_id=customer), status=422, problem="customer-inactive")
    refused = books.company.refused(PATH, books.asked("1.00", customer_id=theirs), status=422, problem="customer-unknown")
    assert refused["errors"][0]["pointer"] == "/customer_id"


def test_another_companys_invoice_is_not_there(books: Books) -> None:
    theirs = books.another().issue("10.00")["id"]

    books.company.refused(f"{PATH}/{theirs}", method="GET", status=404, problem="invoice-not-found")
    books.company.refused(f"{PATH}/{theirs}/issue", {}, status=404, problem="invoice-not-found")
    books.company.refused(f"{PATH}/{theirs}/void", {"reason": "x"}, status=404, problem="invoice-not-found")


def test_an_invoice_may_be_in_another_currency_and_is_owed_in_it(books: Books) -> None:
    customer = books.customer(currency="EUR")

    euros = books.issue("10.00", customer_id=customer)
    yen = books.issue("1000", customer_id=customer, currency="JPY")

    assert (euros["total"], yen["total"]) == ({"amount": 1000, "currency": "EUR"}, {"amount": 1000, "currency": "JPY"})
    balances = books.company.get(f"/api/billing/customers/{customer}/balance")["balances"]
    assert [(item["currency"], item["balance"]["amount"]) for item in balances] == [("EUR", 1000), ("JPY", 1000)]


def test_drafting_issuing_and_voiding_are_rights_of_their_own(books: Books) -> None:
    body = books.asked("1.00", customer_id=books.customer())
    drafter = books.company.may_only("billing.invoice.create")

    draft = drafter.post(PATH, body, pump=False)
    drafter.refused(PATH, {**body, "issue": True}, status=403, problem="permission-missing")
    drafter.refused(f"{PATH}/{draft['id']}/issue", {}, status=403, problem="permission-missing")
    issuer = books.company.may_only("billing.invoice.create", "billing.invoice.issue")
    issued = issuer.post(PATH, {**body, "issue": True}, pump=False)
    issuer.refused(f"{PATH}/{issued['id']}/void", {"reason": "x"}, status=403, problem="permission-missing")


def test_invoices_are_listed_by_state_and_balance(books: Books) -> None:
    draft, open_one, paid, void = books.draft("1.00"), books.issue("2.00"), books.issue("3.00"), books.issue("4.00")
    books.take(books.receipt((paid, "3.00")))
    books.post(f"{PATH}/{void['id']}/void", {"reason": "wrong customer"})

    def ids(**query: object) -> set[str]:
        return {item["id"] for item in books.company.get(PATH, **query)["items"]}

    assert ids(state="draft") == {draft["id"]}
    assert ids(state="void") == {void["id"]}
    assert ids(state="issued") == {open_one["id"], paid["id"]}
    assert ids(open=True) == {open_one["id"]}
    assert ids(number=paid["number"]) == {paid["id"]}
    assert ids(customer_id=paid["customer_id"]) == {paid["id"]}
    assert ids() == {draft["id"], open_one["id"], paid["id"], void["id"]}


def test_pages_of_invoices_miss_none_and_repeat_none(books: Books) -> None:
    customer = books.customer()
    made = {books.issue("1.00", customer_id=customer, on=f"2026-01-{day:02d}")["id"] for day in (3, 3, 3, 1, 2)}

    seen, cursor = [], None
    while True:
        page = books.company.get(PATH, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert len(seen) == 5
    assert set(seen) == made
