"""Deposits: receipts are taken to the bank together, voided as a whole, or returned one by one when a receipt is voided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.banking.bank_accounts import store as bank_accounts
from services.banking.bank_accounts.domain import BankAccountUnknown
from services.banking.bank_accounts.store import BankAccount
from services.banking.deposits import store
from services.banking.deposits.domain import (
    RECEIPTS_AT_MOST,
    DepositAlreadyVoided,
    DepositDiffers,
    DepositUnknown,
    NewDeposit,
    NothingLeftToVoid,
    NothingWaits,
    WantedDeposit,
    check_amounts,
    check_choice,
    check_fee_currency,
    check_void_day,
    return_day,
)
from services.banking.receipts import store as receipts
from services.banking.receipts.domain import Findings, Receipt, check_receipts
from shared.accounts import Account, AccountInactive, accounts, check_account
from shared.context import Context
from shared.contracts import Event
from shared.contracts.banking import DepositItem, DepositPosted, DepositVoided, ItemReturned
from shared.db import planned_for_values
from shared.errors import Faults
from shared.ids import derived_id, new_id
from shared.money import Money
from shared.periods import require_open


@dataclass(frozen=True, slots=True)
class Books:
    """What deposits are judged by besides their receipts: the company's bank accounts and the ledger accounts they name."""

    banks: Mapping[str, BankAccount]
    accounts: Mapping[str, Account]

    def bank(self, bank_account_id: str | None) -> BankAccount | None:
        """The named bank account; the company's default where none is named."""
        if bank_account_id is not None:
            return self.banks.get(bank_account_id)
        return next((bank for bank in self.banks.values() if bank.is_default), None)


def post_deposit(ctx: Context, wanted: WantedDeposit, deposit_id: str | None = None) -> tuple[dict[str, Any], bool]:
    """Takes receipts to the bank together: the named ones, or all of a deposit group that wait (the oldest 500).

    Locks the receipts in the order of their ids, so each is in one live deposit at most. The same id with the same content again
    answers the same deposit, and that it is not new. Refuses all faults at once; where the only fault is that another deposit has
    receipts of this one, raises ReceiptsTaken. Raises DepositDiffers.
    """
    known_content = store.content_of(ctx.session, ctx.company_id, deposit_id) if deposit_id else None
    if deposit_id and known_content is not None:
        if known_content != wanted.content():
            raise DepositDiffers(pointer="/id")
        return deposit(ctx, deposit_id), False
    findings = Findings()
    books = books_of(ctx, [wanted])
    bank = check_bank(books, wanted, "", findings.faults)
    require_open(ctx, wanted.posting_on, "/posting_on", findings.faults)
    check_choice(wanted, findings.faults)
    receipt_ids = wanted.receipt_ids or _of_group(ctx, wanted, bank)
    known = receipts.lock_receipts(ctx.session, ctx.company_id, receipt_ids)
    if wanted.deposit_group is not None:
        # who asks for all that wait does not mind that another deposit was faster with some of them
        receipt_ids = tuple(one for one in receipt_ids if known[one].waits)
        if bank is not None and not receipt_ids:
            findings.faults.add("/deposit_group", NothingWaits(deposit_group=wanted.deposit_group))
    made = prepare(books, wanted, receipt_ids, known, deposit_id or new_id("dep"), "", findings)
    findings.refuse()
    assert made is not None
    add_deposits(ctx, [made])
    return deposit(ctx, made.id), True


def books_of(ctx: Context, deposits: Iterable[WantedDeposit]) -> Books:
    """Two queries, whatever the number of deposits."""
    banks = bank_accounts.of_company(ctx.session, ctx.company_id)
    codes = {bank.account for bank in banks.values()}
    codes |= {bank.fee_account for bank in banks.values() if bank.fee_account is not None}
    codes |= {wanted.fee_account for wanted in deposits if wanted.fee_account is not None}
    return Books(banks, accounts(ctx, codes))


def check_bank(books: Books, wanted: WantedDeposit, pointer: str, faults: Faults) -> BankAccount | None:
    """The deposit's bank account; a fault where there is none or its ledger account takes no new documents."""
    bank = books.bank(wanted.bank_account_id)
    if bank is None:
        faults.add(f"{pointer}/bank_account_id", BankAccountUnknown(bank_account_id=wanted.bank_account_id))
    elif not books.accounts[bank.account].active:
        faults.add(
            f"{pointer}/bank_account_id", AccountInactive(f"{bank.account} {bank.name} is not active", account=bank.account)
        )
    return bank


