"""Facts that the ledger publishes."""

from datetime import date
from typing import Literal

import msgspec

from shared.contracts import Fact, fact

AccountKind = Literal["asset", "liability", "equity", "revenue", "expense"]

ROLES = (
    "ar",
    "retention",
    "prepayments",
    "undeposited",
    "bank_fees",
    "sales",
    "freight",
    "sales_tax",
    "discounts",
    "cash_over_short",
    "bad_debt",
    "late_fees",
    "opening_balance",
)
"""Purposes that a company's settings map to accounts; posting rules name these, never a code."""

CONTROLS = (
    "ar",
    "retention",
    "prepayments",
    "undeposited",
    "clearing",
    "bank",
    "ap",
    "contract",
    "inventory",
)
"""Kinds of control account: they take postings only from the rules that name them."""


class AccountState(Fact, frozen=True, kw_only=True):
    code: str
    name: str
    kind: AccountKind
    control: str | None
    active: bool


@fact("ledger.account.created")
class AccountCreated(AccountState, frozen=True, kw_only=True):
    """An account is in the company's chart. Subject: `acc_<code>`."""


@fact("ledger.account.changed")
class AccountChanged(AccountState, frozen=True, kw_only=True):
    """The account's name or activity is another; inactive stops its choice in new documents only."""


@fact("ledger.role.assigned")
class RoleAssigned(Fact, frozen=True, kw_only=True):
    """The role is filled by this account from now on."""

    role: str
    account: str


class EntryLine(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    side: Literal["debit", "credit"]
    amount: int
    memo: str = ""


@fact("ledger.manual_entry.posted")
class ManualEntryPosted(Fact, frozen=True, kw_only=True):
    """A person's own journal entry. Subject: `man_…`."""

    manual_entry_id: str
    currency: str
    description: str
    occurred_on: date
    posting_on: date
    lines: list[EntryLine]


@fact("ledger.manual_entry.reversed")
class ManualEntryReversed(Fact, frozen=True, kw_only=True):
    """A manual entry is mirrored by a new one; `reverses` is the event of the first, `lines` are already mirrored."""

    manual_entry_id: str
    currency: str
    reason: str
    occurred_on: date
    posting_on: date
    reverses: str
    lines: list[EntryLine]


@fact("ledger.period.closing")
class PeriodClosing(Fact, frozen=True, kw_only=True):
    """Everybody is asked to stop posting on or before `through`. Subject: `pcl_…`."""

    close_id: str
    through: date


@fact("ledger.period.closed")
class PeriodClosed(Fact, frozen=True, kw_only=True):
    """Nothing more is posted on or before `through`."""

    close_id: str
    through: date


@fact("ledger.period.close_cancelled")
class PeriodCloseCancelled(Fact, frozen=True, kw_only=True):
    """The closing was cancelled or expired: posting goes on as before it was asked for."""

    close_id: str
    through: date
    reason: str
