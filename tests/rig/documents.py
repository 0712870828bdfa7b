"""Each service's documents and the events that tell of them: one for one, with the same content (A6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.rig.breach import Breach
from tests.rig.reading import Reading

TOLD: dict[str, str] = {
    "billing.invoice.issued": """
        select p.company_id, p.event_id, jsonb_build_object('invoice_id', i.id, 'number', i.number, 'customer_id', i.customer_id,
            'currency', i.currency::text, 'occurred_on', p.occurred_on, 'posting_on', p.posting_on, 'total', i.total,
            'freight', i.freight, 'tax', i.tax, 'issued_on', i.issued_on, 'due_on', i.due_on, 'lines', (
                select jsonb_agg(jsonb_build_object('line', l.line, 'description', l.description, 'amount', l.amount,
                    'account', l.account) order by l.line)
                from invoice_line l where l.company_id = i.company_id and l.invoice_id = i.id))
        from ar_posting p join invoice i on i.company_id = p.company_id and i.id = p.invoice_id where p.kind = 'invoice'""",
    "billing.invoice.voided": """
        select v.company_id, v.event_id, jsonb_build_object('invoice_id', i.id, 'number', i.number, 'total', i.total,
            'customer_id', i.customer_id, 'occurred_on', v.voided_on, 'posting_on', v.posting_on, 'reason', v.reason,
            'reverses', p.event_id)
        from invoice_void v join invoice i on i.company_id = v.company_id and i.id = v.invoice_id
        left join ar_posting p on p.company_id = i.company_id and p.invoice_id = i.id and p.kind = 'invoice'""",
    "payments.receipt.posted": """
        select r.company_id, r.event_id, jsonb_build_object('receipt_id', r.id, 'customer_id', r.customer_id,
            'currency', r.currency::text, 'occurred_on', r.received_on, 'posting_on', r.posting_on, 'amount', r.amount,
            'needs_deposit', r.needs_deposit, 'cash_account', r.cash_account, 'payment_type', r.payment_type,
            'deposit_group', r.deposit_group, 'check_number', r.check_number, 'lines', (
                select jsonb_agg(jsonb_build_object('kind', l.kind, 'amount', l.amount, 'application_id', l.application_id,
                    'invoice_id', l.invoice_id, 'prepayment_id', l.prepayment_id, 'account', l.account) order by l.line)
                from receipt_line l where l.company_id = r.company_id and l.receipt_id = r.id))
        from receipt r""",
    "payments.receipt.voided": """
        select v.company_id, v.event_id, jsonb_build_object('receipt_id', r.id, 'customer_id', r.customer_id, 'amount', r.amount,
            'occurred_on', v.voided_on, 'posting_on', v.posting_on, 'reason', v.reason, 'reverses', r.event_id)
        from receipt_void v join receipt r on r.company_id = v.company_id and r.id = v.receipt_id""",
    "payments.prepayment.applied": """
        select w.company_id, w.event_id, jsonb_build_object('prepayment_application_id', w.id, 'customer_id', w.customer_id,
            'currency', w.currency::text, 'occurred_on', w.applied_on, 'posting_on', w.posting_on, 'amount', w.amount,
            'applications', (
                select jsonb_agg(jsonb_build_object('application_id', a.id, 'prepayment_id', a.prepayment_id,
                    'receipt_id', a.receipt_id, 'invoice_id', a.invoice_id, 'amount', a.amount) order by a.line)
                from application a where a.company_id = w.company_id and a.prepayment_application_id = w.id))
        from prepayment_application w""",
    "payments.application.displaced": """
        select d.company_id, d.event_id, jsonb_build_object('application_id', d.application_id, 'receipt_id', d.receipt_id,
            'invoice_id', a.invoice_id, 'prepayment_id', d.prepayment_id, 'customer_id', p.customer_id, 'amount', d.amount,
            'occurred_on', d.occurred_on, 'posting_on', d.posting_on)
        from displacement d left join application a on a.company_id = d.company_id and a.id = d.application_id
        left join prepayment p on p.company_id = d.company_id and p.id = d.prepayment_id and p.origin = 'displacement'""",
    "banking.deposit.posted": """
        select d.company_id, d.event_id, jsonb_build_object('deposit_id', d.id, 'bank_account_id', d.bank_account_id,
            'account', b.account, 'currency', d.currency::text, 'occurred_on', d.occurred_on, 'posting_on', d.posting_on,
            'total', d.total, 'fee', d.fee, 'fee_account', d.fee_account, 'reference', d.reference, 'items', (
                select jsonb_agg(jsonb_build_object('receipt_id', i.receipt_id, 'amount', i.amount) order by i.receipt_id)
                from deposit_item i where i.company_id = d.company_id and i.deposit_id = d.id))
        from deposit d left join bank_account b on b.company_id = d.company_id and b.id = d.bank_account_id""",
    "banking.deposit.voided": """
        select v.company_id, p.event_id, jsonb_build_object('deposit_id', d.id, 'bank_account_id', d.bank_account_id,
            'occurred_on', v.voided_on, 'posting_on', v.posting_on, 'fee', d.fee, 'total', d.fee - p.amount, 'reason', v.reason,
            'reverses', d.event_id, 'items', (
                select coalesce(jsonb_agg(jsonb_build_object('receipt_id', i.receipt_id, 'amount', i.amount)
                    order by i.receipt_id), '[]')
                from deposit_item i where i.company_id = d.company_id and i.deposit_id = d.id and not exists (
                    select from bank_posting r where r.company_id = i.company_id and r.deposit_id = i.deposit_id
                    and r.receipt_id = i.receipt_id)))
        from deposit_void v join deposit d on d.company_id = v.company_id and d.id = v.deposit_id
        left join bank_posting p on p.company_id = v.company_id and p.deposit_id = v.deposit_id and p.kind = 'deposit_voided'""",
    "banking.item.returned": """
        select p.company_id, p.event_id, jsonb_build_object('deposit_id', p.deposit_id, 'receipt_id', p.receipt_id,
            'bank_account_id', p.bank_account_id, 'occurred_on', p.occurred_on, 'posting_on', p.posting_on, 'amount', -p.amount)
        from bank_posting p where p.kind = 'item_returned'""",
    "ledger.manual_entry.posted": """
        select m.company_id, m.event_id, jsonb_build_object('manual_entry_id', m.id, 'currency', m.currency::text,
            'description', m.description, 'occurred_on', m.occurred_on, 'posting_on', m.posting_on, 'lines', (
                select jsonb_agg(jsonb_build_object('account', l.account, 'side', l.side, 'amount', l.amount, 'memo', l.memo)
                    order by l.line)
                from manual_entry_line l where l.company_id = m.company_id and l.manual_entry_id = m.id))
        from manual_entry m""",
    "ledger.manual_entry.reversed": """
        select r.company_id, r.event_id, jsonb_build_object('manual_entry_id', r.manual_entry_id, 'reason', r.reason,
            'occurred_on', r.occurred_on, 'posting_on', r.posting_on, 'reverses', m.event_id)
        from manual_entry_reversal r
        left join manual_entry m on m.company_id = r.company_id and m.id = r.manual_entry_id""",
}
"""Event type -> company, event and the document's content in the names of the event, from the tables of its service."""


