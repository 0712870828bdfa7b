"""Import of receivables from a CSV: customers, invoices, receipts, and one deposit a day."""
