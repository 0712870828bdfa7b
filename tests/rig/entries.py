"""Every event that posts has one entry, and the entry says what the event says (A6).

What an event must post is written down here a second time, from the books' rules and not from the ledger's code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tests.rig.breach import Breach
from tests.rig.reading import Event, Reading

Fact = dict[str, Any]


class Line(NamedTuple):
    """`account` is a code, or a role between `<` and `>`; debits are above zero; `document` None is the entry's own."""

    account: str
    amount: int
    customer: str | None = None
    document: str | None = None


def _invoice(fact: Fact) -> list[Line]:
    sold = [Line(line["account"] or "<sales>", -line["amount"]) for line in fact["lines"]]
    extra = [Line("<freight>", -fact["freight"]), Line("<sales_tax>", -fact["tax"])]
    return [Line("<ar>", fact["total"], fact["customer_id"]), *sold, *extra]


def _receipt(fact: Fact) -> list[Line]:
    lines = [Line(fact["cash_account"] or "<undeposited>", fact["amount"])]
    for line in fact["lines"]:
        if line["kind"] == "account":
            lines.append(Line(line["account"], -line["amount"]))
        else:
            role, document = ("<ar>", "invoice_id") if line["kind"] == "invoice" else ("<prepayments>", "prepayment_id")
            lines.append(Line(role, -line["amount"], fact["customer_id"], line[document]))
    return lines


def _applied(fact: Fact) -> list[Line]:
    customer = fact["customer_id"]
    return [
        line
        for part in fact["applications"]
        for line in (
            Line("<prepayments>", part["amount"], customer, part["prepayment_id"]),
            Line("<ar>", -part["amount"], customer, part["invoice_id"]),
        )
    ]


def _displaced(fact: Fact) -> list[Line]:
    customer, amount = fact["customer_id"], fact["amount"]
    return [
        Line("<ar>", amount, customer, fact["invoice_id"]),
        Line("<prepayments>", -amount, customer, fact["prepayment_id"]),
    ]


def _deposit(fact: Fact) -> list[Line]:
    items = [Line("<undeposited>", -item["amount"], None, item["receipt_id"]) for item in fact["items"]]
    fee = Line(fact["fee_account"] or "<bank_fees>", fact["fee"])
    return [Line(fact["account"], fact["total"] - fact["fee"]), fee, *items]


def _returned(fact: Fact) -> list[Line]:
    return [Line("<undeposited>", fact["amount"], None, fact["receipt_id"]), Line(fact["account"], -fact["amount"])]


def _by_hand(fact: Fact) -> list[Line]:
    return [Line(line["account"], line["amount"] if line["side"] == "debit" else -line["amount"]) for line in fact["lines"]]


def _reverse(lines: Callable[[Fact], list[Line]]) -> Callable[[Fact], list[Line]]:
    return lambda fact: [line._replace(amount=-line.amount) for line in lines(fact)]


POSTS: dict[str, tuple[str, Callable[[Fact], list[Line]]]] = {
    "billing.invoice.issued": ("invoice_id", _invoice),
    "billing.invoice.voided": ("invoice_id", _reverse(_invoice)),
    "payments.receipt.posted": ("receipt_id", _receipt),
    "payments.receipt.voided": ("receipt_id", _reverse(_receipt)),
    "payments.prepayment.applied": ("prepayment_application_id", _applied),
    "payments.application.displaced": ("receipt_id", _displaced),
    "banking.deposit.posted": ("deposit_id", _deposit),
    "banking.deposit.voided": ("deposit_id", _reverse(_deposit)),
    "banking.item.returned": ("deposit_id", _returned),
    "ledger.manual_entry.posted": ("manual_entry_id", _by_hand),
    "ledger.manual_entry.reversed": ("manual_entry_id", _by_hand),
}
"""Event type -> the field that names the document, and the lines that the event posts."""

ENTRIES = """
select company_id, number, event_id, producer, sequence, document_id, subject, currency, occurred_on::text as occurred_on,
    posting_on::text as posting_on, recorded_at, reverses,
    (select coalesce(jsonb_agg(jsonb_build_array(account, case side when 'debit' then amount else -amount end, customer_id,
        document_id) order by line), '[]')
     from posting p where p.company_id = e.company_id and p.entry_number = e.number) as postings
from journal_entry e order by company_id, number
"""

Roles = dict[tuple[int, str], set[str]]
"""Company and role -> every account that ever filled it."""


def entries(reading: Reading) -> Iterator[Breach]:
    """A6: exactly one entry for each event that posts and was taken in, none for anything else, each as its event says."""
    producers = [name for name in ("billing", "payments", "banking", "ledger") if reading.has(name)]
    stated = {event.event_id: event for name in producers for event in reading.taken_in("ledger", name) if _lines(event)}
    found = reading.rows("ledger", ENTRIES)
    counted = Counter(entry.event_id for entry in found)
    roles = _roles(reading)
    for event in stated.values():
        if counted[event.event_id] != 1:
            yield Breach("A6", "ledger", event.company_id, f"{counted[event.event_id]} entries for {event.seq} {event}")
    for entry in found:
        if entry.producer in producers:
            for what in _unlike(entry, stated.get(entry.event_id), roles):
                yield Breach("A6", "ledger", entry.company_id, f"entry {entry.number} of {entry.event_id}: {what}")


def _lines(event: Event) -> list[Line]:
    if event.type not in POSTS:
        return []
    return [line for line in POSTS[event.type][1](event.data) if line.amount]


def _roles(reading: Reading) -> Roles:
    roles: Roles = {}
    for event in reading.events("ledger"):
        if event.type == "ledger.role.assigned":
            roles.setdefault((event.company_id, f"<{event.data['role']}>"), set()).add(event.data["account"])
    return roles


def _unlike(entry: Any, event: Event | None, roles: Roles) -> Iterator[str]:
    if event is None:
        yield f"no event {entry.sequence} of {entry.producer} that was taken in says so"
        return
    said = {
        "company_id": event.company_id,
        "producer": event.body["source"],
        "sequence": event.seq,
        "subject": event.subject,
        "recorded_at": event.recorded_at,
        "document_id": event.data[POSTS[event.type][0]],
        "reverses": event.data.get("reverses"),
        **{name: event.data[name] for name in ("currency", "occurred_on", "posting_on")},
    }
    for name, value in said.items():
        if getattr(entry, name) != value:
            yield f"{name} is {getattr(entry, name)}, its event says {value}"
    expected, posted = _lines(event), [Line(*posting) for posting in entry.postings]
    if len(expected) != len(posted):
        yield f"{len(posted)} postings, its event makes {len(expected)}"
    for number, (line, posting) in enumerate(zip(expected, posted, strict=False), 1):
        accounts = roles.get((event.company_id, line.account), {line.account})
        if posting.account not in accounts or posting[1:] != line[1:]:
            yield f"posting {number} is {tuple(posting)}, its event says {tuple(line)}"