def prepare(
    books: Books,
    wanted: WantedDeposit,
    receipt_ids: Sequence[str],
    known: Mapping[str, Receipt],
    deposit_id: str,
    pointer: str,
    findings: Findings,
) -> NewDeposit | None:
    """The deposit ready to be written, where nothing is found wrong; None where its bank account is unknown."""
    bank = books.bank(wanted.bank_account_id)
    currency = bank.currency if bank else None
    fit = check_receipts(receipt_ids, known, currency, wanted.posting_on, f"{pointer}/receipt_ids", findings)
    fee_account = wanted.fee_account or (bank.fee_account if bank and wanted.fee else None)
    if fee_account is not None:
        check_account(books.accounts.get(fee_account), fee_account, f"{pointer}/fee_account", findings.faults)
    if bank is None:
        return None
    check_fee_currency(wanted.fee, bank.currency, pointer, findings.faults)
    if len(fit) == len(receipt_ids):
        check_amounts(fit, bank.currency, wanted.fee, pointer, findings.faults)
    return NewDeposit(
        id=deposit_id,
        bank_account_id=bank.id,
        account=bank.account,
        currency=bank.currency,
        posting_on=wanted.posting_on,
        receipts=sorted(fit, key=lambda receipt: receipt.id),
        fee=wanted.fee.minor if wanted.fee else 0,
        fee_account=fee_account,
        reference=wanted.reference,
        notes=wanted.notes,
        content=wanted.content(),
    )


def add_deposits(ctx: Context, deposits: Sequence[NewDeposit]) -> None:
    """Writes deposits that were found good, and states each."""
    store.add_deposits(ctx.session, ctx.company_id, ctx.actor, [(made, _state_posted(ctx, made)) for made in deposits])


def void_deposit(ctx: Context, deposit_id: str, voided_on: date | None, reason: str) -> dict[str, Any]:
    """The deposit counts no longer and its receipts wait again, save those that were returned. Dated today where no day is named.

    Raises DepositUnknown, DepositAlreadyVoided, NothingLeftToVoid; refuses a day before the deposit or in a closed period.
    """
    found = store.head(ctx.session, ctx.company_id, deposit_id)
    if found is None:
        raise DepositUnknown(deposit_id=deposit_id)
    if found.voided:
        raise DepositAlreadyVoided(deposit_id=deposit_id)
    day = voided_on or ctx.today()
    with Faults() as faults:
        check_void_day(found.posting_on, day, faults)
        require_open(ctx, day, "/voided_on", faults)
    if not store.add_void(ctx.session, ctx.company_id, deposit_id, day, reason, ctx.actor):
        raise DepositAlreadyVoided(deposit_id=deposit_id)
    waits_from = day if day > found.posting_on else None
    items = store.release_receipts(ctx.session, ctx.company_id, deposit_id, waits_from)
    if not items and not found.fee:
        raise NothingLeftToVoid(deposit_id=deposit_id)
    total = sum(amount for _, amount in items)
    event_id = ctx.state(
        DepositVoided(
            deposit_id=found.id,
            bank_account_id=found.bank_account_id,
            account=found.account,
            currency=found.currency,
            occurred_on=day,
            posting_on=day,
            total=total,
            fee=found.fee,
            fee_account=found.fee_account,
            items=[DepositItem(receipt_id=receipt_id, amount=amount) for receipt_id, amount in items],
            reverses=found.event_id,
            reason=reason,
        ),
        subject=found.id,
    )
    store.add_void_posting(ctx.session, ctx.company_id, found, day, found.fee - total, event_id)
    return deposit(ctx, deposit_id)


def return_voided_receipts(ctx: Context, events: Sequence[Event]) -> None:
    """Receipts were voided: those that wait are gone; those in a live deposit are taken out of it again, each once, as a returned
    item dated not before the void, not before the deposit, and in no closed period.

    A deposit that is under way with such a receipt has its lock: this waits, and then takes the receipt out.
    """
    voids = {(event.company_id, event.data.receipt_id): event for event in events}
    with planned_for_values(ctx.session):
        places = store.lock_places(ctx.session, list(voids))
    if not places:
        return
    in_deposits = [place for place in places if place.deposit is not None]
    if in_deposits:
        open_days = store.first_open_days(ctx.session, [place.company_id for place in in_deposits])
        rows = []
        for place in in_deposits:
            event = voids[place.company_id, place.receipt_id]
            fact = _returned(place, event, open_days.get(place.company_id, date.min))
            rows.append((place, fact, ctx.reacting_to(event).state(fact, subject=fact.deposit_id)))
        store.add_returns(ctx.session, rows)
    with planned_for_values(ctx.session):
        store.mark_voided(ctx.session, places)