def documents(reading: Reading) -> Iterator[Breach]:
    """A6: each event tells of exactly one document, each document is told of once, and both say the same."""
    for service in reading.urls:
        types = [type for type in TOLD if type.startswith(service + ".")]
        events = {event.event_id: event for event in reading.own_events(service) if event.type in types} if types else {}
        for type in types:
            rows = reading.moments[service].execute(TOLD[type]).fetchall()
            counted = Counter(event_id for _, event_id, _ in rows)
            for event in events.values():
                if event.type == type and counted[event.event_id] != 1:
                    yield Breach("A6", service, event.company_id, f"{counted[event.event_id]} documents of {event}")
            for company_id, event_id, document in rows:
                event = events.get(event_id)
                if event is None or event.type != type or event.company_id != company_id:
                    yield Breach("A6", service, company_id, f"no event {type} {event_id} tells of {_name(document)}")
                    continue
                for name, value in document.items():
                    if event.data[name] != value:
                        what = f"{_name(document)}: {name} is {value}, {event} says {event.data[name]}"
                        yield Breach("A6", service, company_id, what)


def _name(document: dict[str, Any]) -> str:
    """The first field is the document's id."""
    (name, value), *_ = ((name, value) for name, value in document.items() if name in IDS)
    return f"{name.removesuffix('_id').replace('_', ' ')} {value}"


IDS = ("application_id", "prepayment_application_id", "manual_entry_id", "deposit_id", "receipt_id", "invoice_id")
