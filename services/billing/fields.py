"""Fields of billing's schemas: exact decimals as text, and amounts that take their currency from their row."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields

_DECIMAL = re.compile(r"^-?\d{1,20}(\.\d{1,20})?$")


class DecimalText(fields.Decimal):
    """An exact decimal as text, such as "12.50"; a whole JSON number is taken too, one with a point is not exact.

    `least` <= value <= `most` (`above`: value > above), at most `places` digits after the point.
    """

    def __init__(
        self, *, places: int = 6, least: str | None = None, above: str | None = None, most: str = "999999999999", **options: Any
    ):
        documented = {
            "type": ["string", "integer"],
            "format": "decimal",
            "pattern": _DECIMAL.pattern,
            **options.get("metadata", {}),
        }
        super().__init__(as_string=True, **{**options, "metadata": documented})
        self.most_places = places
        self.least = None if least is None else Decimal(least)
        self.above = None if above is None else Decimal(above)
        self.most = Decimal(most)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise ValidationError('must be an exact decimal as text, such as "12.50"')
        text = str(value).strip()
        if not _DECIMAL.match(text):
            raise ValidationError('must be an exact decimal as text, such as "12.50"')
        if len(text.partition(".")[2].rstrip("0")) > self.most_places:
            raise ValidationError(f"must have at most {self.most_places} digits after the point")
        number = Decimal(text)
        if self.least is not None and number < self.least:
            raise ValidationError(f"must be at least {self.least}")
        if self.above is not None and number <= self.above:
            raise ValidationError(f"must be above {self.above}")
        if number > self.most:
            raise ValidationError(f"must be at most {self.most}")
        return number

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else plain(value)


def wire_money(amount: int, currency: str) -> dict[str, Any]:
    """An amount in minor units as it travels, for reports that are too long for a schema to write."""
    return {"amount": amount, "currency": currency}


def plain(value: Decimal) -> str:
    """The decimal without an exponent and without zeros at its end: 12.5, 100."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
