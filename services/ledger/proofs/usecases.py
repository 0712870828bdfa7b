"""Proves the books while they run: each owner's figure, fixed with its clock, against the ledger's at that same clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from services.ledger.proofs import store
from services.ledger.proofs.domain import Difference, Key, Proof, State, differences, totals
from services.ledger.verification import store as chain
from services.ledger.verification.usecases import verify
from shared.log import store as log
from shared.peers import PeerUnreachable

Ask = Callable[..., Mapping[str, Any]]
"""`ask(service, **params)`: a service's answer to /internal/proof of the company. Raises PeerUnreachable."""
Snapshot = Callable[[], AbstractContextManager[Connection]]
"""Opens one REPEATABLE READ transaction of the ledger that sees the company."""

DEADLINE_S = 5.0
LOOK_S = 0.02
CHAIN_STEP = 20_000
NAMED_AT_MOST = 20

P2 = ("P2", "Accounts receivable and retention equal billing's sub-ledger, per customer", "billing", ("billing", "payments"))
P3 = ("P3", "Customer prepayments equal what payments holds unapplied, per customer", "payments", ("payments",))
P4 = ("P4", "Undeposited funds equal the receipts that are in no live deposit", "banking", ("banking", "payments"))
P5 = ("P5", "Each bank's ledger account equals banking's book balance", "banking", ("banking",))


def prove(snapshot: Snapshot, ask: Ask, company_id: int) -> list[Proof]:
    """P1 to P5 of one company. Each is green, red (with what differs), or unknown (with the reason); never green by guess."""
    return [
        prove_chain(snapshot, company_id),
        *_of_owner(snapshot, ask, company_id, "billing", [(P2, ["ar", "retention"], _by_customer("ar", 1), True)]),
        *_of_owner(snapshot, ask, company_id, "payments", [(P3, ["prepayments"], _by_customer("prepayments", -1), True)]),
        *_of_owner(
            snapshot,
            ask,
            company_id,
            "banking",
            [(P4, ["undeposited"], _undeposited, False), (P5, ["bank"], _by_customer("banks", 1), False)],
        ),
    ]


Figures = Callable[[Mapping[str, Any]], dict[Key, int]]


def _by_customer(name: str, sign: int) -> Figures:
    return lambda answer: {(key, currency): sign * amount for key, currency, amount in answer[name]}


def _undeposited(answer: Mapping[str, Any]) -> dict[Key, int]:
    return {("undeposited", currency): amount for currency, amount in answer["undeposited"]}


def _of_owner(
    snapshot: Snapshot, ask: Ask, company_id: int, owner: str, wanted: list[tuple[Any, list[str], Figures, bool]]
) -> Iterator[Proof]:
    try:
        answer = ask(owner)
    except PeerUnreachable as error:
        for (code, title, _, _), *_rest in wanted:
            yield Proof(code, title, State.UNKNOWN, reason=str(error))
        return
    for (code, title, _, producers), controls, figures, by_customer in wanted:
        clock = {producer: int(answer["clock"].get(producer, 0)) for producer in producers}
        proof = Proof(code, title, State.GREEN, clock=clock)
        with _at(snapshot, clock) as session:
            if session is None:
                proof.state, proof.reason = State.UNKNOWN, f"the ledger has not taken in {clock} within {DEADLINE_S:.0f} s"
                yield proof
                continue
            ledger = _keyed(store.figures(session, company_id, controls, clock, by_customer=by_customer), by_customer, controls)
            parked = [f"{item.producer}:{item.event_id}" for item in log.parked(session)]
        owned = figures(answer)
        proof.ledger, proof.owner = totals(ledger), totals(owned)
        proof.differences = differences(ledger, owned)
        if proof.differences:
            proof.state = State.RED
            proof.differences = _with_documents(snapshot, ask, company_id, owner, controls, by_customer, producers, proof.differences)
        if waiting := [*parked, *answer["parked"]]:
            proof.state, proof.reason = State.RED, f"events wait for a person: {', '.join(waiting[:NAMED_AT_MOST])}"
        yield proof


