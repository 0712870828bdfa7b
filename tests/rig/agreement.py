"""What the ledger and the owners of the documents must agree on once all is taken in (E1 to E4, E6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tests.rig.breach import Breach
from tests.rig.money import REMAINING
from tests.rig.reading import Reading

Figures = dict[tuple[int, str, str], int]
"""Company, what it is of, currency -> minor units, debits above zero, without zeros."""

SIGNED = "sum(case p.side when 'debit' then p.amount else -p.amount end)::bigint"

CONTROL = f"""
select p.company_id, {{key}} as key, p.currency, {SIGNED} as amount
from posting p join account a on a.company_id = p.company_id and a.code = p.account and a.control = any(%(controls)s)
join journal_entry e on e.company_id = p.company_id and e.number = p.entry_number group by 1, 2, 3
"""

AR_BY_CUSTOMER = """
select company_id, customer_id as key, currency, sum(amount)::bigint as amount from ar_posting group by 1, 2, 3
"""
AR_BY_INVOICE = """
select company_id, invoice_id as key, currency, sum(amount)::bigint as amount from ar_posting group by 1, 2, 3
"""
PREPAYMENTS_BY_CUSTOMER = f"""
select company_id, customer_id as key, currency, -sum(amount)::bigint as amount from ({REMAINING}) r group by 1, 2, 3
"""
PREPAYMENTS_BY_ID = f"select company_id, id as key, currency, -amount as amount from ({REMAINING}) r"

TO_BE_BANKED = """
select r.company_id, r.id as key, r.currency, r.amount
from receipt r left join receipt_void v on v.company_id = r.company_id and v.receipt_id = r.id
where r.needs_deposit and v.receipt_id is null
"""
LIVE_ITEMS = """
select i.company_id, i.receipt_id as key, d.currency, i.amount
from deposit_item i join deposit d on d.company_id = i.company_id and d.id = i.deposit_id
left join deposit_void v on v.company_id = d.company_id and v.deposit_id = d.id
left join bank_posting returned on returned.company_id = i.company_id and returned.deposit_id = i.deposit_id
    and returned.receipt_id = i.receipt_id and returned.kind = 'item_returned'
where v.deposit_id is null and returned.id is null
"""
BOOK_BALANCES = """
select p.company_id, b.account as key, b.currency, sum(p.amount)::bigint as amount
from bank_posting p join bank_account b on b.company_id = p.company_id and b.id = p.bank_account_id group by 1, 2, 3
"""

TAX_POSTED = f"""
with tax as materialized (
    select distinct company_id, body::jsonb -> 'data' ->> 'account' as account from event
    where type = 'ledger.role.assigned' and body::jsonb -> 'data' ->> 'role' = 'sales_tax')
select p.company_id, e.document_id as key, p.currency, {SIGNED} as amount
from tax join posting p on p.company_id = tax.company_id and p.account = tax.account
join journal_entry e on e.company_id = p.company_id and e.number = p.entry_number
where e.kind in ('invoice issued', 'invoice voided') group by 1, 2, 3
"""
TAX_CHARGED = """
select i.company_id, i.id as key, i.currency, -i.tax as amount
from invoice i left join invoice_void v on v.company_id = i.company_id and v.invoice_id = i.id
where i.number is not null and v.invoice_id is null
"""


def receivables(reading: Reading) -> Iterator[Breach]:
    """E1: accounts receivable are what billing's sub-ledger says, per customer and per invoice."""
    by_customer = _posted(reading, "p.customer_id", "ar", "retention")
    yield from _unlike("E1", "customer", by_customer, _figures(reading, "billing", AR_BY_CUSTOMER), "billing")
    by_invoice = _posted(reading, "coalesce(p.document_id, e.document_id)", "ar", "retention")
    yield from _unlike("E1", "invoice", by_invoice, _figures(reading, "billing", AR_BY_INVOICE), "billing")


def prepayments(reading: Reading) -> Iterator[Breach]:
    """E2: customer prepayments are what payments holds unapplied, per customer and per prepayment."""
    by_customer = _posted(reading, "p.customer_id", "prepayments")
    yield from _unlike("E2", "customer", by_customer, _figures(reading, "payments", PREPAYMENTS_BY_CUSTOMER), "payments")
    by_prepayment = _posted(reading, "coalesce(p.document_id, e.document_id)", "prepayments")
    yield from _unlike("E2", "prepayment", by_prepayment, _figures(reading, "payments", PREPAYMENTS_BY_ID), "payments")


def undeposited(reading: Reading) -> Iterator[Breach]:
    """E3: undeposited funds are the receipts that need a deposit and are in none that is live, one by one."""
    waiting = _figures(reading, "payments", TO_BE_BANKED)
    for key, amount in _figures(reading, "banking", LIVE_ITEMS).items():
        waiting[key] = waiting.get(key, 0) - amount
    posted = _posted(reading, "coalesce(p.document_id, e.document_id)", "undeposited")
    yield from _unlike("E3", "receipt", posted, waiting, "payments less banking")


def banks(reading: Reading) -> Iterator[Breach]:
    """E4: each bank's ledger account is banking's book balance."""
    yield from _unlike(
        "E4", "bank account", _posted(reading, "p.account", "bank"), _figures(reading, "banking", BOOK_BALANCES), "banking"
    )


def sales_tax(reading: Reading) -> Iterator[Breach]:
    """E6: sales tax payable is the tax of what is issued, invoice by invoice. Nothing is remitted yet."""
    yield from _unlike(
        "E6", "invoice", _figures(reading, "ledger", TAX_POSTED), _figures(reading, "billing", TAX_CHARGED), "billing"
    )


def _posted(reading: Reading, key: str, *controls: str) -> Figures:
    return _figures(reading, "ledger", CONTROL.format(key=key), controls=list(controls))


def _figures(reading: Reading, service: str, query: str, **values: Any) -> Figures:
    result: Figures = {}
    for row in reading.rows(service, query, **values):
        key = (row.company_id, row.key or "nobody", row.currency)
        result[key] = result.get(key, 0) + row.amount
    return result


def _unlike(rule: str, noun: str, ledger: Figures, owner: Figures, whose: str) -> Iterable[Breach]:
    for company_id, key, currency in sorted(ledger.keys() | owner.keys()):
        posted, owned = ledger.get((company_id, key, currency), 0), owner.get((company_id, key, currency), 0)
        if posted != owned:
            yield Breach(rule, "ledger", company_id, f"{noun} {key}: {posted} {currency} in the ledger, {owned} by {whose}")
