"""The ledger's figures at another service's clock: stored balances less the postings of later entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from services.ledger.proofs.domain import Key
from shared.contracts import encode

_BY_CUSTOMER = """
select b.customer_id, b.currency, b.debit - b.credit
from app.customer_balance b join app.account a on a.company_id = b.company_id and a.code = b.account
where b.company_id = %s and a.control = any(%s) and b.debit <> b.credit
"""
_BY_ACCOUNT = """
select b.account, b.currency, sum(b.debit - b.credit)::bigint
from app.balance b join app.account a on a.company_id = b.company_id and a.code = b.account
where b.company_id = %s and a.control = any(%s) group by 1, 2
"""
_LATER = """
select {key}, p.currency, sum(case p.side when 'debit' then p.amount else -p.amount end)::bigint
from app.journal_entry e
join app.posting p on p.company_id = e.company_id and p.entry_number = e.number
join app.account a on a.company_id = p.company_id and a.code = p.account
where e.company_id = %s and e.producer = %s and e.sequence > %s and a.control = any(%s)
group by 1, 2
"""


def figures(
    session: Connection, company_id: int, controls: list[str], clock: Mapping[str, int], *, by_customer: bool
) -> dict[Key, int]:
    """Debits less credits of the control accounts of these kinds, per customer or per account and per currency, as they
    were when the ledger had taken in each producer up to `clock`. Zero ones are left out."""
    stored = session.exec_driver_sql(_BY_CUSTOMER if by_customer else _BY_ACCOUNT, (company_id, controls))
    found: dict[Key, int] = {(row[0], row[1]): int(row[2]) for row in stored}
    later = _LATER.format(key="p.customer_id" if by_customer else "p.account")
    for producer, sequence in clock.items():
        for key, currency, amount in session.exec_driver_sql(later, (company_id, producer, sequence, controls)):
            found[key, currency] = found.get((key, currency), 0) - int(amount)
    return {key: amount for key, amount in found.items() if amount}


_DOCUMENTS = """
select {key}, coalesce(p.document_id, e.document_id), max(e.document), p.currency,
    sum(case p.side when 'debit' then p.amount else -p.amount end)::bigint
from app.posting p
join app.journal_entry e on e.company_id = p.company_id and e.number = p.entry_number
join app.account a on a.company_id = p.company_id and a.code = p.account
where p.company_id = %s and {key} = any(%s) and a.control = any(%s)
    and not exists (select 1 from unnest(%s::text[], %s::bigint[]) as known (producer, sequence)
        where known.producer = e.producer and e.sequence > known.sequence)
group by 1, 2, 4
"""


def documents(
    session: Connection, company_id: int, keys: list[str], controls: list[str], clock: Mapping[str, int], *, by_customer: bool
) -> dict[tuple[str, str, str], tuple[int, str]]:
    """What each document has on those control accounts at the clock: (key, document id, currency) -> amount, label."""
    statement = _DOCUMENTS.format(key="p.customer_id" if by_customer else "p.account")
    rows = session.exec_driver_sql(statement, (company_id, keys, controls, list(clock), list(clock.values())))
    return {(row[0], row[1], row[3]): (int(row[4]), row[2]) for row in rows}


def add_proof(session: Connection, company_id: int, proof_id: str, state: str, at: datetime, actor: str, answer: Any) -> None:
    session.exec_driver_sql(
        "insert into app.proof (company_id, id, state, proved_at, asked_by, answer) values (%s, %s, %s, %s, %s, %s::jsonb)",
        (company_id, proof_id, state, at, actor, encode(answer).decode()),
    )


def last_proofs(session: Connection, company_id: int, limit: int) -> list[Any]:
    rows = session.exec_driver_sql(
        "select id, state, proved_at, asked_by, answer from app.proof where company_id = %s order by proved_at desc, id desc limit %s",
        (company_id, limit),
    )
    return list(rows.all())
