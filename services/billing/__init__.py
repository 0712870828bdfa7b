"""Billing: customers, terms, invoices and the signed AR sub-ledger."""
