"""Fields and schemas that every API shares: money, text, ids, dates."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from shared.ids import is_id
from shared.money import LARGEST_AMOUNT, Money, currencies


class In(Schema):
    """What a client sends: an unknown field is a fault, never ignored."""

    class Meta:
        unknown = RAISE


class Out(Schema):
    """What is answered."""


class Text(fields.String):
    """Text without control characters (tab and newline where `multiline`), trimmed, at most `longest` characters."""

    def __init__(self, longest: int = 200, *, multiline: bool = False, empty: bool = True, **options: Any):
        super().__init__(**options)
        self.longest, self.multiline, self.empty = longest, multiline, empty
        self.metadata = {"maxLength": longest, **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs).strip()
        allowed = "\t\n\r" if self.multiline else ""
        if any((ord(character) < 32 and character not in allowed) or 0x7F <= ord(character) < 0xA0 for character in text):
            raise ValidationError("must not contain control characters")
        if len(text) > self.longest:
            raise ValidationError(f"must have at most {self.longest} characters")
        if not text and not self.empty:
            raise ValidationError("must not be empty")
        return text


class Id(fields.String):
    """An id of one noun, such as `inv_01j9…`."""

    def __init__(self, prefix: str, **options: Any):
        super().__init__(**options)
        self.prefix = prefix
        self.metadata = {"pattern": f"^{prefix}_[0-9a-hjkmnp-tv-z]{{26}}$", **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not is_id(text, self.prefix):
            raise ValidationError(f"must be an id that begins with {self.prefix}_")
        return text


class Currency(fields.String):
    """An ISO 4217 code."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.metadata = {"pattern": "^[A-Z]{3}$", **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if text not in currencies():
            raise ValidationError("must be an ISO 4217 currency code")
        return text


class WholeNumber(fields.Integer):
    """A whole number of minor units; 12.0 is one, 12.5 and "12" are not."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.metadata = {"format": "int64", **self.metadata}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or value != value
            or value in (float("inf"), float("-inf"))
        ):
            raise ValidationError("must be a whole number of minor units")
        if int(value) != value:
            raise ValidationError("must be a whole number of minor units (cents), without decimals")
        if abs(value) > LARGEST_AMOUNT:
            raise ValidationError(f"must not exceed {LARGEST_AMOUNT}")
        return int(value)


class MoneyObject(In):
    """`{"amount": 12345, "currency": "USD"}`: amount in minor units."""

    amount = WholeNumber(required=True, metadata={"minimum": -LARGEST_AMOUNT, "maximum": LARGEST_AMOUNT})
    currency = Currency(required=True)


class MoneyField(fields.Nested):
    """`Money` on the wire as `{"amount": 12345, "currency": "USD"}`, in minor units.

    `positive`: above zero; `at_least_zero`: zero allowed.
    """

    def __init__(self, *, positive: bool = False, at_least_zero: bool = False, **options: Any):
        super().__init__(MoneyObject, **options)
        self.positive, self.at_least_zero = positive, at_least_zero

    def _serialize(self, nested_obj: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return None if nested_obj is None else {"amount": nested_obj.minor, "currency": nested_obj.currency}

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:
        loaded = super()._deserialize(value, attr, data, partial, **kwargs)
        money = Money(loaded["amount"], loaded["currency"])
        if self.positive and money.minor <= 0:
            raise ValidationError({"amount": ["must be above zero"]})
        if self.at_least_zero and money.minor < 0:
            raise ValidationError({"amount": ["must not be below zero"]})
        return money


class RowMoney(MoneyField):
    """Minor units of the row's own `currency`, as money on the wire."""

    def _serialize(self, nested_obj: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return None if nested_obj is None else {"amount": nested_obj, "currency": obj["currency"]}


class Day(fields.Date):
    """A calendar date, `2026-01-31`, from 1900 to 2999."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        day = super()._deserialize(value, attr, data, **kwargs)
        if not 1900 <= day.year <= 2999:
            raise ValidationError("must lie between 1900-01-01 and 2999-12-31")
        return day


def one_of(*choices: str) -> validate.OneOf:
    """A choice among words; the message lists them."""
    return validate.OneOf(choices, error="must be one of: {choices}")


def lines(schema: type[Schema], longest: int = 500, shortest: int = 1, **options: Any) -> fields.List[Any]:
    """A list of `shortest` to `longest` lines."""
    return fields.List(
        fields.Nested(schema),
        validate=validate.Length(shortest, longest, error=f"must have {shortest} to {longest} entries"),
        **options,
    )
