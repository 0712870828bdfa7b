"""The open items against the sub-ledger that they are sums of."""
