"""The journal's one writer: turns each event into one entry, by the posting rules, and keeps the balances."""

from __future__ import annotations

from datetime import date

from services.ledger.accounts.store import charts
from services.ledger.accounts.usecases import open_books
from services.ledger.entries import store
from services.ledger.entries.domain import Entry, Posting, chained, instant
from services.ledger.posting_rules import RULES, Line
from shared.context import Context
from shared.contracts import Event


def post_entries(ctx: Context, events: list[Event]) -> None:
    """One entry for each event, numbered and chained per company, with its postings and balances.

    Everything goes in by a fixed number of statements, whatever the number of events and of companies. An event whose
    lines are all zero has no entry. A rule that does not balance is a defect: the event is parked, nothing is posted.
    """
    heads = store.lock_heads(ctx.session, {event.company_id for event in events})
    missing = [event for event in events if event.company_id not in heads]
    if missing:
        open_books(ctx, missing)
        heads = store.lock_heads(ctx.session, {event.company_id for event in events})
    of_company = charts(ctx.session, {company: head.chart_version for company, head in heads.items()})
    added = store.Batch()
    last_instant, recorded_at = None, ""
    for event in events:
        company_id, fact, rule = event.company_id, event.data, RULES[event.type]
        chart = of_company[company_id]
        postings = postings_of(rule.lines(fact, chart.roles))
        if not postings:
            continue
        head = heads[company_id]
        source = rule.source(fact)
        if event.recorded_at != last_instant:
            last_instant, recorded_at = event.recorded_at, instant(event.recorded_at)
        entry = Entry(
            company_id,
            head.number + 1,
            event.id,
            event.source,
            event.sequence,
            rule.kind,
            source.document_id,
            source.document,
            event.subject,
            fact.currency,
            fact.occurred_on,
            fact.posting_on,
            event.recorded_at,
            source.description,
            fact.reverses if rule.reverses else None,
        )
        head.number += 1
        head.hash = chained(head.hash, entry, recorded_at, postings)
        added.add(entry, recorded_at, postings, head.hash)
        add_to_balances(added.balances, added.customer_balances, entry, postings, chart.by_customer)
    if added.entries:
        store.add(ctx.session, added)
        store.move_heads(ctx.session, heads)


def postings_of(lines: list[Line]) -> list[Posting]:
    """The lines with a side and an amount above zero; lines of zero are left out."""
    postings: list[Posting] = []
    off_by = line = 0
    for account, amount, customer_id, document_id in lines:
        if amount > 0:
            line += 1
            postings.append((line, account, "debit", amount, customer_id, document_id))
        elif amount < 0:
            line += 1
            postings.append((line, account, "credit", -amount, customer_id, document_id))
        off_by += amount
    assert off_by == 0, f"an entry is off by {off_by}"
    return postings


def add_to_balances(
    balances: dict[tuple[int, str, str, date], list[int]],
    customer_balances: dict[tuple[int, str, str, str], list[int]],
    entry: Entry,
    postings: list[Posting],
    by_customer: frozenset[str],
) -> None:
    """Adds the postings up, per account and day, and per customer where the account is kept so."""
    company_id, currency, day = entry.company_id, entry.currency, entry.posting_on
    for _, account, side, amount, customer_id, _ in postings:
        place = side == "credit"
        of_day = balances.get((company_id, account, currency, day))
        if of_day is None:
            of_day = balances[company_id, account, currency, day] = [0, 0]
        of_day[place] += amount
        if customer_id is not None and account in by_customer:
            of_customer = customer_balances.get((company_id, account, currency, customer_id))
            if of_customer is None:
                of_customer = customer_balances[company_id, account, currency, customer_id] = [0, 0]
            of_customer[place] += amount
