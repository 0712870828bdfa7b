"""Facts that banking publishes."""

from datetime import date

import msgspec

from shared.contracts import Fact, fact


@fact("banking.bank_account.created")
class BankAccountCreated(Fact, frozen=True, kw_only=True):
    """A bank account is kept; `account` is its own control account in the chart. Subject: `ban_…`."""

    bank_account_id: str
    name: str
    account: str
    currency: str


class DepositItem(msgspec.Struct, frozen=True, kw_only=True):
    receipt_id: str
    amount: int


class DepositContent(Fact, frozen=True, kw_only=True):
    deposit_id: str
    bank_account_id: str
    account: str
    currency: str
    occurred_on: date
    posting_on: date
    total: int
    """Sum of the items; the bank gets `total` less `fee`."""
    fee: int
    fee_account: str | None
    """None stands for the role `bank_fees`."""
    items: list[DepositItem]


@fact("banking.deposit.posted")
class DepositPosted(DepositContent, frozen=True, kw_only=True):
    """Receipts were taken to the bank together. Subject: the deposit's id, `dep_…`."""

    reference: str = ""


@fact("banking.deposit.voided")
class DepositVoided(DepositContent, frozen=True, kw_only=True):
    """The deposit counts no longer: its items that had not been returned, its fee; `reverses` is the event that posted it."""

    reverses: str
    reason: str


@fact("banking.item.returned")
class ItemReturned(Fact, frozen=True, kw_only=True):
    """A receipt that was voided is taken out of its deposit again, with an entry of its own. Subject: the deposit's id."""

    deposit_id: str
    receipt_id: str
    bank_account_id: str
    account: str
    currency: str
    occurred_on: date
    posting_on: date
    amount: int
