"""Recomputes every open item from the sub-ledger, in one statement, so that both are of one moment."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from shared.db import allow


def allow_all_rows(session: Connection) -> None:
    """Until the transaction ends, a statement may take 25 s instead of the 5 s of the role: this one reads every posting.

    Before there are statistics the planner takes a company for a handful of rows, and would look each row up by itself.
    """
    allow(session, 25)
    session.exec_driver_sql("set local enable_nestloop = off")


def wrong_open_items(session: Connection, company_id: int, limit: int) -> list[Row[Any]]:
    """Issued invoices whose open item is not the sum of their postings or not theirs, and postings or open items without an
    invoice: invoice, its number, both balances, both totals; None where a side is missing."""
    return list(
        session.exec_driver_sql(
            """
            select coalesce(i.id, o.invoice_id, p.invoice_id) as invoice_id, coalesce(i.number, o.number) as number,
                o.balance, p.amount, o.total as stored_total, i.total, coalesce(p.strangers, 0) as strangers
            from (select * from app.open_item where company_id = %(company)s) o
            full join (
                select p.invoice_id, sum(p.amount)::bigint as amount,
                    count(*) filter (where (p.customer_id, p.currency) is distinct from (i.customer_id, i.currency)) as strangers
                from app.ar_posting p left join app.invoice i on i.company_id = p.company_id and i.id = p.invoice_id
                where p.company_id = %(company)s group by p.invoice_id) p on p.invoice_id = o.invoice_id
            full join (select id, number, total, customer_id, currency from app.invoice
                       where company_id = %(company)s and number is not null) i on i.id = coalesce(o.invoice_id, p.invoice_id)
            where o.balance is distinct from p.amount or o.total is distinct from i.total or p.strangers > 0
                or (o.customer_id, o.currency) is distinct from (i.customer_id, i.currency)
            order by 1 limit %(limit)s
            """,
            {"company": company_id, "limit": limit},
        )
    )
