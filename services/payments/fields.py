"""Fields of payments' schemas."""

from __future__ import annotations

from typing import Any

from shared.http.schemas import MoneyField


class RowMoney(MoneyField):
    """Minor units of the row's own `currency`, as money on the wire."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else {"amount": value, "currency": obj["currency"]}
