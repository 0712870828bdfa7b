"""What kinds of payment there are, and where their money goes until it is in the bank."""

from __future__ import annotations

from dataclasses import dataclass

from shared.accounts import Account, AccountInactive, AccountUnknown
from shared.errors import Conflict, Faults, Invalid, NotFound
from shared.ids import new_id

CLEARING_ACCOUNT = "1080"
"""Card and transfer clearing in the ledger's default chart."""


class PaymentTypeUnknown(Invalid):
    """There is no such payment type; look at the list of payment types."""

    code = "payment-type-unknown"


class NoSuchPaymentType(NotFound):
    """There is no payment type with this id."""

    code = "payment-type-not-found"


class PaymentTypeInactive(Invalid):
    """The payment type is not active; choose another."""

    code = "payment-type-inactive"


class PaymentTypeNameTaken(Conflict):
    """Another payment type has this name."""

    code = "payment-type-name-taken"


class ClearingAccountNeeded(Invalid):
    """Money that needs no deposit waits on a clearing account; name an account whose control is `clearing`."""

    code = "clearing-account-needed"


class DepositGroupMisplaced(Invalid):
    """A payment type names a deposit group when its money needs a deposit, and only then."""

    code = "deposit-group-misplaced"


class CashAccountMisplaced(Invalid):
    """Money that needs a deposit waits in undeposited funds; leave the cash account out."""

    code = "cash-account-misplaced"


class ChangedMeanwhile(Conflict):
    """Somebody changed this since you read it; read it again and send your change with its version."""

    code = "changed-meanwhile"


@dataclass(frozen=True, slots=True)
class PaymentType:
    """`cash_account` None: undeposited funds. A type needs a deposit, or it has a clearing account."""

    id: str
    name: str
    needs_deposit: bool
    cash_account: str | None
    allows_cash_account_override: bool = False
    deposit_group: str | None = None
    needs_check_number: bool = False
    active: bool = True


def default_types() -> list[PaymentType]:
    """What every company begins with (F-SET-06): paper goes to the bank in deposits, the rest clears by itself."""
    return [
        PaymentType(new_id("pty"), "Check", True, None, deposit_group="Checks", needs_check_number=True),
        PaymentType(new_id("pty"), "Cash", True, None, deposit_group="Cash"),
        PaymentType(new_id("pty"), "Wire", False, CLEARING_ACCOUNT),
        PaymentType(new_id("pty"), "ACH", False, CLEARING_ACCOUNT),
        PaymentType(new_id("pty"), "Card", False, CLEARING_ACCOUNT),
    ]


def check_payment_type(asked: PaymentType, account: Account | None, faults: Faults) -> None:
    """Adds a fault for each thing that does not fit together. `account` is what the chart has under `cash_account`."""
    if asked.needs_deposit:
        if asked.cash_account is not None:
            faults.add("/cash_account", CashAccountMisplaced())
        if asked.deposit_group is None:
            faults.add("/deposit_group", DepositGroupMisplaced("name the deposit group that its receipts are collected in"))
        if asked.allows_cash_account_override:
            faults.add(
                "/allows_cash_account_override", CashAccountMisplaced("money that needs a deposit has no other cash account")
            )
        return
    if asked.deposit_group is not None:
        faults.add("/deposit_group", DepositGroupMisplaced("leave it out: money of this type needs no deposit"))
    check_clearing_account(asked.cash_account, account, "/cash_account", faults)


def check_clearing_account(code: str | None, account: Account | None, pointer: str, faults: Faults) -> None:
    """Adds a fault where this is no active clearing account."""
    if code is None:
        faults.add(pointer, ClearingAccountNeeded())
    elif account is None:
        faults.add(pointer, AccountUnknown(f"there is no account {code} in the chart", account=code))
    elif account.control != "clearing":
        faults.add(pointer, ClearingAccountNeeded(f"{code} {account.name} is no clearing account", account=code))
    elif not account.active:
        faults.add(pointer, AccountInactive(f"{code} {account.name} is not active", account=code))
