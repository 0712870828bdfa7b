"""Reads all databases and names what breaks the invariants of a product that loses nothing and does nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.rig import (
    agreement,
    chain,
    copies,
    deposits,
    documents,
    entries,
    guards,
    journal,
    logs,
    money,
    receivables,
    sagas,
    subledger,
    tenants,
    writes,
)
from tests.rig.breach import Breach
from tests.rig.history import Attempt
from tests.rig.reading import Reading

Rule = Callable[[Reading], Iterator[Breach]]

ALWAYS: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (journal.entries_balance, ("ledger",)),
    (journal.stored_balances, ("ledger",)),
    (journal.entry_numbers, ("ledger",)),
    (chain.hashes, ("ledger",)),
    (chain.closed_periods, ("ledger",)),
    (entries.entries, ("ledger",)),
    (receivables.invoice_balances, ("billing",)),
    (receivables.invoice_numbers, ("billing",)),
    (subledger.postings, ("billing",)),
    (money.receipts, ("payments",)),
    (subledger.displacements, ("payments", "billing")),
    (deposits.places, ("banking",)),
    (deposits.bank_postings, ("banking",)),
    (documents.documents, ()),
    (copies.copies, ()),
    (tenants.references, ()),
    (logs.logs, ()),
    (guards.guards, ()),
)
"""Rules that hold at any committed moment, each with the services that it reads."""

AT_REST: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (agreement.receivables, ("ledger", "billing")),
    (agreement.prepayments, ("ledger", "payments")),
    (agreement.undeposited, ("ledger", "payments", "banking")),
    (agreement.banks, ("ledger", "banking")),
    (agreement.sales_tax, ("ledger", "billing")),
    (subledger.answered, ("billing", "payments")),
    (sagas.closings, ("ledger",)),
    (sagas.jobs, ()),
    (logs.logs_at_rest, ()),
)
"""Rules that hold once input has stopped and everything is taken in."""


def check(
    urls: Mapping[str, Mapping[str, str]],
    *,
    settled: bool,
    attempts: Sequence[Attempt] = (),
    companies: Sequence[int] | None = None,
) -> list[Breach]:
    """Every breach in the databases of `urls` (service -> role -> URL), read as their owner; empty where all is well.

    `settled`: input has stopped and all is taken in, so also what holds only then is checked. `attempts`: every write that was
    sent, with what came back. `companies`: only these.
    """
    rules = [*ALWAYS, *(AT_REST if settled else ())]
    with Reading(urls, companies) as reading:
        found = [breach for rule, needs in rules if reading.has(*needs) for breach in rule(reading)]
        return [*found, *(writes.writes(reading, attempts) if attempts else ())]
