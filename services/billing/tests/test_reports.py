"""Aging, open items, ledgers of customers, roll-forward, proof."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.billing.receivables import usecases
from services.billing.tests.books import Books, cents, usd
from shared.context import Context
from shared.db import company_transaction
from tests.product import iso

AGING = "/api/billing/aging"


def aged(books: Books, **query: object) -> dict[str, tuple[int, int]]:
    (total,) = books.company.get(AGING, **query)["totals"]
    return {bucket["bucket"]: (bucket["amount"]["amount"], bucket["invoices"]) for bucket in total["buckets"]}


@pytest.fixture
def ages(books: Books) -> Books:
    """Five invoices of two customers, due from February to June, one of them half paid."""
    one, two = books.customer("Bakery", code="A"), books.customer("Mill", code="B")
    for amount, issued_on, due_on, customer in (
        ("10.00", "2026-01-01", "2026-06-01", one),
        ("20.00", "2026-02-01", "2026-05-01", one),
        ("40.00", "2026-03-01", "2026-04-01", two),
        ("80.00", "2026-03-15", "2026-03-20", two),
    ):
        books.issue(amount, on=issued_on, due_on=due_on, customer_id=customer)
    half = books.issue("160.00", on="2026-01-01", due_on="2026-02-01", customer_id=two)
    books.take(books.receipt((half, "60.00"), on="2026-04-10"))
    return books


def test_by_due_date_what_is_not_overdue_is_current(ages: Books) -> None:
    assert aged(ages, as_of="2026-05-01") == {
        "current": (cents("30.00"), 2),
        "1-30": (cents("40.00"), 1),
        "31-60": (cents("80.00"), 1),
        "61-90": (cents("100.00"), 1),
        "over-90": (0, 0),
    }


def test_by_invoice_date_the_first_thirty_days_are_one_bucket(ages: Books) -> None:
    assert aged(ages, as_of="2026-04-01", basis="invoice") == {
        "0-30": (cents("80.00"), 1),
        "31-60": (cents("60.00"), 2),
        "61-90": (cents("170.00"), 2),
        "91-120": (0, 0),
        "121-180": (0, 0),
        "over-180": (0, 0),
    }


def test_money_counts_from_its_day_on(ages: Books) -> None:
    def balance(day: str) -> tuple[int, int, int]:
        (total,) = ages.company.get(AGING, as_of=day)["totals"]
        return total["balance"]["amount"], total["invoices"], total["customers"]

    assert balance("2025-12-31") == (0, 0, 0)
    assert balance("2026-01-31") == (cents("170.00"), 2, 2)
    assert balance("2026-04-09") == (cents("310.00"), 5, 2)
    assert balance("2026-04-10") == (cents("250.00"), 5, 2)
    assert balance("2030-01-01") == (cents("250.00"), 5, 2)


def test_buckets_can_be_any(ages: Books) -> None:
    assert aged(ages, as_of="2026-05-01", buckets="10,100") == {
        "current": (cents("30.00"), 2),
        "1-10": (0, 0),
        "11-100": (cents("220.00"), 3),
        "over-100": (0, 0),
    }
    for wrong in ("0", "30,30", "60,30", "a", "1.5", ""):
        assert ages.company.call("GET", AGING, buckets=wrong).status_code == 422


def test_aging_by_customer_adds_up_to_the_total_page_by_page(ages: Books) -> None:
    first = ages.company.get(AGING, as_of="2026-05-01", by="customer", limit=1)
    second = ages.company.get(AGING, as_of="2026-05-01", by="customer", limit=1, cursor=first["next_cursor"])

    items = first["items"] + second["items"]
    assert second["next_cursor"] is None
    assert [(item["customer_code"], item["balance"], item["invoices"]) for item in items] == [
        ("A", usd("30.00"), 2),
        ("B", usd("220.00"), 3),
    ]
    assert [bucket["amount"]["amount"] for bucket in items[1]["buckets"]] == [0, 4000, 8000, 10000, 0]
    refused = ages.company.refused(AGING, method="GET", by="customer", cursor="nonsense", status=422, problem="cursor-unusable")
    assert refused["errors"][0]["pointer"] == "/cursor"


def test_currencies_are_never_added(books: Books) -> None:
    customer = books.customer()
    books.issue("10.00", customer_id=customer)
    books.issue("10", customer_id=customer, currency="JPY")

    totals = books.company.get(AGING)["totals"]

    assert [(total["currency"], total["balance"]["amount"]) for total in totals] == [("JPY", 10), ("USD", 1000)]
    assert [total["currency"] for total in books.company.get(AGING, currency="JPY")["totals"]] == ["JPY"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dates(date(2025, 12, 1), date(2026, 12, 31)),
    st.sampled_from(["due", "invoice"]),
    st.lists(st.integers(1, 400), min_size=1, max_size=6, unique=True).map(sorted),
)
def test_the_aging_total_is_the_sum_of_the_open_items_for_any_buckets_and_day(
    ages: Books, as_of: date, basis: str, ends: list[int]
) -> None:
    buckets = ",".join(map(str, ends))
    total = ages.company.get(AGING, as_of=as_of, basis=basis, buckets=buckets)["totals"][0]
    by_customer = ages.company.get(AGING, as_of=as_of, basis=basis, buckets=buckets, by="customer")["items"]
    items = ages.company.get("/api/billing/open-items", as_of=as_of)["items"]

    assert total["balance"]["amount"] == sum(item["balance"]["amount"] for item in items)
    assert total["balance"]["amount"] == sum(bucket["amount"]["amount"] for bucket in total["buckets"])
    assert total["invoices"] == len(items) == sum(bucket["invoices"] for bucket in total["buckets"])
    assert total["customers"] == len(by_customer) == len({item["customer_id"] for item in items})
    for place, bucket in enumerate(total["buckets"]):
        assert bucket["amount"]["amount"] == sum(item["buckets"][place]["amount"]["amount"] for item in by_customer)
        assert bucket["invoices"] == sum(item["buckets"][place]["invoices"] for item in by_customer)
    for item in items:
        age = (as_of - date.fromisoformat(item["due_on"])).days
        assert item["overdue"] == (age > 0)
        assert item["days_overdue"] == max(0, age)


def test_open_items_are_filtered_and_paged(ages: Books) -> None:
    path = "/api/billing/open-items"
    everything = [item["number"] for item in ages.company.get(path, as_of="2026-05-01")["items"]]
    first = ages.company.get(path, as_of="2026-05-01", limit=3)
    second = ages.company.get(path, as_of="2026-05-01", limit=3, cursor=first["next_cursor"])

    assert [item["number"] for item in first["items"] + second["items"]] == everything
    assert [item["due_on"] for item in first["items"]] == ["2026-02-01", "2026-03-20", "2026-04-01"]
    assert len(ages.company.get(path, as_of="2026-05-01", overdue=True)["items"]) == 3
    assert len(ages.company.get(path, as_of="2026-05-01", overdue=False)["items"]) == 2
    mill = ages.company.get("/api/billing/customers", code="B")["items"][0]["id"]
    assert len(ages.company.get(path, as_of="2026-02-15", customer_id=mill)["items"]) == 1


def test_a_customers_ledger_runs_its_balance_over_pages_and_days(books: Books) -> None:
    customer = books.customer()
    first = books.issue("100.00", customer_id=customer, on="2026-01-01")
    second = books.issue("50.00", customer_id=customer, on="2026-01-10")
    books.issue("7", customer_id=customer, on="2026-01-11", currency="JPY")
    books.take(books.receipt((first, "30.00"), (second, "50.00"), on="2026-01-05", posting_on="2026-01-12"))
    late = books.issue("5.00", customer_id=customer, on="2026-01-02")
    path = f"/api/billing/customers/{customer}/ledger"

    lines, cursor = [], None
    while True:
        page = books.company.get(path, limit=2, **({"cursor": cursor} if cursor else {}))
        lines += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert [(line["posting_on"], line["amount"]["amount"], line["balance"]["amount"]) for line in lines] == [
        ("2026-01-01", 10000, 10000),
        ("2026-01-02", 500, 10500),
        ("2026-01-10", 5000, 15500),
        ("2026-01-11", 7, 7),
        ("2026-01-12", -3000, 12500),
        ("2026-01-12", -5000, 7500),
    ]
    assert lines[1]["number"] == late["number"]
    assert lines[4]["occurred_on"] == "2026-01-05"
    from_tenth = books.company.get(path, **{"from": "2026-01-10", "as_of": "2026-01-11"})
    assert [line["balance"]["amount"] for line in from_tenth["items"]] == [15500, 7]
    assert from_tenth["balances"] == [
        {"currency": "JPY", "opening": {"amount": 0, "currency": "JPY"}, "closing": {"amount": 7, "currency": "JPY"}},
        {"currency": "USD", "opening": usd("105.00"), "closing": usd("155.00")},
    ]


def test_a_customers_balance_tells_what_is_overdue(books: Books) -> None:
    customer = books.customer()
    books.issue("10.00", customer_id=customer, on="2025-12-01")
    books.issue("20.00", customer_id=customer, on="2026-01-10")

    (balance,) = books.company.get(f"/api/billing/customers/{customer}/balance")["balances"]

    assert (balance["balance"], balance["overdue"], balance["open_invoices"], balance["oldest_due_on"]) == (
        usd("30.00"),
        usd("10.00"),
        2,
        "2025-12-31",
    )


def test_a_roll_forward_closes_where_the_next_month_opens(ages: Books) -> None:
    void = ages.issue("5.00", on="2026-02-10")
    ages.post(f"/api/billing/invoices/{void['id']}/void", {"reason": "x", "voided_on": "2026-03-01"})

    months = ages.company.get("/api/billing/roll-forward", **{"from": "2025-12", "to": "2026-05"})["months"]

    names = ("opening", "billed", "received", "other", "closing")
    assert [
        (month["month"], *(month[name]["amount"] // 100 for name in names), month["invoices"], month["applications"])
        for month in months
    ] == [
        ("2025-12", 0, 0, 0, 0, 0, 0, 0),
        ("2026-01", 0, 170, 0, 0, 170, 2, 0),
        ("2026-02", 170, 25, 0, 0, 195, 2, 0),
        ("2026-03", 195, 120, 0, -5, 310, 2, 0),
        ("2026-04", 310, 0, 60, 0, 250, 0, 1),
        ("2026-05", 250, 0, 0, 0, 250, 0, 0),
    ]
    assert ages.company.get("/api/billing/roll-forward", **{"from": "2026-04", "to": "2026-04"})["months"] == [months[4]]


@pytest.mark.parametrize(("first", "last"), [("2026-02", "2026-01"), ("1950-01", "2026-01")])
def test_a_roll_forward_goes_forward_and_not_for_ever(books: Books, first: str, last: str) -> None:
    books.company.refused(
        "/api/billing/roll-forward", method="GET", status=422, problem="months-unusable", **{"from": first, "to": last}
    )


def test_the_proof_names_what_each_customer_owes_and_the_documents_that_are_asked_for(ages: Books) -> None:
    mill = ages.company.get("/api/billing/customers", code="B")["items"][0]["id"]
    bakery = ages.company.get("/api/billing/customers", code="A")["items"][0]["id"]
    house = ages.company.house
    with company_transaction(house.databases["billing"].api, ages.company.id, "test") as session:
        ctx = Context(session, house.clock, "billing", ages.company.id, "test", "test")
        figures = usecases.proof(ctx, {})
        named = usecases.proof(ctx, {"documents": bakery})

    assert figures == {"ar": sorted([[bakery, "USD", 3000], [mill, "USD", 22000]])}
    assert [(row[0], row[2], row[4]) for row in named["documents"]] == [
        (bakery, "INV-000001", 1000),
        (bakery, "INV-000002", 2000),
    ]


def test_a_future_day_counts_what_is_dated_up_to_it(books: Books) -> None:
    books.issue("10.00", on="2026-03-01", due_on="2026-03-31")

    assert aged(books, as_of="2026-02-28")["current"] == (0, 0)
    assert aged(books, as_of="2026-03-01")["current"] == (1000, 1)
    assert aged(books, as_of=iso("2026-03-31") + timedelta(days=91))["over-90"] == (1000, 1)


def test_reports_need_their_permission(books: Books) -> None:
    other = books.company.may_only("billing.invoice.read")

    for path in (AGING, "/api/billing/open-items"):
        other.refused(path, method="GET", status=403, problem="permission-missing")
