"""The ledger's figures at another service's clock: stored balances less the postings of later entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from services.ledger.proofs.domain import Claim, Key
from shared.contracts import encode

CONTROL = "control as materialized (select code from app.account where company_id = %(company)s and control = any(%(controls)s))"
STORED = {
    "customer": "select b.customer_id as key, b.currency, sum(b.debit - b.credit)::bigint as amount from app.customer_balance b",
    "account": "select b.account as key, b.currency, sum(b.debit - b.credit)::bigint as amount from app.balance b",
    "nothing": "select %(figure)s::text as key, b.currency, sum(b.debit - b.credit)::bigint as amount from app.balance b",
}
KEY = {"customer": "p.customer_id", "account": "p.account", "nothing": "%(figure)s::text"}
SIGNED = "sum(case p.side when 'debit' then p.amount else -p.amount end)::bigint"
LATER = (
    "select number from app.journal_entry "
    "where company_id = %(company)s and producer = '{producer}' and sequence > %(after_{producer})s"
)


def _later(claim: Claim) -> str:
    return " union all ".join(LATER.format(producer=producer) for producer in claim.depends_on)


def _values(claim: Claim, company_id: int, clock: Mapping[str, int]) -> dict[str, Any]:
    after = {f"after_{producer}": clock[producer] for producer in claim.depends_on}
    return {"company": company_id, "controls": list(claim.controls), "figure": claim.figure, **after}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the ledger says at one moment: how far it is in each log, stored balances, and what entries after a clock added."""

    positions: dict[str, int]
    stored: dict[Key, int]
    later: dict[Key, int]


def snapshot(session: Connection, claim: Claim, company_id: int, clock: Mapping[str, int]) -> Snapshot:
    """One statement, so that all of it is of one moment while the worker goes on; it never sums the journal."""
    rows = session.exec_driver_sql(
        f"with {CONTROL}, "
        f"stored as ({STORED[claim.keyed_by]} join control on control.code = b.account "
        "    where b.company_id = %(company)s group by 1, 2), "
        f"entry as ({_later(claim)}), "
        f"later as (select {KEY[claim.keyed_by]} as key, p.currency, {SIGNED} as amount from entry join app.posting p "
        "    on p.company_id = %(company)s and p.entry_number = entry.number "
        "    join control on control.code = p.account group by 1, 2) "
        "select 'position', producer, '', seq from log.position "
        "union all select 'stored', key, currency, amount from stored "
        "union all select 'later', key, currency, amount from later",
        _values(claim, company_id, clock),
    ).all()
    return Snapshot(
        {row[1]: row[3] for row in rows if row[0] == "position"},
        {(row[1], row[2]): row[3] for row in rows if row[0] == "stored"},
        {(row[1], row[2]): row[3] for row in rows if row[0] == "later"},
    )


def documents(
    session: Connection, claim: Claim, company_id: int, clock: Mapping[str, int], keys: Sequence[str]
) -> dict[Key, tuple[int, str]]:
    """What each document has on those control accounts at the clock: (document id, currency) -> amount, label.

    Reads every posting of those keys: only for a proof that found a difference.
    """
    wanted = "" if claim.keyed_by == "nothing" else f"and {KEY[claim.keyed_by]} = any(%(keys)s) "
    rows = session.exec_driver_sql(
        f"with {CONTROL} "
        f"select coalesce(p.document_id, e.document_id), p.currency, {SIGNED}, "
        "max(e.document) filter (where p.document_id is null) "
        "from app.posting p join control on control.code = p.account "
        "join app.journal_entry e on e.company_id = p.company_id and e.number = p.entry_number "
        f"where p.company_id = %(company)s {wanted}and p.entry_number not in ({_later(claim)}) group by 1, 2",
        {**_values(claim, company_id, clock), "keys": list(keys)},
    )
    return {(document, currency): (amount, label or "") for document, currency, amount, label in rows if amount}


def uneven_balances(session: Connection, company_id: int) -> list[Any]:
    """Stored balances that are not whole: debits and credits of a currency that differ, accounts unlike their customers' sum."""
    return list(
        session.exec_driver_sql(
            "select 'debits and credits' as what, currency, sum(debit)::bigint as one, sum(credit)::bigint as other "
            "from app.balance where company_id = %(company)s group by currency having sum(debit) <> sum(credit) "
            "union all select account || ' and its customers', currency, coalesce(of_days, 0), coalesce(of_customers, 0) from "
            "(select b.account, b.currency, sum(b.debit - b.credit)::bigint as of_days from app.balance b join app.account a "
            " on a.company_id = b.company_id and a.code = b.account and a.control in ('ar', 'retention', 'prepayments') "
            " where b.company_id = %(company)s group by 1, 2) days full join "
            "(select account, currency, sum(debit - credit)::bigint as of_customers from app.customer_balance "
            " where company_id = %(company)s group by 1, 2) customers using (account, currency) "
            "where coalesce(of_days, 0) <> coalesce(of_customers, 0)",
            {"company": company_id},
        )
    )


def parked(session: Connection, company_id: int) -> list[tuple[str, str]]:
    """Producer and id of the company's events that wait for a person; the worker's role sees those of every company."""
    rows = session.exec_driver_sql(
        "select producer, event_id from log.parked where company_id = %s and resolved_at is null "
        "order by parked_at, seq limit 200",
        (company_id,),
    )
    return [(row[0], row[1]) for row in rows]


def add_proof(session: Connection, company_id: int, proof_id: str, state: str, at: datetime, actor: str, answer: Any) -> None:
    session.exec_driver_sql(
        "insert into app.proof (company_id, id, state, proved_at, asked_by, answer) values (%s, %s, %s, %s, %s, %s::jsonb)",
        (company_id, proof_id, state, at, actor, encode(answer).decode()),
    )


def last_proofs(session: Connection, company_id: int, limit: int) -> list[Any]:
    rows = session.exec_driver_sql(
        "select id, state, proved_at, asked_by, answer from app.proof "
        "where company_id = %s order by proved_at desc, id desc limit %s",
        (company_id, limit),
    )
    return list(rows.all())
