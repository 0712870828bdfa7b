"""The event log: facts are stated in a transaction, numbered without gaps, published in pages, taken in once.

The logs are the truth and the broker is the fast path: what a broker loses is fetched from the producer's log.
"""
