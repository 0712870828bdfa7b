"""The journal: entries balance, are numbered without a gap, and the stored balances are their sums (A1, A3)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rig.breach import Breach
from tests.rig.reading import Reading

ENTRY = "'entry ' || e.number || ' (' || concat_ws(' ', e.kind, e.document_id, nullif(e.document, '')) || ')'"

UNBALANCED = f"""
select e.company_id, {ENTRY} || ': debits ' || coalesce(p.debit, 0) || ', credits ' || coalesce(p.credit, 0)
from journal_entry e left join (
    select company_id, entry_number, sum(amount) filter (where side = 'debit') as debit,
        sum(amount) filter (where side = 'credit') as credit from posting group by 1, 2) p
    on p.company_id = e.company_id and p.entry_number = e.number
where p.debit is distinct from p.credit or p.debit is null
"""

NOT_WHOLE = f"""
select e.company_id, {ENTRY} || ': made with ' || e.posting_count || ' postings, there are lines ' || p.lines
from journal_entry e cross join lateral (
    select count(*) as count, coalesce(max(p.line), 0) as last,
        coalesce(string_agg(p.line::text, ',' order by p.line), 'none') as lines
    from posting p where p.company_id = e.company_id and p.entry_number = e.number) p
where p.count <> e.posting_count or p.last <> e.posting_count
"""

UNLIKE_ITS_ENTRY = f"""
select e.company_id, {ENTRY} || ': line ' || p.line || ' is in ' || p.currency || ' on ' || p.posting_on ||
    ', its entry in ' || e.currency || ' on ' || e.posting_on
from posting p join journal_entry e on e.company_id = p.company_id and e.number = p.entry_number
where p.currency <> e.currency or p.posting_on <> e.posting_on
"""

OF_NO_ENTRY = """
select p.company_id, 'posting ' || p.line || ' of entry ' || p.entry_number || ', which is not there'
from posting p left join journal_entry e on e.company_id = p.company_id and e.number = p.entry_number where e.number is null
"""

OF_NO_ACCOUNT = """
select p.company_id, 'posting ' || p.line || ' of entry ' || p.entry_number || ' names account ' || p.account ||
    ', which is not there'
from posting p left join account a on a.company_id = p.company_id and a.code = p.account where a.code is null
"""

SUMS = """coalesce(sum(amount) filter (where side = 'debit'), 0) as debit,
    coalesce(sum(amount) filter (where side = 'credit'), 0) as credit"""

UNLIKE = """coalesce(p.debit, 0) || ' and ' || coalesce(p.credit, 0) || ' posted, '
    || coalesce(b.debit, 0) || ' and ' || coalesce(b.credit, 0) || ' stored'"""
DIFFER = "coalesce(p.debit, 0) <> coalesce(b.debit, 0) or coalesce(p.credit, 0) <> coalesce(b.credit, 0)"

BALANCES = f"""
select company_id, 'balance of account ' || account || ' in ' || currency || ' on ' || on_day || ': ' || {UNLIKE}
from balance b full join (select company_id, account, currency, posting_on as on_day, {SUMS} from posting group by 1, 2, 3, 4) p
    using (company_id, account, currency, on_day)
where {DIFFER}
"""

CUSTOMER_BALANCES = f"""
select company_id, 'balance of customer ' || customer_id || ' in account ' || account || ' in ' || currency || ': ' || {UNLIKE}
from customer_balance b full join (
    select p.company_id, p.account, p.currency, p.customer_id, {SUMS} from posting p
    join account a on a.company_id = p.company_id and a.code = p.account and a.control in ('ar', 'retention', 'prepayments')
    where p.customer_id is not null group by 1, 2, 3, 4) p using (company_id, account, currency, customer_id)
where {DIFFER}
"""

WHOLE_LEDGER = """
select company_id, 'the whole ledger in ' || currency || ' is off by ' || sum(case side when 'debit' then amount else -amount end)
from posting group by company_id, currency having sum(case side when 'debit' then amount else -amount end) <> 0
"""

NUMBERS = """
select company_id, 'entry ' || number || ' comes after entry ' || before
from (select company_id, number, coalesce(lag(number) over (partition by company_id order by number), 0) as before
      from journal_entry) n
where number <> before + 1
"""

LAST_NUMBER = """
select company_id, 'the last entry is ' || coalesce(e.number, 0) || ', the chain''s head says ' || coalesce(h.number, 0)
from chain_head h full join (select company_id, max(number) as number from journal_entry group by 1) e using (company_id)
where coalesce(e.number, 0) <> coalesce(h.number, 0)
"""


def entries_balance(reading: Reading) -> Iterator[Breach]:
    """A1: each entry balances in one currency, and so does the whole ledger; no posting is without its entry."""
    for query in (UNBALANCED, NOT_WHOLE, UNLIKE_ITS_ENTRY, OF_NO_ENTRY, OF_NO_ACCOUNT, WHOLE_LEDGER):
        yield from reading.found("A1", "ledger", query)


def stored_balances(reading: Reading) -> Iterator[Breach]:
    """A1: what is stored of an account's day and of a customer is the sum of the postings."""
    for query in (BALANCES, CUSTOMER_BALANCES):
        yield from reading.found("A1", "ledger", query)


def entry_numbers(reading: Reading) -> Iterator[Breach]:
    """A3: entries are numbered 1 to n."""
    for query in (NUMBERS, LAST_NUMBER):
        yield from reading.found("A3", "ledger", query)
