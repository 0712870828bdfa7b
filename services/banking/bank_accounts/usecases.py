"""Bank accounts: each is one ledger account with control `bank`, and its book balance is the sum of its postings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from services.banking.bank_accounts import store
from services.banking.bank_accounts.domain import AccountIsNoBank, BankAccountDiffers, BankAccountUnknown, LedgerAccountTaken
from services.banking.bank_accounts.store import BankAccount
from shared.accounts import AccountInactive, AccountUnknown, accounts, check_accounts
from shared.context import Context
from shared.contracts.banking import BankAccountCreated
from shared.errors import Faults
from shared.ids import derived_id, new_id
from shared.money import Money

DEFAULT_ACCOUNT = "1010"
"""Code of the account "Bank" in the chart that every company begins with."""


def create_bank_account(ctx: Context, wanted: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """A new bank account on a ledger account of its own, and that it is new; without `currency`, in the company's.

    The same id with the same content again answers the same account. Refuses with AccountUnknown, AccountInactive,
    AccountIsNoBank, a default fee account that no document may name, LedgerAccountTaken, BankAccountDiffers.
    """
    made = BankAccount(
        id=wanted["id"] or new_id("ban"),
        name=wanted["name"],
        account=wanted["account"],
        currency=wanted["currency"] or ctx.currency,
        masked_number=wanted["masked_number"],
        fee_account=wanted["fee_account"],
        is_default=False,
    )
    if wanted["id"] and (known := store.find(ctx.session, ctx.company_id, made.id)):
        if known != made:
            raise BankAccountDiffers(pointer="/id")
        return _shown(known), False
    with Faults() as faults:
        _check_bank(ctx, made.account, faults)
        _check_fee_account(ctx, made.fee_account, faults)
    if not store.add_bank_account(ctx.session, ctx.company_id, made):
        if wanted["id"] and store.find(ctx.session, ctx.company_id, made.id) == made:
            return _shown(made), False  # the same request, which was first at the same time
        raise LedgerAccountTaken(f"account {made.account} belongs to another bank account", pointer="/account")
    _state_created(ctx, made)
    return _shown(made), True


def open_default_bank_account(ctx: Context) -> None:
    """The company's first bank account, once both the company and account 1010 of its chart are known here."""
    made = store.add_default_bank_account(ctx.session, ctx.company_id, new_id("ban"), DEFAULT_ACCOUNT)
    if made is not None:
        _state_created(ctx, made)


def change_bank_account(ctx: Context, bank_account_id: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Changes name, masked number or default fee account; what `wanted` does not name stays. Ledger account and currency never
    change. Raises BankAccountUnknown."""
    known = _require(ctx, bank_account_id, lock=True)
    with Faults() as faults:
        _check_fee_account(ctx, wanted.get("fee_account"), faults)
    changed = replace(known, **wanted)
    store.change(ctx.session, ctx.company_id, changed)
    return _shown(changed)


def bank_account(ctx: Context, bank_account_id: str, as_of: date | None) -> dict[str, Any]:
    """The account with its book balance at the end of `as_of`, today where none is named. Raises BankAccountUnknown."""
    day = as_of or ctx.today()
    known = _require(ctx, bank_account_id)
    balance = store.book_balance(ctx.session, ctx.company_id, bank_account_id, day)
    return {**_shown(known), "as_of": day, "book_balance": Money(balance, known.currency)}


def postings(ctx: Context, bank_account_id: str, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the account's postings, each with the balance after it in the order of their days. Raises BankAccountUnknown."""
    known = _require(ctx, bank_account_id)
    page = store.postings_page(ctx.session, ctx.company_id, bank_account_id, query)
    rows = page["items"]
    items = []
    if rows:
        balance = store.balance_through(ctx.session, ctx.company_id, bank_account_id, rows[0]["posting_on"], rows[0]["id"])
        newest_first = query["sort"].startswith("-")
        previous = None
        for row in rows:
            if previous is not None:
                # towards newer rows the row itself is added; towards older ones, the row that was shown before is taken off
                balance += -previous["amount"] if newest_first else row["amount"]
            items.append(
                {
                    **row,
                    "amount": Money(row["amount"], known.currency),
                    "balance": Money(balance, known.currency),
                    "entry_id": derived_id("je", row["event_id"]),
                }
            )
            previous = row
    return {"items": items, "next_cursor": page["next_cursor"]}


def _require(ctx: Context, bank_account_id: str, *, lock: bool = False) -> BankAccount:
    found = store.find(ctx.session, ctx.company_id, bank_account_id, lock=lock)
    if found is None:
        raise BankAccountUnknown(bank_account_id=bank_account_id)
    return found


def _check_bank(ctx: Context, code: str, faults: Faults) -> None:
    found = accounts(ctx, [code]).get(code)
    if found is None:
        faults.add("/account", AccountUnknown(f"there is no account {code} in the chart", account=code))
    elif found.control != "bank":
        faults.add("/account", AccountIsNoBank(f"{code} {found.name} has no control `bank`", account=code))
    elif not found.active:
        faults.add("/account", AccountInactive(f"{code} {found.name} is not active", account=code))


def _check_fee_account(ctx: Context, code: str | None, faults: Faults) -> None:
    if code is not None:
        check_accounts(ctx, [("/fee_account", code)], faults)


def _state_created(ctx: Context, made: BankAccount) -> None:
    fact = BankAccountCreated(bank_account_id=made.id, name=made.name, account=made.account, currency=made.currency)
    ctx.state(fact, subject=made.id)


def _shown(known: BankAccount) -> dict[str, Any]:
    return {
        "id": known.id,
        "name": known.name,
        "account": known.account,
        "currency": known.currency,
        "masked_number": known.masked_number,
        "fee_account": known.fee_account,
        "is_default": known.is_default,
    }
