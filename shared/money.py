"""Money: integer minor units with an ISO 4217 currency.

Quantities, rates and prices per unit are `Decimal`; they become `Money` once per line, here, by a named rounding rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

from shared.errors import Invalid

LARGEST_AMOUNT = 2**53 - 1
"""Largest amount in minor units that every client (JavaScript included) reads exactly."""


class CurrencyUnknown(Invalid):
    """The currency is not an ISO 4217 code."""

    code = "currency-unknown"


class CurrencyMismatch(Invalid):
    """Amounts of different currencies cannot be added or compared; a document is settled in its own currency."""

    code = "currency-mismatch"


class AmountOutOfRange(Invalid):
    """An amount must be a whole number of minor units no larger than 2^53 - 1."""

    code = "amount-out-of-range"


_CODES_BY_EXPONENT = {
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC
        CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD
        KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
        NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
        THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
    """,
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
"""ISO 4217's currencies that are in use, by the digits after the point that the standard gives them.

Written here since locale data differ from it: they give the Serbian dinar, for one, none. Funds, metals and test codes
are left out.
"""
_EXPONENTS = {code: digits for digits, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}
_ACCEPTED = frozenset(_EXPONENTS)


def currencies() -> frozenset[str]:
    """Every ISO 4217 code that is accepted."""
    return _ACCEPTED


def exponent(currency: str) -> int:
    """Digits after the point of `currency` (USD 2, JPY 0, KWD 3). Raises CurrencyUnknown."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise CurrencyUnknown(currency=currency) from None


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: `minor` units of `currency`. Adds like to like, splits without losing a unit."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"Money takes whole minor units, not {type(self.minor).__name__}")
        if abs(self.minor) > LARGEST_AMOUNT:
            raise AmountOutOfRange(amount=self.minor)
        exponent(self.currency)

    @classmethod
    def from_decimal(cls, value: Decimal, currency: str, rounding: str = ROUND_HALF_UP) -> Money:
        """The one place where a calculated value becomes money; rounds to the currency's exponent by `rounding`."""
        with localcontext() as exact:
            exact.prec = 60
            minor = value.scaleb(exponent(currency)).to_integral_value(rounding=rounding)
        return cls(int(minor), currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Reads "55.94", "94" or "51.6" exactly. Raises Invalid where there are more digits than the currency has."""
        try:
            value = Decimal(text.strip())
        except ArithmeticError:
            raise AmountUnreadable(text=text) from None
        if not value.is_finite() or value.copy_abs() > LARGEST_AMOUNT or value != round(value, exponent(currency)):
            raise AmountUnreadable(text=text)
        return cls.from_decimal(value, currency)

    @property
    def decimal(self) -> Decimal:
        """The value in major units, exact."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def _same(self, other: Money) -> None:
        if other.currency != self.currency:
            raise CurrencyMismatch(left=self.currency, right=other.currency)

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def split(self, weights: Sequence[int]) -> list[Money]:
        """Parts in proportion to `weights` whose sum is exactly this amount; left-over units by largest remainder.

        Raises Invalid where no weight is positive or one is negative, since a share is then undefined.
        """
        return [Money(part, self.currency) for part in split_minor(self.minor, weights)]

    def __str__(self) -> str:
        return f"{self.decimal:,.{exponent(self.currency)}f} {self.currency}"


class AmountUnreadable(Invalid):
    """The amount is not a number with at most as many decimals as its currency has."""

    code = "amount-unreadable"


class WeightsUnusable(Invalid):
    """An amount can only be split by weights that are not negative and not all zero."""

    code = "weights-unusable"


def split_minor(minor: int, weights: Sequence[int]) -> list[int]:
    """`Money.split` on bare minor units."""
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise WeightsUnusable(weights=list(weights))
    sign, size = (-1, -minor) if minor < 0 else (1, minor)
    parts = [size * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % total), i))
    for i in by_remainder[: size - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Sum of `amounts`, zero of `currency` where there are none. Raises CurrencyMismatch."""
    result = Money(0, currency)
    for amount in amounts:
        result = result + amount
    return result
