"""Rows of one company name only rows of the same (A7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.rig.breach import Breach
from tests.rig.reading import Reading


class Reference(NamedTuple):
    """A column that names a row of another table, whose key is the company and `key`."""

    table: str
    column: str
    parent: str
    key: str = "id"


REFERENCES: dict[str, tuple[Reference, ...]] = {
    "billing": (
        Reference("customer", "terms_id", "terms"),
        Reference("invoice", "customer_id", "customer"),
        Reference("invoice", "terms_id", "terms"),
        Reference("invoice_line", "invoice_id", "invoice"),
        Reference("invoice_void", "invoice_id", "invoice"),
        Reference("ar_posting", "invoice_id", "invoice"),
        Reference("ar_posting", "customer_id", "customer"),
        Reference("open_item", "invoice_id", "invoice"),
        Reference("open_item", "customer_id", "customer"),
    ),
    "payments": (
        Reference("receipt", "payment_type_id", "payment_type"),
        Reference("receipt", "customer_id", "copy_customer"),
        Reference("receipt_void", "receipt_id", "receipt"),
        Reference("receipt_line", "receipt_id", "receipt"),
        Reference("receipt_line", "application_id", "application"),
        Reference("receipt_line", "prepayment_id", "prepayment"),
        Reference("receipt_line", "invoice_id", "open_invoice", "invoice_id"),
        Reference("prepayment", "receipt_id", "receipt"),
        Reference("prepayment", "customer_id", "copy_customer"),
        Reference("prepayment_balance", "prepayment_id", "prepayment"),
        Reference("prepayment_application", "customer_id", "copy_customer"),
        Reference("application", "receipt_id", "receipt"),
        Reference("application", "invoice_id", "open_invoice", "invoice_id"),
        Reference("application", "prepayment_id", "prepayment"),
        Reference("application", "prepayment_application_id", "prepayment_application"),
        Reference("displacement", "application_id", "application"),
        Reference("displacement", "prepayment_id", "prepayment"),
        Reference("displacement", "receipt_id", "receipt"),
        Reference("open_invoice", "invoice_id", "copy_invoice"),
        Reference("copy_invoice", "customer_id", "copy_customer"),
        Reference("copy_deposited_receipt", "receipt_id", "receipt"),
    ),
    "banking": (
        Reference("deposit", "bank_account_id", "bank_account"),
        Reference("deposit_item", "deposit_id", "deposit"),
        Reference("deposit_item", "receipt_id", "copy_receipt"),
        Reference("deposit_void", "deposit_id", "deposit"),
        Reference("deposit_import", "deposit_id", "deposit"),
        Reference("receipt_place", "receipt_id", "copy_receipt"),
        Reference("receipt_place", "deposit_id", "deposit"),
        Reference("bank_posting", "bank_account_id", "bank_account"),
        Reference("bank_posting", "deposit_id", "deposit"),
        Reference("bank_posting", "receipt_id", "copy_receipt"),
    ),
    "ledger": (
        Reference("role", "account", "account", "code"),
        Reference("posting", "account", "account", "code"),
        Reference("posting", "entry_number", "journal_entry", "number"),
        Reference("manual_entry_line", "manual_entry_id", "manual_entry"),
        Reference("manual_entry_line", "account", "account", "code"),
        Reference("manual_entry_reversal", "manual_entry_id", "manual_entry"),
        Reference("period_answer", "close_id", "period_close"),
    ),
    "identity": (
        Reference("person", "role", "role", "name"),
        Reference("password", "person_id", "person"),
        Reference("api_key", "role", "role", "name"),
        Reference("api_key_secret", "api_key_id", "api_key"),
    ),
}


def references(reading: Reading) -> Iterator[Breach]:
    """A7: whatever a row names is there, in the row's own company."""
    for service in reading.urls:
        for reference in REFERENCES.get(service, ()):
            yield from reading.found("A7", service, _strays(reference))


def _strays(reference: Reference) -> str:
    table, column, parent, key = reference
    return (
        f"select c.company_id, '{table} names {column} ' || c.{column} || ', which its company does not have' || "
        f"coalesce(' but company ' || (select min(o.company_id) from {parent} o where o.{key} = c.{column}), '') "
        f"from (select distinct company_id, {column} from {table} where {column} is not null) c "
        f"left join {parent} p on p.company_id = c.company_id and p.{key} = c.{column} where p.{key} is null"
    )
