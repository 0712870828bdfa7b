"""The chart a company begins with, what may fill a role, and on which side an account grows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shared.accounts import Account
from shared.errors import Conflict, Invalid, NotFound

DEBIT_KINDS = frozenset({"asset", "expense"})

CONTROL_OF_ROLE = {"ar": "ar", "retention": "retention", "prepayments": "prepayments", "undeposited": "undeposited"}
"""Roles that only a control account of that kind can fill; every other role takes none."""

BY_CUSTOMER = ("ar", "retention", "prepayments")
"""Control accounts whose balance is also kept per customer."""


class NoSuchAccount(NotFound):
    """There is no such account in the chart."""

    code = "account-not-found"


class AccountExists(Conflict):
    """The chart has an account with this code already; codes are never given twice."""

    code = "account-exists"


class AccountFillsRole(Conflict):
    """The account fills a role of the company's settings; give the role to another account before you deactivate it."""

    code = "account-fills-role"


class NoSuchRole(NotFound):
    """There is no such role."""

    code = "role-not-found"


class RoleUnfit(Invalid):
    """The account cannot fill this role: a control account fills the role of its own kind and no other."""

    code = "role-unfit"


class RoleInUse(Conflict):
    """The role stays with its control account, because it has postings.

    A control account is proven against the documents that it sums. Were the role to move, documents of the past would
    stand in one account and those to come in another, and neither would agree with its sub-ledger.
    """

    code = "role-in-use"


@dataclass(frozen=True, slots=True)
class NewAccount:
    code: str
    name: str
    kind: str
    control: str | None = None
    role: str | None = None
    """The role that it fills from the beginning."""


DEFAULT_CHART = (
    NewAccount("1010", "Bank", "asset", "bank"),
    NewAccount("1050", "Undeposited funds", "asset", "undeposited", "undeposited"),
    NewAccount("1080", "Card and transfer clearing", "asset", "clearing"),
    NewAccount("1100", "Accounts receivable", "asset", "ar", "ar"),
    NewAccount("1150", "Retention receivable", "asset", "retention", "retention"),
    NewAccount("1300", "Inventory", "asset", "inventory"),
    NewAccount("1400", "Contract account", "asset", "contract"),
    NewAccount("2000", "Accounts payable", "liability", "ap"),
    NewAccount("2200", "Sales tax payable", "liability", None, "sales_tax"),
    NewAccount("2300", "Customer prepayments", "liability", "prepayments", "prepayments"),
    NewAccount("3000", "Owner's equity", "equity"),
    NewAccount("3900", "Opening balances", "equity", None, "opening_balance"),
    NewAccount("4000", "Sales", "revenue", None, "sales"),
    NewAccount("4100", "Freight income", "revenue", None, "freight"),
    NewAccount("4200", "Late fee income", "revenue", None, "late_fees"),
    NewAccount("4900", "Discounts given", "revenue", None, "discounts"),
    NewAccount("5000", "Cost of goods sold", "expense"),
    NewAccount("6100", "Bank fees", "expense", None, "bank_fees"),
    NewAccount("6200", "Bad debt", "expense", None, "bad_debt"),
    NewAccount("6900", "Cash over and short", "expense", None, "cash_over_short"),
)


def normal_side(kind: str) -> str:
    """The side on which an account of this kind grows."""
    return "debit" if kind in DEBIT_KINDS else "credit"


def check_role(role: str, account: Account) -> None:
    """Raises RoleUnfit where `account` cannot fill `role`."""
    wanted = CONTROL_OF_ROLE.get(role)
    if account.control != wanted:
        need = f"a control account ({wanted})" if wanted else "an account that is no control account"
        raise RoleUnfit(f"the role {role} needs {need}; {account.code} {account.name} is not", pointer="/account", role=role)
    if not account.active:
        raise RoleUnfit(f"{account.code} {account.name} is not active", pointer="/account", role=role)