def _keyed(found: dict[Key, int], by_customer: bool, controls: list[str]) -> dict[Key, int]:
    if by_customer or controls == ["bank"]:
        return found
    summed: dict[Key, int] = {}
    for (_, currency), amount in found.items():
        summed[controls[0], currency] = summed.get((controls[0], currency), 0) + amount
    return {key: amount for key, amount in summed.items() if amount}


class _at:
    """A snapshot of the ledger that has taken in everything up to the clock; None where that takes too long."""

    def __init__(self, snapshot: Snapshot, clock: Mapping[str, int]):
        self.snapshot, self.clock = snapshot, clock
        self.opened: AbstractContextManager[Connection] | None = None

    def __enter__(self) -> Connection | None:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            self.opened = self.snapshot()
            session = self.opened.__enter__()
            positions = log.positions(session)
            if all(positions.get(producer, 0) >= number for producer, number in self.clock.items()):
                return session
            self.opened.__exit__(None, None, None)
            self.opened = None
            if time.monotonic() > deadline:
                return None
            time.sleep(LOOK_S)

    def __exit__(self, *error: Any) -> None:
        if self.opened is not None:
            self.opened.__exit__(*error)


def _with_documents(
    snapshot: Snapshot,
    ask: Ask,
    company_id: int,
    owner: str,
    controls: list[str],
    by_customer: bool,
    producers: tuple[str, ...],
    found: list[Difference],
) -> list[Difference]:
    """The differences with the documents on which both sides disagree, asked for anew at a clock of their own."""
    keys = sorted({difference.key for difference in found})[:NAMED_AT_MOST]
    try:
        answer = ask(owner, documents=",".join(keys))
    except PeerUnreachable:
        return found
    clock = {producer: int(answer["clock"].get(producer, 0)) for producer in producers}
    sign = -1 if controls == ["prepayments"] else 1
    with _at(snapshot, clock) as session:
        if session is None:
            return found
        accounts = keys
        if keys == ["undeposited"]:
            accounts = [code for code, _ in store.figures(session, company_id, controls, {}, by_customer=False)]
        ledger = store.documents(session, company_id, accounts, controls, clock, by_customer=by_customer)
    owned: dict[tuple[str, str], int] = {}
    labels: dict[str, str] = {}
    for _, document, label, currency, amount in answer.get("documents", []):
        owned[document, currency] = owned.get((document, currency), 0) + sign * amount
        labels[document] = label
    posted: dict[tuple[str, str], int] = {}
    for (_, document, currency), (amount, label) in ledger.items():
        posted[document, currency] = posted.get((document, currency), 0) + amount
        labels.setdefault(document, label)
    differing = [
        document for document, currency in sorted(posted.keys() | owned.keys()) if posted.get((document, currency), 0) != owned.get((document, currency), 0)
    ]
    named = tuple(f"{document} {labels[document]}".strip() for document in dict.fromkeys(differing))[:NAMED_AT_MOST]
    return [replace(difference, documents=named) for difference in found]


def prove_chain(snapshot: Snapshot, company_id: int) -> Proof:
    """P1: every entry since the last proof is whole, balanced, numbered without a gap and chained to the one before."""
    proof = Proof("P1", "Every entry balances, numbers have no gap, the hash chain verifies", State.GREEN)
    with snapshot() as session:
        number, hash_ = chain.checkpoint(session, company_id)
        found = verify(session, company_id, number, hash_, CHAIN_STEP)
        last, _ = chain.chain_head(session, company_id)
        if found.faults:
            proof.state = State.RED
            proof.reason = "; ".join(f"entry {fault.number}: {fault.detail}" for fault in found.faults)
        else:
            chain.move_checkpoint(session, company_id, found.number, found.hash)
            if found.number < last:
                proof.state, proof.reason = State.UNKNOWN, f"verified through entry {found.number} of {last}; ask again to go on"
    proof.clock = {"entry": found.number}
    return proof
