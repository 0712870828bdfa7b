"""Due dates, worked out by hand with a calendar."""

from datetime import date

import pytest

from services.billing.terms.domain import DEFAULT_TERMS, Terms, due_date
from tests.product import iso


def of_month(day: int, cutoff_days: int = 0, months_to_add: int = 0) -> Terms:
    return Terms("day_of_month", day=day, cutoff_days=cutoff_days, months_to_add=months_to_add)


@pytest.mark.parametrize(
    ("terms", "issued_on", "due_on"),
    [
        (Terms("on_receipt"), "2026-01-31", "2026-01-31"),
        (Terms("net_days", days=0), "2026-01-31", "2026-01-31"),
        (Terms("net_days", days=30), "2026-01-15", "2026-02-14"),
        (Terms("net_days", days=30), "2024-01-31", "2024-03-01"),
        (Terms("net_days", days=30), "2023-01-31", "2023-03-02"),
        (Terms("net_days", days=1), "2024-02-28", "2024-02-29"),
        (Terms("net_days", days=1), "2023-02-28", "2023-03-01"),
        (Terms("net_days", days=365), "2023-12-31", "2024-12-30"),
        # the 10th: before it, on it, after it
        (of_month(10), "2026-03-09", "2026-03-10"),
        (of_month(10), "2026-03-10", "2026-03-10"),
        (of_month(10), "2026-03-11", "2026-04-10"),
        (of_month(10), "2026-12-11", "2027-01-10"),
        # cutoff of five days: the 5th is the last day for the 10th of the same month
        (of_month(10, cutoff_days=5), "2026-03-05", "2026-03-10"),
        (of_month(10, cutoff_days=5), "2026-03-06", "2026-04-10"),
        # a cutoff that begins in the month before: every day of the month is too late for its 3rd
        (of_month(3, cutoff_days=5), "2026-03-01", "2026-04-03"),
        (of_month(25, cutoff_days=25), "2026-03-01", "2026-04-25"),
        # months to add
        (of_month(10, months_to_add=1), "2026-03-09", "2026-04-10"),
        (of_month(10, months_to_add=1), "2026-03-11", "2026-05-10"),
        (of_month(15, months_to_add=11), "2026-02-01", "2027-01-15"),
        # the 31st in short months
        (of_month(31), "2026-01-31", "2026-01-31"),
        (of_month(31), "2026-02-01", "2026-02-28"),
        (of_month(31), "2026-02-28", "2026-02-28"),
        (of_month(31), "2024-02-15", "2024-02-29"),
        (of_month(31), "2026-04-30", "2026-04-30"),
        (of_month(31, months_to_add=1), "2026-01-31", "2026-02-28"),
        (of_month(31, months_to_add=1), "2024-01-31", "2024-02-29"),
        (of_month(31, months_to_add=2), "2026-01-10", "2026-03-31"),
        (of_month(31, cutoff_days=10), "2026-02-18", "2026-02-28"),
        (of_month(31, cutoff_days=10), "2026-02-19", "2026-03-31"),
        (of_month(29, cutoff_days=0), "2023-02-28", "2023-02-28"),
        (of_month(30, months_to_add=1), "2023-12-31", "2024-02-29"),
    ],
)
def test_the_due_date_follows_from_the_terms(terms: Terms, issued_on: str, due_on: str) -> None:
    assert due_date(terms, iso(issued_on)) == iso(due_on)


def test_the_default_terms_have_one_default() -> None:
    assert [rule["description"] for rule in DEFAULT_TERMS if rule.get("is_default")] == ["Net 30"]


def test_a_due_date_never_lies_before_the_invoice() -> None:
    for day in range(1, 32):
        for cutoff in (0, 5, 31):
            for issued in (date(2024, 2, 29), date(2023, 12, 31), date(2026, 6, 15)):
                assert due_date(of_month(day, cutoff), issued) >= issued
