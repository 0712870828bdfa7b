"""Money: exact, of one currency, split without loss."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.money import (
    LARGEST_AMOUNT,
    AmountOutOfRange,
    AmountUnreadable,
    CurrencyMismatch,
    CurrencyUnknown,
    Money,
    WeightsUnusable,
    currencies,
    exponent,
    total,
)
from shared.testing import usd

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

amounts = st.integers(-LARGEST_AMOUNT, LARGEST_AMOUNT)
weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=60).filter(any)


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("IQD", 3), ("RSD", 2), ("ISK", 0), ("HUF", 2), ("CLP", 0)],
)
def test_digits_after_the_point_are_those_of_iso_4217(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


def test_currencies_are_those_in_use() -> None:
    assert len(currencies()) == 156
    assert not currencies() & {"DEM", "XXX", "XTS", "XAU", "CLF", "usd", "US"}


@pytest.mark.parametrize("code", ["DEM", "usd", "", "XXX", "EURO", "U$D"])
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(CurrencyUnknown):
        Money(1, code)


@pytest.mark.parametrize("minor", [1.0, True, "1", Decimal(1), None])
def test_money_takes_whole_numbers_alone(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor, "USD")  # type: ignore[arg-type]


def test_the_largest_amount_is_one_that_every_client_reads_exactly() -> None:
    assert Money(LARGEST_AMOUNT, "USD").minor == 2**53 - 1
    for minor in (2**53, -(2**53)):
        with pytest.raises(AmountOutOfRange):
            Money(minor, "USD")
    with pytest.raises(AmountOutOfRange):
        Money(LARGEST_AMOUNT, "USD") + Money(1, "USD")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("55.94", "USD", 5594),
        ("94", "USD", 9400),
        ("51.6", "USD", 5160),
        ("-0.01", "USD", -1),
        (" 1.00 ", "USD", 100),
        ("7", "JPY", 7),
        ("1.234", "KWD", 1234),
        ("1.500", "USD", 150),
        ("0", "USD", 0),
    ],
)
def test_amounts_are_read_exactly(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "text",
    ["", "x", "1.234", "0.5 USD", "1,000.00", "NaN", "Infinity", "-Infinity", "1e400000000", "--1", "0x10", "90071992547409.93"],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises((AmountUnreadable, AmountOutOfRange)):
        usd(text)


def test_half_a_yen_is_no_amount() -> None:
    with pytest.raises(AmountUnreadable):
        Money.parse("0.5", "JPY")


@unhurried
@given(amounts)
def test_an_amount_reads_as_it_is_written(minor: int) -> None:
    money = Money(minor, "USD")

    assert Money.parse(str(money.decimal), "USD") == money
    assert Money.parse(str(money).removesuffix(" USD").replace(",", ""), "USD") == money


@pytest.mark.parametrize(
    ("value", "rounding", "minor"),
    [
        ("1.005", None, 101),
        ("-1.005", None, -101),
        ("1.005", ROUND_HALF_EVEN, 100),
        ("1.019", ROUND_DOWN, 101),
        ("0.004", None, 0),
    ],
)
def test_calculated_values_are_rounded_by_a_named_rule(value: str, rounding: str | None, minor: int) -> None:
    options = {"rounding": rounding} if rounding else {}

    assert Money.from_decimal(Decimal(value), "USD", **options) == Money(minor, "USD")


def test_long_quotients_are_rounded_once() -> None:
    assert Money.from_decimal(Decimal("90071992547409.914999999999999999"), "USD") == Money(LARGEST_AMOUNT, "USD")


@unhurried
@given(amounts, weights)
def test_a_split_never_loses_or_makes_a_unit(minor: int, parts: list[int]) -> None:
    shares = Money(minor, "USD").split(parts)

    assert len(shares) == len(parts)
    assert sum(share.minor for share in shares) == minor


@unhurried
@given(amounts, weights)
def test_a_share_is_less_than_a_unit_away_from_its_due(minor: int, parts: list[int]) -> None:
    for share, weight in zip(Money(minor, "USD").split(parts), parts, strict=True):
        assert abs(share.minor * sum(parts) - minor * weight) < sum(parts)


@unhurried
@given(amounts, weights)
def test_a_split_of_a_reversal_mirrors_the_split(minor: int, parts: list[int]) -> None:
    assert Money(-minor, "USD").split(parts) == [-share for share in Money(minor, "USD").split(parts)]


def test_left_over_units_go_to_the_largest_remainders_then_to_the_first() -> None:
    assert [share.minor for share in usd("1.00").split([1, 1, 1])] == [34, 33, 33]
    assert [share.minor for share in usd("1.00").split([1, 2, 4])] == [14, 29, 57]


@pytest.mark.parametrize("parts", [[], [0], [0, 0], [1, -1], [2, -1]])
def test_weights_that_give_no_shares_are_refused(parts: list[int]) -> None:
    with pytest.raises(WeightsUnusable):
        usd("1.00").split(parts)


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__"])
def test_currencies_do_not_mix(operation: str) -> None:
    with pytest.raises(CurrencyMismatch):
        getattr(usd("1.00"), operation)(Money(100, "EUR"))


def test_amounts_of_different_currencies_are_not_equal() -> None:
    assert usd("1.00") != Money(100, "EUR")


def test_a_total_is_of_one_currency_also_where_there_is_nothing() -> None:
    assert total([], "USD") == usd("0.00")
    assert total([usd("1.00"), usd("-0.25")], "USD") == usd("0.75")
    with pytest.raises(CurrencyMismatch):
        total([Money(1, "EUR")], "USD")


def test_money_is_true_where_there_is_some() -> None:
    assert usd("0.01")
    assert not usd("0.00")


def test_every_refusal_of_money_is_of_the_kind_invalid() -> None:
    for refusal in (AmountOutOfRange, AmountUnreadable, CurrencyMismatch, CurrencyUnknown, WeightsUnusable):
        assert issubclass(refusal, Invalid)
