"""What billing and payments each did with the other's events: once, and as they say (A6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.rig.breach import Breach
from tests.rig.reading import Event, Reading

Posting = tuple[int, str, str, str, str, int, str, str, str, int | None]
"""Company, event, invoice, application, kind, amount, document, currency, posting date, the event's number."""

POSTINGS = """
select company_id, event_id, invoice_id, application_id, kind, amount, document_id, currency, posting_on::text, sequence, producer
from ar_posting
"""

DISPLACEMENTS = """
select d.company_id, d.caused_by, d.application_id, d.amount, a.amount as applied
from displacement d left join application a on a.company_id = d.company_id and a.id = d.application_id
"""

UNANSWERED = """
select company_id, id, amount from (
    select a.company_id, a.id, case when v.receipt_id is null and d.application_id is null then a.amount else 0 end as amount
    from application a
    left join displacement d on d.company_id = a.company_id and d.application_id = a.id
    left join receipt_void v on v.company_id = a.company_id and v.receipt_id = a.receipt_id) live
where amount > 0
"""


def postings(reading: Reading) -> Iterator[Breach]:
    """A6: the sub-ledger holds exactly what billing's own events and the taken in events of payments say."""
    own = [event for event in reading.own_events("billing") if event.type in ("billing.invoice.issued", "billing.invoice.voided")]
    expected = Counter(posting for event in own for posting in _of(event, "billing"))
    producers = {"billing"}
    if reading.has("payments"):
        producers.add("payments")
        expected.update(posting for event in reading.taken_in("billing", "payments") for posting in _of(event, "payments"))
    found: Counter[Posting] = Counter(tuple(row[:10]) for row in reading.rows("billing", POSTINGS) if row.producer in producers)
    for posting, count in (expected - found).items():
        yield Breach("A6", "billing", posting[0], f"{count} posting is missing: {_said(posting)}")
    for posting, count in (found - expected).items():
        yield Breach("A6", "billing", posting[0], f"{count} posting that no event says: {_said(posting)}")


def displacements(reading: Reading) -> Iterator[Breach]:
    """A6: an application is displaced only because billing said that it did not fit, and by no more than that."""
    said = {event.event_id: event for event in reading.taken_in("payments", "billing")}
    for row in reading.rows("payments", DISPLACEMENTS):
        event = said.get(row.caused_by)
        if event is None or event.data["application_id"] != row.application_id or row.amount > event.data["amount"]:
            what = f"application {row.application_id}: {row.amount} displaced by {event or row.caused_by}"
            yield Breach("A6", "payments", row.company_id, what)


def answered(reading: Reading) -> Iterator[Breach]:
    """E10: whatever did not fit its invoice is a prepayment again, or its receipt is void."""
    live = {(row.company_id, row.id): row.amount for row in reading.rows("payments", UNANSWERED)}
    for event in reading.events("billing"):
        if event.type == "billing.application.overapplied" and (event.company_id, event.subject) in live:
            what = f"application {event.subject}: {event.data['amount']} did not fit its invoice and is still applied"
            yield Breach("E10", "payments", event.company_id, what)


def _of(event: Event, producer: str) -> Iterator[Posting]:
    fact, parts = event.data, list[tuple[str, str, str, int, str]]()
    if event.type == "billing.invoice.issued":
        parts = [(fact["invoice_id"], "", "invoice", fact["total"], fact["invoice_id"])]
    elif event.type == "billing.invoice.voided":
        parts = [(fact["invoice_id"], "", "void", -fact["total"], fact["invoice_id"])]
    elif event.type in ("payments.receipt.posted", "payments.receipt.voided"):
        kind, sign = ("application", -1) if event.type.endswith("posted") else ("receipt_void", 1)
        lines = [line for line in fact["lines"] if line["kind"] == "invoice"]
        parts = [(line["invoice_id"], line["application_id"], kind, sign * line["amount"], fact["receipt_id"]) for line in lines]
    elif event.type == "payments.prepayment.applied":
        whole = fact["prepayment_application_id"]
        parts = [
            (each["invoice_id"], each["application_id"], "application", -each["amount"], whole) for each in fact["applications"]
        ]
    elif event.type == "payments.application.displaced":
        parts = [(fact["invoice_id"], fact["application_id"], "displacement", fact["amount"], fact["receipt_id"])]
    for invoice, application, kind, amount, document in parts:
        seq = None if producer == "billing" else event.seq
        yield (
            event.company_id,
            event.event_id,
            invoice,
            application,
            kind,
            amount,
            document,
            fact["currency"],
            fact["posting_on"],
            seq,
        )


def _said(posting: Any) -> str:
    _, event_id, invoice, application, kind, amount, document, currency, posting_on, _ = posting
    return f"{kind} of {amount} {currency} on {posting_on} to invoice {invoice} by {application or document} ({event_id})"
