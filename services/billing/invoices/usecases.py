"""Invoices: drafted, issued with a number, voided. An issued invoice never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from services.billing.content import IdInUse, content_hash
from services.billing.invoices import store
from services.billing.invoices.domain import Amounts, Line, amounts, is_overdue, payment_state, settled_on
from services.billing.receivables import store as receivables
from services.billing.terms import store as terms_store
from services.billing.terms.domain import due_date
from services.billing.versions import require_version
from shared.accounts import check_accounts
from shared.context import Context
from shared.contracts.billing import InvoiceIssued, InvoiceLine, InvoiceVoided
from shared.errors import Conflict, Faults, Invalid, NotFound
from shared.ids import derived_id, new_id
from shared.periods import require_open


class InvoiceUnknown(NotFound):
    """There is no such invoice."""

    code = "invoice-not-found"


class InvoiceIsIssued(Conflict):
    """The invoice is issued and never changes again; void it, and issue another in its place."""

    code = "invoice-issued"


class InvoiceIsDraft(Conflict):
    """The invoice is a draft, which owes nothing; change or delete it."""

    code = "invoice-draft"


class InvoiceIsVoid(Conflict):
    """The invoice is void already."""

    code = "invoice-already-void"


class MoneyIsApplied(Conflict):
    """Money is applied to the invoice; void the receipts or take their money off it first."""

    code = "invoice-has-money-applied"


class VoidTooEarly(Invalid):
    """A void cannot be dated before its invoice, nor before the last posting on it."""

    code = "void-too-early"


class NumberTaken(Invalid):
    """An invoice has this outside number already."""

    code = "invoice-number-taken"


def create_invoice(ctx: Context, asked: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """A draft, or with `issue` an issued invoice with its number; and whether it is new.

    The same id with the same content answers the invoice that exists. Issuing states billing.invoice.issued.
    Raises IdInUse, FaultsFound.
    """
    hashed = content_hash(asked)
    if asked.get("id"):
        known = store.get(ctx.session, ctx.company_id, asked["id"])
        if known is not None:
            if known["content_hash"] != hashed:
                raise IdInUse(pointer="/id", id=asked["id"])
            return get_invoice(ctx, asked["id"]), False
    header, counted = _checked(ctx, asked, issue=asked["issue"])
    header |= {
        "id": asked.get("id") or new_id("inv"),
        "content_hash": hashed,
        "created_by": ctx.actor,
        "number": asked.get("number"),
    }
    if not asked["issue"]:
        store.add_draft(ctx.session, header, counted.lines)
        return get_invoice(ctx, header["id"]), True
    header["event_id"] = new_id("evt")
    made = store.add_issued(ctx.session, header, counted.lines)
    header |= {"number": made.number, "series": made.series, "created_at": made.created_at, "issued_at": made.issued_at}
    _state_issued(ctx, header, counted.lines)
    return _view(ctx, {**header, "state": "issued", "balance": counted.total, "version": 1}, counted.lines), True


def change_draft(ctx: Context, invoice_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces the content of a draft. Raises InvoiceUnknown, InvoiceIsIssued, ChangedMeanwhile, FaultsFound."""
    current = _draft(ctx, invoice_id)
    require_version(asked["version"], current)
    header, counted = _checked(ctx, asked, issue=False)
    store.replace_draft(ctx.session, {**header, "id": invoice_id}, counted.lines)
    return get_invoice(ctx, invoice_id)


def delete_draft(ctx: Context, invoice_id: str, version: int) -> None:
    """Deletes a draft; it had no number, so none is missing. Raises InvoiceUnknown, InvoiceIsIssued, ChangedMeanwhile."""
    require_version(version, _draft(ctx, invoice_id))
    store.delete_draft(ctx.session, ctx.company_id, invoice_id)


def issue_invoice(ctx: Context, invoice_id: str, number: str | None = None) -> dict[str, Any]:
    """Issues a draft as it stands: the next number, or one from outside. States billing.invoice.issued.

    Raises InvoiceUnknown, InvoiceIsIssued, FaultsFound.
    """
    draft = _draft(ctx, invoice_id)
    lines = store.lines_of(ctx.session, ctx.company_id, invoice_id)
    with Faults() as faults:
        party = store.party(ctx.session, ctx.company_id, draft["customer_id"], draft["terms_id"], number)
        assert party is not None
        _check_party(party, number, faults)
        require_open(ctx, draft["issued_on"], "/issued_on", faults)
        _check_line_accounts(ctx, lines, faults)
    event_id = new_id("evt")
    made = store.issue_draft(ctx.session, ctx.company_id, invoice_id, number, event_id, ctx.actor)
    _state_issued(ctx, {**draft, "number": made.number, "event_id": event_id}, lines)
    return get_invoice(ctx, invoice_id)


