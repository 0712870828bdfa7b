"""Ledger accounts that a document names: known, active, and no control account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.context import Context
from shared.errors import Faults, Invalid


class AccountUnknown(Invalid):
    """There is no such account in the chart; create it in the ledger or name another."""

    code = "account-unknown"


class AccountInactive(Invalid):
    """The account is not active; choose another for a new document."""

    code = "account-inactive"


class AccountControlled(Invalid):
    """A control account takes postings only from the documents that it sums; choose another account."""

    code = "control-account"


@dataclass(frozen=True, slots=True)
class Account:
    code: str
    name: str
    kind: str
    control: str | None
    active: bool


def accounts(ctx: Context, codes: Iterable[str]) -> dict[str, Account]:
    """This service's copy of those accounts, by code."""
    rows = ctx.session.exec_driver_sql(
        "select code, name, kind, control, active from copies.account where company_id = %s and code = any(%s)",
        (ctx.company_id, sorted(set(codes))),
    )
    return {row.code: Account(*row) for row in rows}


def check_accounts(ctx: Context, named: Iterable[tuple[str, str]], faults: Faults) -> None:
    """Adds a fault for each (pointer, code) that a document's line cannot post to. One query for all."""
    pairs = list(named)
    known = accounts(ctx, (code for _, code in pairs)) if pairs else {}
    for pointer, code in pairs:
        check_account(known.get(code), code, pointer, faults)


def check_account(account: Account | None, code: str, pointer: str, faults: Faults) -> None:
    """Adds a fault where a line of a document cannot post to this account."""
    if account is None:
        faults.add(pointer, AccountUnknown(f"there is no account {code} in the chart", account=code))
    elif account.control:
        faults.add(pointer, AccountControlled(f"{code} {account.name} is a control account ({account.control})", account=code))
    elif not account.active:
        faults.add(pointer, AccountInactive(f"{code} {account.name} is not active", account=code))
