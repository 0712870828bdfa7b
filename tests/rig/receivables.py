"""Billing: what an invoice is owed, and its number (A2, A3)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rig.breach import Breach
from tests.rig.reading import Reading

INVOICE = "'invoice ' || coalesce(i.number, i.id) || ' (' || i.id || ')'"

DISPUTED = """
    select p.company_id, p.invoice_id,
        sum(greatest(0, (e.body::jsonb -> 'data' ->> 'amount')::bigint - coalesce(back.amount, 0))) as amount
    from event e
    join ar_posting p on p.company_id = e.company_id and p.application_id = e.subject and p.kind = 'application'
    left join (select company_id, application_id, sum(amount) as amount from ar_posting
               where kind in ('displacement', 'receipt_void') group by 1, 2) back
        on back.company_id = e.company_id and back.application_id = e.subject
    where e.type = 'billing.application.overapplied' group by 1, 2
"""
"""What was stated not to fit and has not come back yet: conflicts that are open."""

OPEN_ITEMS = """
select company_id, 'invoice ' || coalesce(i.number, invoice_id) || ' (' || invoice_id || '): open balance ' ||
    coalesce(o.balance::text, 'missing') || ' of ' || coalesce(o.total::text, 'nothing') || ', its postings are ' ||
    coalesce(p.amount::text, 'missing') || ' of ' || coalesce(i.total::text, 'no invoice')
from open_item o
full join (select company_id, invoice_id, sum(amount)::bigint as amount,
               coalesce(sum(amount) filter (where kind = 'invoice'), 0)::bigint as issued from ar_posting group by 1, 2) p
    using (company_id, invoice_id)
full join (select company_id, id as invoice_id, number, total, customer_id, currency from invoice where number is not null) i
    using (company_id, invoice_id)
where o.balance is distinct from p.amount or o.total is distinct from i.total or p.issued is distinct from i.total
    or o.customer_id is distinct from i.customer_id or o.currency is distinct from i.currency
"""

UNLIKE_ITS_INVOICE = f"""
select p.company_id, {INVOICE} || ' of customer ' || i.customer_id || ': posting ' || p.id || ' (' || p.kind || ' ' ||
    p.event_id || ') is of customer ' || p.customer_id || ' in ' || p.currency
from ar_posting p join invoice i on i.company_id = p.company_id and i.id = p.invoice_id
where p.customer_id <> i.customer_id or p.currency <> i.currency
"""

BALANCE_LIMITS = f"""
select company_id, 'invoice ' || o.number || ' (' || invoice_id || '): open balance ' || o.balance || ' of ' || o.total ||
    ', in conflict ' || coalesce(d.amount, 0)
from open_item o left join ({DISPUTED}) d using (company_id, invoice_id)
where o.balance > o.total or -o.balance > coalesce(d.amount, 0)
"""

VOIDS = f"""
select i.company_id, {INVOICE} || ': voided by ' || coalesce(v.event_id, 'nobody') || ', posted as void by ' ||
    coalesce(p.event_id, 'nobody')
from invoice i
left join invoice_void v on v.company_id = i.company_id and v.invoice_id = i.id
left join ar_posting p on p.company_id = i.company_id and p.invoice_id = i.id and p.kind = 'void'
where v.event_id is distinct from p.event_id or p.amount <> -i.total
"""

LINES = f"""
select i.company_id, {INVOICE} || ': lines sum to ' || coalesce(l.amount, 0) || ' and tax ' || coalesce(l.tax, 0) ||
    ', it says ' || i.lines_total || ' and ' || i.tax
from invoice i left join (
    select company_id, invoice_id, sum(amount) as amount, sum(tax) as tax, count(*) as count, max(line) as last
    from invoice_line group by 1, 2) l on l.company_id = i.company_id and l.invoice_id = i.id
where l.amount is distinct from i.lines_total or l.tax is distinct from i.tax or l.count <> l.last
    or i.total <> i.lines_total + i.freight + i.tax
"""

GAPS = """
select company_id, 'invoice ' || number || ' (' || id || ') has number ' || series_number || ' of its series, after ' || before
from (select company_id, id, number, series_number,
          coalesce(lag(series_number) over (partition by company_id, series order by series_number, id), 0) as before
      from invoice where series = 'own') n
where series_number <> before + 1
"""

LAST_NUMBER = """
select company_id, 'series ' || coalesce(s.series, 'invoice') || ' ends at ' || coalesce(i.last, 0) || ', its counter at ' ||
    coalesce(s.last_number, 0)
from (select company_id, series, last_number from document_series where series = 'invoice') s
full join (select company_id, max(series_number) as last from invoice where series = 'own' group by 1) i using (company_id)
where coalesce(i.last, 0) <> coalesce(s.last_number, 0)
"""

NUMBER_TEXT = """
select company_id, 'invoice ' || number || ' (' || id || ') is number ' || series_number || ' of its series'
from invoice where series = 'own' and number <> 'INV-' || lpad(series_number::text, greatest(6, length(series_number::text)), '0')
"""

TWICE = """
select company_id, 'number ' || number || ' of series ' || series || ' on ' || string_agg(id, ', ' order by id)
from invoice where number is not null group by company_id, series, number having count(*) > 1
"""


def invoice_balances(reading: Reading) -> Iterator[Breach]:
    """A2: an open balance is the sum of the invoice's postings, within 0 and the total but for what is in an open conflict."""
    for query in (OPEN_ITEMS, UNLIKE_ITS_INVOICE, BALANCE_LIMITS, VOIDS, LINES):
        yield from reading.found("A2", "billing", query)


def invoice_numbers(reading: Reading) -> Iterator[Breach]:
    """A3: a series is 1 to n, each number once, and says so in its text."""
    for query in (GAPS, LAST_NUMBER, NUMBER_TEXT, TWICE):
        yield from reading.found("A3", "billing", query)
