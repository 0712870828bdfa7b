"""Why a bank account, or what is asked of one, is refused."""

from __future__ import annotations

from shared.errors import Conflict, Invalid, NotFound


class BankAccountUnknown(NotFound):
    """There is no such bank account."""

    code = "bank-account-unknown"


class AccountIsNoBank(Invalid):
    """A bank account is kept on a ledger account with control `bank`; create one in the chart."""

    code = "account-not-bank"


class LedgerAccountTaken(Conflict):
    """The ledger account belongs to another bank account; each has its own, so that both balances can be compared."""

    code = "ledger-account-taken"


class BankAccountDiffers(Conflict):
    """A bank account with this id exists and is another one; take a new id."""

    code = "bank-account-differs"
