"""Which part of an application did not fit: pure; and buckets of ages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.receivables.domain import BucketsUnusable, Movement, buckets, overapplied, thresholds

KEY = (1, "inv")


def moved(amount: int, kind: str | None = None) -> Movement:
    return Movement(1, "inv", "USD", kind or ("application" if amount < 0 else "displacement"), amount, 0, "rct", "app")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("balance", "moves", "unfitting", "after"),
    [
        (100, [-100], [], 0),
        (100, [-60, -40], [], 0),
        (0, [-50], [50], -50),  # the invoice was voided meanwhile
        (30, [-50], [20], -20),
        (30, [-50, -10], [20, 10], -30),  # the second does not fit at all
        (0, [-50, +50, -30], [50, 30], -30),
        (100, [-100, +100, -100], [], 0),  # order matters: taken off before it is applied again
        (-20, [-50], [50], -70),
    ],
)
def test_what_does_not_fit_is_the_excess_and_never_more_than_the_application(
    balance: int, moves: list[int], unfitting: list[int], after: int
) -> None:
    balances = {KEY: balance}

    assert [amount for _, amount in overapplied([moved(amount) for amount in moves], balances)] == unfitting
    assert balances == {KEY: after}


@given(st.integers(0, 200), st.lists(st.integers(1, 100), max_size=8))
def test_after_all_that_did_not_fit_is_taken_off_nothing_is_overapplied(balance: int, applied: list[int]) -> None:
    balances = {KEY: balance}

    excess = sum(amount for _, amount in overapplied([moved(-amount) for amount in applied], balances))

    assert balances[KEY] + excess == max(0, balance - sum(applied))


def test_presets_are_the_dashboards_and_the_customer_pages() -> None:
    assert [bucket.label for bucket in buckets("due")] == ["current", "1-30", "31-60", "61-90", "over-90"]
    assert [bucket.label for bucket in buckets("invoice")] == ["0-30", "31-60", "61-90", "91-120", "121-180", "over-180"]
    assert thresholds(buckets("due")) == [1, 31, 61, 91]
    assert thresholds(buckets("invoice")) == [31, 61, 91, 121, 181]


@pytest.mark.parametrize("ends", [[0], [30, 30], [60, 30], [40_000], list(range(1, 30))])
def test_buckets_must_rise(ends: list[int]) -> None:
    with pytest.raises(BucketsUnusable):
        buckets("due", ends)
