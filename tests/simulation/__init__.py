"""Seeded runs of the whole system in one process: real code, real PostgreSQL, a moved clock, a bus that loses and shuffles.

A seed decides everything: what clients do, when relays publish, what the bus does to a page, where a process dies. The same seed
gives the same run, so what fails can be looked at again: `python -m tests.simulation --seed 17 --trace`.
"""
