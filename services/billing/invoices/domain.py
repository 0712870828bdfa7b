"""What an invoice comes to, line by line, and what state it is in: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Literal

from shared.errors import Faults, Invalid
from shared.money import LARGEST_AMOUNT, AmountOutOfRange, CurrencyMismatch, Money

PaymentState = Literal["unpaid", "partly_paid", "paid"]


class NothingOwed(Invalid):
    """An invoice must come to more than zero; what is given back to a customer is a credit memo."""

    code = "invoice-total-not-positive"


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its amounts in minor units; `amount` is net of tax."""

    line: int
    description: str
    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal
    account: str | None
    tax_rate: Decimal
    amount: int
    tax: int


@dataclass(frozen=True, slots=True)
class Amounts:
    """An invoice's lines and sums, minor units of `currency`; `total` = lines_total + freight + tax."""

    currency: str
    lines: list[Line]
    lines_total: int
    freight: int
    tax: int
    total: int


def extended_amount(quantity: Decimal, unit_price: Decimal, discount_percent: Decimal, currency: str) -> int:
    """quantity x price x (1 - discount), half a minor unit rounded up, once (C-12). Minor units. Raises AmountOutOfRange."""
    with localcontext() as exact:
        exact.prec = 60
        value = quantity * unit_price * (100 - discount_percent) / 100
    return Money.from_decimal(value, currency, ROUND_HALF_UP).minor


def tax_of(amount: int, tax_rate: Decimal) -> int:
    """Tax on a line's amount, half a minor unit rounded up, once per line. Minor units."""
    with localcontext() as exact:
        exact.prec = 60
        return int((amount * tax_rate / 100).to_integral_value(rounding=ROUND_HALF_UP))


def amounts(asked: Sequence[Mapping[str, Any]], freight: Money | None, currency: str, faults: Faults, at: str = "") -> Amounts:
    """The amounts of these lines; adds a fault for each line or sum that cannot be money. Freight bears no tax."""
    lines: list[Line] = []
    faults_before = len(faults.found)
    for index, item in enumerate(asked):
        discount, rate = item.get("discount_percent", Decimal(0)), item.get("tax_rate", Decimal(0))
        try:
            amount = extended_amount(item["quantity"], item["unit_price"], discount, currency)
        except AmountOutOfRange as refusal:
            faults.add(f"{at}/lines/{index}", refusal)
            amount = 0
        lines.append(
            Line(
                index + 1,
                item["description"],
                item["quantity"],
                item["unit_price"],
                discount,
                item.get("account"),
                rate,
                amount,
                tax_of(amount, rate),
            )
        )
    if freight is not None and freight.currency != currency:
        faults.add(f"{at}/freight/currency", CurrencyMismatch(f"the invoice is in {currency}, its freight in {freight.currency}"))
    lines_total, tax = sum(line.amount for line in lines), sum(line.tax for line in lines)
    freight_amount = freight.minor if freight else 0
    total = lines_total + tax + freight_amount
    if total > LARGEST_AMOUNT:
        faults.add(f"{at}/lines", AmountOutOfRange())
    elif total <= 0 and len(faults.found) == faults_before:
        faults.add(f"{at}/lines", NothingOwed())
    return Amounts(currency, lines, lines_total, freight_amount, tax, total)


def payment_state(total: int, balance: int) -> PaymentState:
    """What the open balance says of an issued invoice (C-25: derived, never set)."""
    if balance <= 0:
        return "paid"
    return "unpaid" if balance >= total else "partly_paid"


def is_overdue(balance: int, due_on: date, today: date) -> bool:
    """Whether money is owed and the due date has passed."""
    return balance > 0 and due_on < today


def settled_on(changes: Sequence[tuple[date, int]]) -> date | None:
    """The day since which the balance is zero, None where it is not. `changes`: (posting_on, amount) in any order."""
    of_day: dict[date, int] = {}
    for day, amount in changes:
        of_day[day] = of_day.get(day, 0) + amount
    balance, settled = 0, None
    for day in sorted(of_day):
        balance += of_day[day]
        if balance:
            settled = None
        elif settled is None:
            settled = day
    return settled
