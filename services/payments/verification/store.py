"""Recomputes what is stored of receipts from their facts, each table in one statement, so that both are of one moment."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from shared.db import allow


def allow_all_rows(session: Connection) -> None:
    """Until the transaction ends, a statement may take 15 s instead of the 5 s of the role: these read every application.

    Before there are statistics the planner takes a company for a handful of rows, and would look each row up by itself.
    """
    allow(session, 15)
    session.exec_driver_sql("set local enable_nestloop = off")


_LIVE = """
    select a.receipt_id, a.invoice_id, a.prepayment_id, a.amount as taken,
        case when v.receipt_id is null then a.amount - coalesce(d.amount, 0) else 0 end as amount
    from app.application a
    left join app.displacement d on d.company_id = a.company_id and d.application_id = a.id
    left join app.receipt_void v on v.company_id = a.company_id and v.receipt_id = a.receipt_id
    where a.company_id = %(company)s
"""
_REMAINING = f"""
    select p.id, p.receipt_id, p.customer_id, p.currency,
        (case when v.receipt_id is null then p.amount - coalesce(a.taken, 0) else 0 end)::bigint as amount
    from app.prepayment p
    left join (select prepayment_id, sum(taken) as taken from ({_LIVE}) live where prepayment_id is not null group by 1) a
        on a.prepayment_id = p.id
    left join app.receipt_void v on v.company_id = p.company_id and v.receipt_id = p.receipt_id
    where p.company_id = %(company)s
"""

_WRONG_PREPAYMENTS = f"""
select coalesce(p.id, b.prepayment_id) as id, p.receipt_id, b.remaining as stored, p.amount
from ({_REMAINING}) p
full join (select * from app.prepayment_balance where company_id = %(company)s) b on b.prepayment_id = p.id
left join app.receipt r on r.company_id = %(company)s and r.id = p.receipt_id
where b.remaining is distinct from p.amount or (b.customer_id, b.currency) is distinct from (p.customer_id, p.currency)
    or (r.customer_id, r.currency) is distinct from (p.customer_id, p.currency)
order by 1 limit %(limit)s
"""
_WRONG_INVOICES = f"""
select coalesce(o.invoice_id, a.invoice_id) as id, i.number, o.applied as stored, coalesce(a.amount, 0) as amount,
    o.total as stored_total, i.total
from (select * from app.open_invoice where company_id = %(company)s) o
full join (select invoice_id, sum(amount)::bigint as amount from ({_LIVE}) live where invoice_id is not null group by 1) a
    on a.invoice_id = o.invoice_id
left join copies.invoice i on i.company_id = %(company)s and i.id = coalesce(o.invoice_id, a.invoice_id)
where o.applied is distinct from coalesce(a.amount, 0) or o.total <> i.total order by 1 limit %(limit)s
"""
_WRONG_RECEIPTS = f"""
select r.id, r.check_number, r.amount as stored, coalesce(a.amount, 0) + coalesce(p.amount, 0) + coalesce(l.amount, 0) as amount
from app.receipt r
left join (select receipt_id, sum(amount)::bigint as amount from ({_LIVE}) live group by 1) a on a.receipt_id = r.id
left join (select receipt_id, sum(amount)::bigint as amount from ({_REMAINING}) held group by 1) p on p.receipt_id = r.id
left join (select receipt_id, sum(amount)::bigint as amount from app.receipt_line
           where company_id = %(company)s and kind = 'account' group by 1) l on l.receipt_id = r.id
where r.company_id = %(company)s
    and not exists (select from app.receipt_void v where v.company_id = r.company_id and v.receipt_id = r.id)
    and r.amount <> coalesce(a.amount, 0) + coalesce(p.amount, 0) + coalesce(l.amount, 0) order by 1 limit %(limit)s
"""


def wrong_prepayments(session: Connection, company_id: int, limit: int) -> list[Row[Any]]:
    """Prepayments whose stored remainder is not what their applications leave, or that are not their receipt's."""
    return list(session.exec_driver_sql(_WRONG_PREPAYMENTS, {"company": company_id, "limit": limit}))


def wrong_invoices(session: Connection, company_id: int, limit: int) -> list[Row[Any]]:
    """Invoices on which another amount is stored as applied than their live applications are, nothing at all, or another
    total than the invoice has: invoice, number, both amounts, both totals; None where a side is missing."""
    return list(session.exec_driver_sql(_WRONG_INVOICES, {"company": company_id, "limit": limit}))


def wrong_receipts(session: Connection, company_id: int, limit: int) -> list[Row[Any]]:
    """Receipts that are not void and whose money is not all in one place: applications, prepayments, accounts."""
    return list(session.exec_driver_sql(_WRONG_RECEIPTS, {"company": company_id, "limit": limit}))
