"""Reports of the general ledger: trial balance as of any date, an account's balance, its postings with running balance."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import msgspec

from services.ledger.accounts.domain import NoSuchAccount, normal_side
from services.ledger.accounts.store import account
from services.ledger.reports import store
from services.ledger.reports.store import Place, Selection
from services.ledger.wire import document_link, entry_id, event_link, wire_money
from shared.context import Context
from shared.http.paging import CursorUnusable

BEGINNING = date(1900, 1, 1)


def trial_balance(ctx: Context, as_of: date | None) -> dict[str, Any]:
    """Every account's debits, credits and balance at the end of `as_of` (today by default), and the totals per currency.

    A balance is a debit or a credit; the totals of both columns are equal, whatever the date.
    """
    day = as_of or ctx.today()
    items: list[dict[str, Any]] = []
    totals: dict[str, list[int]] = {}
    for row in store.trial_balance(ctx.session, ctx.company_id, day):
        items.append({"code": row.code, "name": row.name, "kind": row.kind, "control": row.control, **_standing(row)})
        of_currency = totals.setdefault(row.currency, [0, 0, 0, 0])
        net = row.debit - row.credit
        for place, value in enumerate((row.debit, row.credit, max(net, 0), max(-net, 0))):
            of_currency[place] += value
    return {
        "as_of": day,
        "items": items,
        "totals": [
            {
                "currency": currency,
                "debits": wire_money(debits, currency),
                "credits": wire_money(credits, currency),
                "debit_balances": wire_money(debit_balances, currency),
                "credit_balances": wire_money(credit_balances, currency),
            }
            for currency, (debits, credits, debit_balances, credit_balances) in sorted(totals.items())
        ],
    }


def _standing(row: Any) -> dict[str, Any]:
    net = row.debit - row.credit
    return {
        "currency": row.currency,
        "debits": wire_money(row.debit, row.currency),
        "credits": wire_money(row.credit, row.currency),
        "side": "debit" if net > 0 else "credit" if net < 0 else None,
        "balance": wire_money(abs(net), row.currency),
    }


def get_account(ctx: Context, code: str, as_of: date | None) -> dict[str, Any]:
    """An account and its balance per currency at the end of `as_of`, today by default. Raises NoSuchAccount."""
    found, day = account(ctx.session, ctx.company_id, code), as_of or ctx.today()
    if found is None:
        raise NoSuchAccount(f"there is no account {code} in the chart", account=code)
    return {
        "code": found.code,
        "name": found.name,
        "kind": found.kind,
        "normal_side": normal_side(found.kind),
        "control": found.control,
        "active": found.active,
        "as_of": day,
        "balances": [_standing(row) for row in store.balances(ctx.session, ctx.company_id, code, day)],
    }


def account_postings(ctx: Context, code: str, query: dict[str, Any]) -> dict[str, Any]:
    """A page of an account's postings in one currency, by date, with the balance before the first and after each.

    The running balance is of what is shown: with a customer or document named, of that customer's or document's postings.
    It is signed to the account's normal side. Raises NoSuchAccount, CursorUnusable.
    """
    found = account(ctx.session, ctx.company_id, code)
    if found is None:
        raise NoSuchAccount(f"there is no account {code} in the chart", account=code)
    currency = query.get("currency") or ctx.currency
    chosen = Selection(
        ctx.company_id, code, currency, query.get("from_"), query.get("to"), query.get("customer_id"), query.get("document_id")
    )
    after = _opened(query["cursor"]) if query.get("cursor") else None
    rows = store.postings(ctx.session, chosen, after, query["limit"] + 1)
    day = after.posting_on if after else chosen.from_ or BEGINNING
    sign = 1 if normal_side(found.kind) == "debit" else -1
    running = opening = sign * store.balance_before(ctx.session, chosen, day, after)
    items = []
    for row in rows[: query["limit"]]:
        running += sign * (row.amount if row.side == "debit" else -row.amount)
        items.append(
            {
                **row._mapping,
                "amount": wire_money(row.amount, currency),
                "balance": wire_money(running, currency),
                "entry_id": entry_id(row.event_id),
                "document_link": document_link(row.document_id),
                "event_link": event_link(row.producer, row.subject),
            }
        )
    more = len(rows) > query["limit"]
    return {
        "account": code,
        "currency": currency,
        "opening_balance": wire_money(opening, currency),
        "items": items,
        "next_cursor": _closed(rows[query["limit"] - 1]) if more else None,
    }


def _closed(row: Any) -> str:
    place = msgspec.json.encode([row.posting_on, row.entry_number, row.line])
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def _opened(cursor: str) -> Place:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return Place(*msgspec.json.decode(raw, type=tuple[date, int, int]))
    except (ValueError, msgspec.DecodeError):
        raise CursorUnusable(pointer="/cursor") from None
