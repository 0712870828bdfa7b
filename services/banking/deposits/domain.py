"""What makes a deposit good, and what its void and its returned items come to. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

import msgspec

from services.banking.receipts.domain import Receipt
from shared.errors import Conflict, Faults, Invalid, NotFound
from shared.money import LARGEST_AMOUNT, AmountOutOfRange, CurrencyMismatch, Money

RECEIPTS_AT_MOST = 500
"""Receipts in one deposit; the bank's slip has as many, and an event stays well below a page."""


class DepositUnknown(NotFound):
    """There is no such deposit."""

    code = "deposit-unknown"


class ReceiptsOrGroup(Invalid):
    """A deposit names its receipts or a deposit group, one of the two."""

    code = "receipts-or-group"


class NothingWaits(Invalid):
    """No receipt of this deposit group waits in the bank account's currency up to that day."""

    code = "nothing-waits"


class FeeAboveTotal(Invalid):
    """The bank cannot keep more than was deposited; the fee is at most the deposit's total."""

    code = "fee-above-total"


class DepositDiffers(Conflict):
    """A deposit with this id exists and has another content; take a new id for a new deposit."""

    code = "deposit-differs"


class DepositAlreadyVoided(Conflict):
    """The deposit was voided before; a voided deposit cannot be voided again."""

    code = "deposit-already-voided"
    rule = "BR-AR-C5"


class NothingLeftToVoid(Conflict):
    """Every item of the deposit was returned and it had no fee, so a void would change nothing."""

    code = "nothing-left-to-void"


class VoidBeforeDeposit(Invalid):
    """A void is never dated before its document."""

    code = "void-before-document"


@dataclass(frozen=True, slots=True)
class WantedDeposit:
    """A deposit as it is asked for; either `receipt_ids` or `deposit_group` (with `received_through`) says what is in it."""

    bank_account_id: str | None
    posting_on: date
    receipt_ids: tuple[str, ...] = ()
    deposit_group: str | None = None
    received_through: date | None = None
    fee: Money | None = None
    fee_account: str | None = None
    reference: str = ""
    notes: str = ""

    def content(self) -> bytes:
        """A digest of all that was asked for; the order of receipts does not count."""
        asked = asdict(self) | {"receipt_ids": sorted(self.receipt_ids)}
        return hashlib.sha256(msgspec.json.encode(asked)).digest()


@dataclass(frozen=True, slots=True)
class NewDeposit:
    """A deposit that was found good, ready to be written."""

    id: str
    bank_account_id: str
    account: str
    currency: str
    posting_on: date
    receipts: Sequence[Receipt]
    fee: int
    fee_account: str | None
    reference: str
    notes: str
    content: bytes

    @property
    def total(self) -> int:
        return sum(receipt.amount for receipt in self.receipts)

    @property
    def net(self) -> int:
        """What the bank gets."""
        return self.total - self.fee


def check_choice(wanted: WantedDeposit, faults: Faults) -> None:
    """What is in the deposit is said in one of two ways."""
    if bool(wanted.receipt_ids) == (wanted.deposit_group is not None):
        faults.add("/receipt_ids", ReceiptsOrGroup())
    elif wanted.received_through is not None and wanted.deposit_group is None:
        faults.add("/received_through", ReceiptsOrGroup("received_through goes with a deposit group"))


def check_amounts(receipts: Sequence[Receipt], currency: str, fee: Money | None, pointer: str, faults: Faults) -> None:
    """The fee is in the account's currency and within the total; call it once every receipt is known to fit."""
    total = sum(receipt.amount for receipt in receipts)
    if total > LARGEST_AMOUNT:
        faults.add(
            f"{pointer}/receipt_ids",
            AmountOutOfRange("the total of a deposit exceeds 2^53 - 1 minor units; split it", total=total),
        )
    elif fee is not None and fee.currency == currency and fee.minor > total:
        faults.add(
            f"{pointer}/fee/amount", FeeAboveTotal(f"the fee is {fee}, the deposit's total {Money(total, currency)}", total=total)
        )


def check_fee_currency(fee: Money | None, currency: str, pointer: str, faults: Faults) -> None:
    if fee is not None and fee.currency != currency:
        faults.add(f"{pointer}/fee/currency", CurrencyMismatch(f"the bank account is in {currency}, the fee in {fee.currency}"))


def check_void_day(deposited_on: date, voided_on: date, faults: Faults) -> None:
    if voided_on < deposited_on:
        faults.add("/voided_on", VoidBeforeDeposit(f"the deposit is dated {deposited_on}; date the void on that day or later"))


def return_day(voided_on: date, deposited_on: date, first_open: date) -> date:
    """The day a returned item posts on: not before the void, not before the deposit, in no closed period."""
    return max(voided_on, deposited_on, first_open)