def deposit(ctx: Context, deposit_id: str) -> dict[str, Any]:
    """The deposit with its items, what was returned of it, and its void. Raises DepositUnknown."""
    row = store.shown(ctx.session, ctx.company_id, deposit_id)
    if row is None:
        raise DepositUnknown(deposit_id=deposit_id)
    currency = row.currency
    items = [_item_shown(item, currency) for item in store.items_shown(ctx.session, ctx.company_id, deposit_id)]
    return {
        **row._mapping,
        "state": "voided" if row.voided_on else "posted",
        "total": Money(row.total, currency),
        "fee": Money(row.fee, currency),
        "net": Money(row.total - row.fee, currency),
        "returned": Money(sum(item["amount"].minor for item in items if item["returned"]), currency),
        "entry_id": derived_id("je", row.event_id),
        "void": None
        if row.voided_on is None
        else {
            "voided_on": row.voided_on,
            "reason": row.void_reason,
            "created_by": row.voided_by,
            "event_id": row.void_event_id,
            "entry_id": derived_id("je", row.void_event_id),
        },
        "items": items,
    }


def deposits(ctx: Context, query: Mapping[str, Any]) -> dict[str, Any]:
    """A page of deposits."""
    page = store.page(ctx.session, ctx.company_id, query)
    return {"items": [_listed(row) for row in page["items"]], "next_cursor": page["next_cursor"]}


def _of_group(ctx: Context, wanted: WantedDeposit, bank: BankAccount | None) -> tuple[str, ...]:
    if bank is None or wanted.deposit_group is None:
        return ()
    through = wanted.received_through or wanted.posting_on
    found = receipts.waiting_of_group(
        ctx.session, ctx.company_id, wanted.deposit_group, bank.currency, wanted.posting_on, through, RECEIPTS_AT_MOST
    )
    return tuple(found)


def _state_posted(ctx: Context, made: NewDeposit) -> str:
    fact = DepositPosted(
        deposit_id=made.id,
        bank_account_id=made.bank_account_id,
        account=made.account,
        currency=made.currency,
        occurred_on=made.posting_on,
        posting_on=made.posting_on,
        total=made.total,
        fee=made.fee,
        fee_account=made.fee_account,
        items=[DepositItem(receipt_id=receipt.id, amount=receipt.amount) for receipt in made.receipts],
        reference=made.reference,
    )
    return ctx.state(fact, subject=made.id)


def _returned(place: store.VoidedPlace, event: Event, first_open: date) -> ItemReturned:
    lies_in = place.deposit
    assert lies_in is not None
    return ItemReturned(
        deposit_id=lies_in.id,
        receipt_id=place.receipt_id,
        bank_account_id=lies_in.bank_account_id,
        account=lies_in.account,
        currency=lies_in.currency,
        occurred_on=max(event.data.occurred_on, lies_in.posting_on),
        posting_on=return_day(event.data.posting_on, lies_in.posting_on, first_open),
        amount=place.amount,
    )


def _item_shown(item: Any, currency: str) -> dict[str, Any]:
    returned = None
    if item.return_event_id is not None:
        returned = {
            "occurred_on": item.returned_on,
            "posting_on": item.return_posting_on,
            "event_id": item.return_event_id,
            "entry_id": derived_id("je", item.return_event_id),
        }
    return {
        **item._mapping,
        "amount": Money(item.amount, currency),
        "entry_id": derived_id("je", item.event_id),
        "returned": returned,
    }


def _listed(row: Mapping[str, Any]) -> dict[str, Any]:
    currency = row["currency"]
    return {
        **row,
        "state": "voided" if row["voided"] else "posted",
        "total": Money(row["total"], currency),
        "fee": Money(row["fee"], currency),
        "net": Money(row["total"] - row["fee"], currency),
        "returned": Money(row["returned"], currency),
        "entry_id": derived_id("je", row["event_id"]),
    }
