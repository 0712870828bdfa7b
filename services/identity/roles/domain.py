"""Permissions and the roles that hold them. A permission is `<service>.<noun>.<act>`; a star stands for all below it.

Voiding is a right of its own (`billing.invoice.void`, `payments.receipt.void`, `banking.deposit.void`): who may post may
not undo.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

BUILT_IN_ROLES: dict[str, list[str]] = {
    "owner": ["*"],
    "accountant": [
        "ledger.*",
        "billing.*",
        "payments.*",
        "banking.*",
        "notifications.*",
        "identity.company.read",
        "identity.own_password.change",
    ],
    "clerk": [
        "billing.customer.*",
        "billing.terms.read",
        "billing.invoice.read",
        "billing.invoice.create",
        "billing.invoice.issue",
        "billing.report.read",
        "payments.receipt.read",
        "payments.receipt.post",
        "payments.prepayment.read",
        "payments.prepayment.apply",
        "payments.payment_type.read",
        "banking.deposit.read",
        "banking.deposit.post",
        "banking.bank_account.read",
        "banking.deposit_group.read",
        "ledger.account.read",
        "notifications.timeline.read",
        "identity.company.read",
        "identity.own_password.change",
    ],
    "viewer": [
        "billing.customer.read",
        "billing.terms.read",
        "billing.invoice.read",
        "billing.report.read",
        "payments.receipt.read",
        "payments.prepayment.read",
        "payments.payment_type.read",
        "banking.deposit.read",
        "banking.bank_account.read",
        "banking.deposit_group.read",
        "ledger.account.read",
        "ledger.entry.read",
        "ledger.report.read",
        "ledger.proof.read",
        "notifications.timeline.read",
        "identity.company.read",
        "identity.own_password.change",
    ],
}
"""Every company begins with these; they are not changed."""


def covers(held: Collection[str], wanted: str) -> bool:
    """Whether who holds these patterns may do all that `wanted`, itself perhaps a pattern, stands for."""
    if "*" in held or wanted in held:
        return True
    parts = wanted.split(".")
    return any(".".join(parts[:n]) + ".*" in held for n in range(1, len(parts)))


def beyond(held: Collection[str], wanted: Iterable[str]) -> list[str]:
    """What of `wanted` goes beyond what is held, sorted."""
    return sorted(pattern for pattern in wanted if not covers(held, pattern))


def stands_for_something(pattern: str, catalogue: Iterable[str]) -> bool:
    """Whether the pattern is a permission of the catalogue or stands for at least one."""
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return any(permission.startswith(pattern[:-1]) for permission in catalogue)
    return pattern in catalogue
