"""What the tests of several services share: money in words, a client that speaks for a company."""

from __future__ import annotations

from shared.money import Money


def usd(text: str) -> Money:
    """`usd("120.00")`."""
    return Money.parse(text, "USD")


def wire(money: Money) -> dict[str, object]:
    """Money as the APIs take it."""
    return {"amount": money.minor, "currency": money.currency}
