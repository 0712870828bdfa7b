"""Line amounts, taxes, states: pure."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.invoices.domain import amounts, extended_amount, is_overdue, payment_state, settled_on, tax_of
from shared.errors import Faults
from shared.money import Money
from tests.product import iso


@pytest.mark.parametrize(
    ("quantity", "unit_price", "discount", "currency", "minor"),
    [
        ("1", "10.00", "0", "USD", 1000),
        ("2", "10.555", "0", "USD", 2111),
        ("1", "0.005", "0", "USD", 1),  # half a cent goes up
        ("1", "0.0049", "0", "USD", 0),
        ("3", "0.335", "0", "USD", 101),  # 1.005 is not the float 1.00499...
        ("1", "100", "10", "USD", 9000),  # a tenth less, not a tenth (C-12)
        ("7", "19.99", "33.333333", "USD", 9329),
        ("1", "100", "100", "USD", 0),
        ("0.000001", "1000000", "0", "USD", 100),
        ("3", "100.5", "0", "JPY", 302),
        ("1", "100.4", "0", "JPY", 100),
        ("1", "1.2345", "0", "KWD", 1235),
    ],
)
def test_a_line_is_rounded_once_half_up(quantity: str, unit_price: str, discount: str, currency: str, minor: int) -> None:
    assert extended_amount(Decimal(quantity), Decimal(unit_price), Decimal(discount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "rate", "tax"), [(1000, "8.25", 83), (999, "8.25", 82), (10, "5", 1), (9, "5", 0), (0, "20", 0), (12345, "0", 0)]
)
def test_tax_is_rounded_half_up_on_each_line(amount: int, rate: str, tax: int) -> None:
    assert tax_of(amount, Decimal(rate)) == tax


def test_the_total_is_lines_and_freight_and_tax_and_freight_bears_none() -> None:
    lines = [
        {"description": "a", "quantity": Decimal(1), "unit_price": Decimal("10"), "tax_rate": Decimal(10)},
        {"description": "b", "quantity": Decimal(2), "unit_price": Decimal("2.5")},
    ]

    found = amounts(lines, Money(300, "USD"), "USD", Faults())

    assert (found.lines_total, found.tax, found.freight, found.total) == (1500, 100, 300, 1900)


def test_every_line_that_is_too_large_is_named() -> None:
    faults = Faults()
    large = {"description": "a", "quantity": Decimal("999999999999"), "unit_price": Decimal("999999999999")}

    amounts([large, {"description": "b", "quantity": Decimal(1), "unit_price": Decimal(1)}, large], None, "USD", faults)

    assert [fault.pointer for fault in faults.found] == ["/lines/0", "/lines/2"]


@pytest.mark.parametrize(
    ("total", "balance", "state"), [(100, 100, "unpaid"), (100, 99, "partly_paid"), (100, 0, "paid"), (100, -5, "paid")]
)
def test_the_payment_state_follows_from_the_balance(total: int, balance: int, state: str) -> None:
    assert payment_state(total, balance) == state


def test_overdue_begins_the_day_after_the_due_date_and_ends_with_the_balance() -> None:
    assert not is_overdue(1, iso("2026-01-31"), iso("2026-01-31"))
    assert is_overdue(1, iso("2026-01-31"), iso("2026-02-01"))
    assert not is_overdue(0, iso("2026-01-31"), iso("2026-02-01"))


def test_settled_is_the_day_since_which_nothing_is_owed() -> None:
    day = iso("2026-01-01")
    later = [day + timedelta(days=n) for n in range(10)]

    assert settled_on([(later[0], 100)]) is None
    assert settled_on([(later[0], 100), (later[3], -60), (later[5], -40)]) == later[5]
    # paid, the receipt voided, paid again
    assert settled_on([(later[0], 100), (later[3], -100), (later[5], 100), (later[7], -100)]) == later[7]
    # what comes and goes within a later day does not move it
    assert settled_on([(later[0], 100), (later[3], -100), (later[5], -10), (later[5], 10)]) == later[3]


@given(st.lists(st.tuples(st.dates(date(2026, 1, 1), date(2026, 1, 20)), st.integers(-50, 50)), max_size=12))
def test_settled_is_none_exactly_where_something_is_owed(changes: list[tuple[date, int]]) -> None:
    found = settled_on(changes)

    if changes:
        assert (found is None) == (sum(amount for _, amount in changes) != 0)
    if found:
        assert sum(amount for day, amount in changes if day <= found) == 0