def void_invoice(ctx: Context, invoice_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The invoice is owed no longer, from `voided_on` (today by default). States billing.invoice.voided.

    Raises InvoiceUnknown, InvoiceIsDraft, InvoiceIsVoid, MoneyIsApplied (which names what is applied), FaultsFound.
    """
    invoice = store.get(ctx.session, ctx.company_id, invoice_id)
    if invoice is None:
        raise InvoiceUnknown()
    if invoice["state"] == "draft":
        raise InvoiceIsDraft()
    balance = receivables.lock_balance(ctx.session, ctx.company_id, invoice_id)
    # read after the lock: a void or an application that this one waited for is seen here
    if store.void_of(ctx.session, ctx.company_id, invoice_id) is not None:
        raise InvoiceIsVoid()
    postings = receivables.postings_of(ctx.session, ctx.company_id, invoice_id)
    if balance != invoice["total"]:
        raise MoneyIsApplied(applications=_applied(postings))
    voided_on = asked.get("voided_on") or ctx.today()
    earliest = max(posting["posting_on"] for posting in postings)
    with Faults() as faults:
        if voided_on < earliest:
            faults.add("/voided_on", VoidTooEarly(f"the void cannot be dated before {earliest}", earliest=earliest.isoformat()))
        posting_on = require_open(ctx, voided_on, "/voided_on", faults)
    lines = store.lines_of(ctx.session, ctx.company_id, invoice_id)
    issued = next(posting for posting in postings if posting["kind"] == "invoice")
    event_id = ctx.state(
        InvoiceVoided(
            **_told(invoice, lines),
            occurred_on=voided_on,
            posting_on=posting_on,
            reverses=issued["event_id"],
            reason=asked["reason"],
        ),
        subject=invoice_id,
    )
    store.add_void(ctx.session, ctx.company_id, invoice_id, voided_on, posting_on, asked["reason"], event_id, ctx.actor)
    receivables.add_own_posting(
        ctx.session,
        kind="void",
        amount=-invoice["total"],
        occurred_on=voided_on,
        posting_on=posting_on,
        event_id=event_id,
        **_owed_by(ctx, invoice),
    )
    receivables.set_balance(ctx.session, ctx.company_id, invoice_id, 0)
    return get_invoice(ctx, invoice_id)


def get_invoice(ctx: Context, invoice_id: str) -> dict[str, Any]:
    """The invoice with its lines, its postings in the sub-ledger and what follows from them. Raises InvoiceUnknown."""
    invoice = store.get(ctx.session, ctx.company_id, invoice_id)
    if invoice is None:
        raise InvoiceUnknown()
    view = _view(ctx, invoice, store.lines_of(ctx.session, ctx.company_id, invoice_id))
    if invoice["state"] == "draft":
        return view
    postings = receivables.postings_of(ctx.session, ctx.company_id, invoice_id)
    view["postings"] = [with_entry(posting) for posting in postings]
    view["settled_on"] = settled_on([(posting["posting_on"], posting["amount"]) for posting in postings])
    view["void"] = store.void_of(ctx.session, ctx.company_id, invoice_id)
    return view


def with_derived(ctx: Context, invoice: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of the list with what its balance says."""
    live = invoice["state"] == "issued"
    return {
        **invoice,
        "payment_state": payment_state(invoice["total"], invoice["balance"]) if live else None,
        "overdue": live and is_overdue(invoice["balance"], invoice["due_on"], ctx.today()),
    }


def with_entry(posting: Mapping[Any, Any]) -> dict[str, Any]:
    """A posting with the journal entry that its event causes in the ledger."""
    return {**posting, "entry_id": derived_id("je", posting["event_id"])}


def _checked(ctx: Context, asked: Mapping[str, Any], *, issue: bool) -> tuple[dict[str, Any], Amounts]:
    """The invoice's values and amounts, with everything decided that was left open. Raises FaultsFound with every fault."""
    issued_on = asked.get("issued_on") or ctx.today()
    number = asked.get("number")
    with Faults() as faults:
        party = store.party(ctx.session, ctx.company_id, asked["customer_id"], asked.get("terms_id"), number)
        if party is None:
            faults.add("/customer_id", "there is no such customer", code="customer-unknown")
        else:
            _check_party(party, number, faults, terms_named=bool(asked.get("terms_id")))
        currency = asked.get("currency") or (party.currency if party else ctx.currency)
        counted = amounts(asked["lines"], asked.get("freight"), currency, faults)
        _check_line_accounts(ctx, counted.lines, faults)
        due_on = asked.get("due_on")
        if due_on is None and party is not None and party.kind is not None:
            due_on = due_date(terms_store.rule(party._mapping), issued_on)
        if due_on is None:
            due_on = issued_on
        elif due_on < issued_on:
            faults.add("/due_on", f"an invoice of {issued_on} cannot be due before that", code="due-before-issued")
        if issue:
            require_open(ctx, issued_on, "/issued_on", faults)
        elif number:
            faults.add("/number", "a number from outside is given when the invoice is issued", code="number-needs-issue")
    assert party is not None
    header = {
        "company_id": ctx.company_id,
        "customer_id": asked["customer_id"],
        "customer_code": party.code,
        "customer_name": party.name,
        "currency": currency,
        "issued_on": issued_on,
        "due_on": due_on,
        "posting_on": issued_on,
        "terms_id": party.terms_id,
        "customer_reference": asked.get("customer_reference", ""),
        "notes": asked.get("notes", ""),
        "lines_total": counted.lines_total,
        "freight": counted.freight,
        "tax": counted.tax,
        "total": counted.total,
    }
    return header, counted


def _check_party(party: Any, number: str | None, faults: Faults, *, terms_named: bool = False) -> None:
    if not party.active:
        faults.add("/customer_id", f"{party.name} is not active", code="customer-inactive")
    if terms_named and party.terms_id is None:
        faults.add("/terms_id", "there are no such terms", code="terms-unknown")
    elif terms_named and not party.terms_active:
        faults.add("/terms_id", f"the terms {party.terms} are not active", code="terms-inactive")
    if number and party.number_taken:
        faults.add("/number", NumberTaken(f"an invoice has the outside number {number} already", number=number))


def _check_line_accounts(ctx: Context, lines: list[Line], faults: Faults) -> None:
    check_accounts(ctx, [(f"/lines/{line.line - 1}/account", line.account) for line in lines if line.account], faults)


def _draft(ctx: Context, invoice_id: str) -> Mapping[Any, Any]:
    """The draft, locked. Raises InvoiceUnknown, InvoiceIsIssued."""
    row = store.lock_draft(ctx.session, ctx.company_id, invoice_id)
    if row is None:
        raise InvoiceUnknown()
    if row["number"] is not None:
        raise InvoiceIsIssued(number=row["number"])
    return row


def _state_issued(ctx: Context, invoice: Mapping[Any, Any], lines: list[Line]) -> None:
    ctx.state(
        InvoiceIssued(
            **_told(invoice, lines),
            occurred_on=invoice["issued_on"],
            posting_on=invoice["posting_on"],
            due_on=invoice["due_on"],
            issued_on=invoice["issued_on"],
            customer_reference=invoice["customer_reference"],
        ),
        subject=invoice["id"],
        event_id=invoice["event_id"],
    )


def _told(invoice: Mapping[Any, Any], lines: list[Line]) -> dict[str, Any]:
    return {
        "invoice_id": invoice["id"],
        "number": invoice["number"],
        "customer_id": invoice["customer_id"],
        "currency": invoice["currency"],
        "total": invoice["total"],
        "lines": [
            InvoiceLine(line=line.line, description=line.description, amount=line.amount, account=line.account) for line in lines
        ],
        "freight": invoice["freight"],
        "tax": invoice["tax"],
    }


def _owed_by(ctx: Context, invoice: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "company_id": ctx.company_id,
        "invoice_id": invoice["id"],
        "customer_id": invoice["customer_id"],
        "currency": invoice["currency"],
    }


def _applied(postings: Sequence[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    """What is still applied, by application: its document and its amount."""
    live: dict[str, dict[str, Any]] = {}
    for posting in postings:
        if posting["application_id"]:
            item = live.setdefault(
                posting["application_id"],
                {
                    "application_id": posting["application_id"],
                    "document_id": posting["document_id"],
                    "amount": 0,
                    "currency": posting["currency"],
                },
            )
            item["amount"] -= posting["amount"]
    return [item for item in live.values() if item["amount"]]


def _view(ctx: Context, invoice: Mapping[Any, Any], lines: list[Line]) -> dict[str, Any]:
    currency = invoice["currency"]
    return {**with_derived(ctx, invoice), "lines": [{**asdict(line), "currency": currency} for line in lines]}
