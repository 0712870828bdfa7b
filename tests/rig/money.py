"""Payments: where each receipt's money lies (A2)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rig.breach import Breach
from tests.rig.reading import Reading

LIVE = """
    select a.company_id, a.id, a.receipt_id, a.invoice_id, a.prepayment_id, a.currency,
        case when v.receipt_id is null then a.amount - coalesce(d.amount, 0) else 0 end as amount
    from application a
    left join displacement d on d.company_id = a.company_id and d.application_id = a.id
    left join receipt_void v on v.company_id = a.company_id and v.receipt_id = a.receipt_id
"""
"""What still counts of each application."""

REMAINING = """
    select p.company_id, p.id, p.receipt_id, p.customer_id, p.currency,
        case when v.receipt_id is null then p.amount - coalesce(a.amount, 0) else 0 end as amount
    from prepayment p
    left join (select company_id, prepayment_id, sum(amount)::bigint as amount from application
               where prepayment_id is not null group by 1, 2) a on a.company_id = p.company_id and a.prepayment_id = p.id
    left join receipt_void v on v.company_id = p.company_id and v.receipt_id = p.receipt_id
"""
"""What each prepayment still holds, from the facts and not from what is stored."""

RECEIPT_LINES = """
select r.company_id, 'receipt ' || r.id || ' of ' || r.amount || ': its lines sum to ' || coalesce(l.amount, 0)
from receipt r left join (select company_id, receipt_id, sum(amount) as amount from receipt_line group by 1, 2) l
    on l.company_id = r.company_id and l.receipt_id = r.id
where l.amount is distinct from r.amount
"""

UNLIKE_ITS_LINE = """
select l.company_id, 'receipt ' || l.receipt_id || ' line ' || l.line || ' of ' || l.amount || ': ' ||
    coalesce('application ' || l.application_id, 'prepayment ' || l.prepayment_id) || ' is ' ||
    coalesce(coalesce(a.amount, p.amount)::text, 'missing')
from receipt_line l
left join application a on a.company_id = l.company_id and a.id = l.application_id
left join prepayment p on p.company_id = l.company_id and p.id = l.prepayment_id
where l.kind <> 'account' and (coalesce(a.amount, p.amount) is distinct from l.amount
    or coalesce(a.receipt_id, p.receipt_id) is distinct from l.receipt_id or a.invoice_id is distinct from l.invoice_id)
"""

WHERE_IT_LIES = f"""
select r.company_id, 'receipt ' || r.id || ' of ' || r.amount || ': applied ' || coalesce(a.amount, 0) || ', prepaid ' ||
    coalesce(p.amount, 0) || ', to accounts ' || coalesce(l.amount, 0)
from receipt r
left join receipt_void v on v.company_id = r.company_id and v.receipt_id = r.id
left join (select company_id, receipt_id, sum(amount) as amount from ({LIVE}) live group by 1, 2) a
    on a.company_id = r.company_id and a.receipt_id = r.id
left join (select company_id, receipt_id, sum(amount) as amount from ({REMAINING}) remaining group by 1, 2) p
    on p.company_id = r.company_id and p.receipt_id = r.id
left join (select company_id, receipt_id, sum(amount) as amount from receipt_line where kind = 'account' group by 1, 2) l
    on l.company_id = r.company_id and l.receipt_id = r.id
where v.receipt_id is null and coalesce(a.amount, 0) + coalesce(p.amount, 0) + coalesce(l.amount, 0) <> r.amount
"""

PREPAYMENTS = f"""
select company_id, 'prepayment ' || coalesce(b.prepayment_id, p.id) || ' of receipt ' || coalesce(p.receipt_id, 'unknown') ||
    ': remaining ' || coalesce(b.remaining::text, 'missing') || ', from its applications ' || coalesce(p.amount::text, 'missing')
from (select company_id, prepayment_id, customer_id, currency, remaining from prepayment_balance) b
full join (select *, id as prepayment_id from ({REMAINING}) remaining) p using (company_id, prepayment_id)
where b.remaining is distinct from p.amount or b.remaining < 0 or b.customer_id is distinct from p.customer_id
    or b.currency is distinct from p.currency
"""

PREPAYMENT_OF_ITS_RECEIPT = """
select p.company_id, 'prepayment ' || p.id || ' is of customer ' || p.customer_id || ' in ' || p.currency ||
    ', its receipt ' || r.id || ' of ' || r.customer_id || ' in ' || r.currency
from prepayment p join receipt r on r.company_id = p.company_id and r.id = p.receipt_id
where p.customer_id <> r.customer_id or p.currency <> r.currency
"""

OPEN_INVOICES = f"""
select o.company_id, 'invoice ' || o.invoice_id || ' of ' || o.total || ': ' || o.applied || ' stored as applied, it is '
    || coalesce(a.amount, 0)
from open_invoice o left join (select company_id, invoice_id, sum(amount) as amount from ({LIVE}) live group by 1, 2) a
    on a.company_id = o.company_id and a.invoice_id = o.invoice_id
where o.applied <> coalesce(a.amount, 0) or o.applied not between 0 and o.total
"""

WHOLE_APPLICATIONS = """
select w.company_id, 'prepayment application ' || w.id || ' of ' || w.amount || ': its applications sum to ' ||
    coalesce(a.amount, 0)
from prepayment_application w
left join (select company_id, prepayment_application_id, sum(amount) as amount from application
           where prepayment_application_id is not null group by 1, 2) a
    on a.company_id = w.company_id and a.prepayment_application_id = w.id
where a.amount is distinct from w.amount
"""

DISPLACED = """
select d.company_id, 'application ' || d.application_id || ' of ' || a.amount || ' to invoice ' || a.invoice_id || ': displaced '
    || d.amount || ' into prepayment ' || d.prepayment_id || ' of ' || coalesce(p.amount, 0)
from displacement d
join application a on a.company_id = d.company_id and a.id = d.application_id
left join prepayment p on p.company_id = d.company_id and p.id = d.prepayment_id
where d.amount > a.amount or p.amount is distinct from d.amount or p.receipt_id is distinct from d.receipt_id
"""

APPLICATION_OF_NO_LINE = """
select a.company_id, 'application ' || a.id || ' of ' || a.amount || ' to invoice ' || a.invoice_id ||
    ' is on no line of receipt ' || a.receipt_id
from application a left join receipt_line l on l.company_id = a.company_id and l.application_id = a.id
where a.prepayment_id is null and l.receipt_id is null
"""


def receipts(reading: Reading) -> Iterator[Breach]:
    """A2: all money of a receipt is somewhere, once; nothing is applied or held that is not there; no balance is below zero."""
    for query in (
        RECEIPT_LINES,
        UNLIKE_ITS_LINE,
        WHERE_IT_LIES,
        PREPAYMENTS,
        PREPAYMENT_OF_ITS_RECEIPT,
        OPEN_INVOICES,
        WHOLE_APPLICATIONS,
        DISPLACED,
        APPLICATION_OF_NO_LINE,
    ):
        yield from reading.found("A2", "payments", query)
