"""Queries of the trial balance and of an account, on stored balances: their cost does not grow with the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection


def trial_balance(session: Connection, company_id: int, as_of: date) -> Sequence[Any]:
    """Debits and credits per account and currency up to the end of `as_of`, every account that was ever posted to by then."""
    return session.exec_driver_sql(
        "select a.code, a.name, a.kind, a.control, b.currency, b.debit, b.credit "
        "from (select account, currency, sum(debit)::bigint as debit, sum(credit)::bigint as credit from app.balance "
        "      where company_id = %s and on_day <= %s group by account, currency) b "
        "join app.account a on a.company_id = %s and a.code = b.account order by a.code, b.currency",
        (company_id, as_of, company_id),
    ).all()


def balances(session: Connection, company_id: int, account: str, as_of: date) -> Sequence[Any]:
    """Debits and credits of one account per currency up to the end of `as_of`."""
    return session.exec_driver_sql(
        "select currency, sum(debit)::bigint as debit, sum(credit)::bigint as credit from app.balance "
        "where company_id = %s and account = %s and on_day <= %s group by currency order by currency",
        (company_id, account, as_of),
    ).all()


@dataclass(frozen=True, slots=True)
class Place:
    """A posting's place in its account: by date, then in the order of the journal."""

    posting_on: date
    entry_number: int
    line: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which postings of an account are shown."""

    company_id: int
    account: str
    currency: str
    from_: date | None = None
    to: date | None = None
    customer_id: str | None = None
    document_id: str | None = None

    @property
    def narrowed(self) -> bool:
        """Whether only one customer's or document's postings count, for which no balances are stored."""
        return self.customer_id is not None or self.document_id is not None

    def condition(self) -> tuple[str, list[Any]]:
        parts = ["p.company_id = %s", "p.account = %s", "p.currency = %s"]
        values: list[Any] = [self.company_id, self.account, self.currency]
        if self.customer_id is not None:
            parts.append("p.customer_id = %s")
            values.append(self.customer_id)
        if self.document_id is not None:
            # a line names its document only where that is not the entry's own; the entries first, by both indexes
            parts.append(
                "p.entry_number in (select number from app.journal_entry where company_id = %s and document_id = %s "
                "union select entry_number from app.posting where company_id = %s and document_id = %s) "
                "and coalesce(p.document_id, (select e.document_id from app.journal_entry e "
                "where e.company_id = p.company_id and e.number = p.entry_number)) = %s"
            )
            values += [self.company_id, self.document_id, self.company_id, self.document_id, self.document_id]
        return " and ".join(parts), values


def postings(session: Connection, chosen: Selection, after: Place | None, limit: int) -> Sequence[Any]:
    """A page of postings of an account after a place, in order, with what their entries say."""
    condition, values = chosen.condition()
    if chosen.from_ is not None:
        condition += " and p.posting_on >= %s"
        values.append(chosen.from_)
    if chosen.to is not None:
        condition += " and p.posting_on <= %s"
        values.append(chosen.to)
    if after is not None:
        condition += " and (p.posting_on, p.entry_number, p.line) > (%s, %s, %s)"
        values += [after.posting_on, after.entry_number, after.line]
    return session.exec_driver_sql(
        "with page as (select p.* from app.posting p where "
        + condition
        + " order by p.posting_on, p.entry_number, p.line limit %s) "
        "select p.posting_on, p.entry_number, p.line, p.side, p.amount, p.customer_id, "
        "coalesce(p.document_id, e.document_id) as document_id, e.event_id, e.kind, e.document, e.description, e.occurred_on, "
        "e.producer, e.subject from page p join app.journal_entry e on e.company_id = p.company_id and e.number = p.entry_number "
        "order by p.posting_on, p.entry_number, p.line",
        (*values, limit),
    ).all()


def balance_before(session: Connection, chosen: Selection, day: date, after: Place | None) -> int:
    """What the chosen postings come to before `day` begins, or up to and with the place `after`: debits less credits.

    Whole accounts: the stored balances of earlier days and the postings of one day. One customer or document: its postings.
    """
    condition, values = chosen.condition()
    signed = "coalesce(sum(case side when 'debit' then amount else -amount end), 0)::bigint"
    if chosen.narrowed:
        reach = "p.posting_on < %s" if after is None else "(p.posting_on, p.entry_number, p.line) <= (%s, %s, %s)"
        bound = [day] if after is None else [after.posting_on, after.entry_number, after.line]
        return _sum(session, f"select {signed} from app.posting p where {condition} and {reach}", [*values, *bound])
    stored = _sum(
        session,
        "select coalesce(sum(debit - credit), 0)::bigint from app.balance "
        "where company_id = %s and account = %s and currency = %s and on_day < %s",
        [chosen.company_id, chosen.account, chosen.currency, day],
    )
    if after is None:
        return stored
    return stored + _sum(
        session,
        f"select {signed} from app.posting p where {condition} and p.posting_on = %s and (p.entry_number, p.line) <= (%s, %s)",
        [*values, after.posting_on, after.entry_number, after.line],
    )


def _sum(session: Connection, statement: str, values: list[Any]) -> int:
    return int(session.exec_driver_sql(statement, tuple(values)).scalar_one())
