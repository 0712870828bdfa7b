"""Proves the books while they run: each owner's figure, fixed with its clock, against the ledger's at that same clock.

What cannot be compared is unknown, never green by guess. A difference is a defect, shown with the documents that cause it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from services.ledger.proofs import domain, store
from services.ledger.proofs.domain import CHAIN, CLAIMS, Claim, Difference, Key, Proof, State
from services.ledger.verification import store as chain
from services.ledger.verification.usecases import since_checkpoint, verify
from shared.context import Context
from shared.db import hold_while_asking
from shared.log import store as log
from shared.peers import Peers, PeerUnreachable

WAIT_S = 5.0
LOOK_S = 0.02
CHAIN_STEP = 20_000
NAMED_AT_MOST = 20


class NotNow(Exception):
    """A figure that cannot be had just now, with the reason."""


def prove(ctx: Context, peers: Peers | None, wait_s: float = WAIT_S) -> list[Proof]:
    """P1 to P5 of the company: green, red (with what differs), or unknown (with the reason).

    Waits at most `wait_s` in all for the ledger to be where the others were.
    """
    hold_while_asking(ctx.session)
    deadline = time.monotonic() + wait_s
    answers: dict[str, Mapping[str, Any] | NotNow] = {}
    for owner in dict.fromkeys(claim.owner for claim in CLAIMS):
        try:
            answers[owner] = _ask(ctx, peers, owner)
        except NotNow as reason:
            answers[owner] = reason
    waiting = [(producer, f"{producer}:{event_id}") for producer, event_id in store.parked(ctx.session, ctx.company_id)]
    forked = log.forks(ctx.session)
    found = [_compare(ctx, peers, claim, answers[claim.owner], waiting, forked, deadline) for claim in CLAIMS]
    return [prove_chain(ctx, [name for _, name in waiting]), *found]


def _ask(ctx: Context, peers: Peers | None, owner: str, **params: str) -> Mapping[str, Any]:
    if peers is None:
        raise NotNow("the other services cannot be asked from here")
    try:
        answer = peers.get(owner, "/internal/proof", company=ctx.company_id, **params)
    except PeerUnreachable as error:
        raise NotNow(str(error)) from error
    if answer.status_code != 200:
        raise NotNow(f"{owner} answered {answer.status_code} to a proof")
    result: Mapping[str, Any] = answer.json()
    return result


def _compare(
    ctx: Context,
    peers: Peers | None,
    claim: Claim,
    answer: Mapping[str, Any] | NotNow,
    waiting: Iterable[tuple[str, str]],
    forked: Mapping[str, str],
    deadline: float,
) -> Proof:
    parked = [name for producer, name in waiting if producer in claim.depends_on]
    proof = Proof(claim.code, claim.title, State.GREEN)
    if isinstance(answer, NotNow):
        proof.state, proof.reason = State.UNKNOWN, str(answer)
        return proof
    proof.clock = _clock(claim, answer)
    try:
        _same_logs(claim, forked, answer)
        ledger = _figures(ctx, claim, proof.clock, deadline)
    except NotNow as reason:
        proof.state, proof.reason = State.UNKNOWN, str(reason)
    else:
        owned = domain.owned(claim, answer[claim.figure])
        proof.ledger, proof.owner = domain.totals(ledger), domain.totals(owned)
        proof.differences = domain.differences(ledger, owned)
        if proof.differences:
            proof.state = State.RED
            proof.differences, proof.reason = _with_documents(ctx, peers, claim, proof.differences, deadline)
    if parked := [*parked, *(f"{name} in {claim.owner}" for name in answer["parked"])]:
        proof.state = State.RED
        proof.reason = "; ".join(filter(None, (f"events wait for a person: {_listed(parked)}", proof.reason)))
    return proof


def _clock(claim: Claim, answer: Mapping[str, Any]) -> dict[str, int]:
    return {producer: int(answer["clock"].get(producer, 0)) for producer in claim.depends_on}


def _same_logs(claim: Claim, forked: Mapping[str, str], answer: Mapping[str, Any]) -> None:
    """Raises NotNow where a log that the claim depends on has forked, to the ledger or to the owner: a number in its clock
    then does not mean the same events to both."""
    of_owner = answer.get("forked") or {}
    for producer in claim.depends_on:
        for reader, reason in (("ledger", forked.get(producer)), (claim.owner, of_owner.get(producer))):
            if reason:
                raise NotNow(f"log forked: {reason.removeprefix('log forked: ')} (seen by {reader})")


def _figures(ctx: Context, claim: Claim, clock: Mapping[str, int], deadline: float) -> dict[Key, int]:
    """The ledger's figures as they were at the clock. Raises NotNow where it has not taken everything in by the deadline."""
    while True:
        found = store.snapshot(ctx.session, claim, ctx.company_id, clock)
        behind = [
            f"{found.positions.get(producer, 0)} of {number} from {producer}"
            for producer, number in clock.items()
            if found.positions.get(producer, 0) < number
        ]
        if not behind:
            return domain.at_clock(found.stored, found.later)
        if time.monotonic() >= deadline:
            raise NotNow(f"the ledger has not taken everything in: {', '.join(behind)}")
        time.sleep(LOOK_S)


def _with_documents(
    ctx: Context, peers: Peers | None, claim: Claim, found: list[Difference], deadline: float
) -> tuple[list[Difference], str]:
    """The differences with the documents on which both sides disagree, asked for anew at a clock of their own."""
    keys = sorted({difference.key for difference in found})[:NAMED_AT_MOST]
    try:
        answer = _ask(ctx, peers, claim.owner, documents=",".join(keys))
        clock = _clock(claim, answer)
        _figures(ctx, claim, clock, max(deadline, time.monotonic() + 1))
    except NotNow as reason:
        return found, f"the documents cannot be named: {reason}"
    posted = store.documents(ctx.session, claim, ctx.company_id, clock, keys)
    labels = {document: label for (document, _), (_, label) in posted.items()}
    owned: dict[Key, int] = {}
    for _, document, label, currency, amount in answer.get("documents", []):
        owned[document, currency] = owned.get((document, currency), 0) + claim.sign * amount
        labels[document] = label or labels.get(document, "")
    differing = domain.differences({key: amount for key, (amount, _) in posted.items()}, owned)
    if not differing:
        return found, "every document agrees, so a stored balance differs from its postings, or the difference has gone"
    named = tuple(f"{item.key} {labels.get(item.key, '')}".strip() for item in differing[:NAMED_AT_MOST])
    return [replace(difference, documents=named) for difference in found], ""


def prove_chain(ctx: Context, parked: list[str]) -> Proof:
    """P1: every entry since the last proof is whole, balanced, numbered without a gap and chained to the one before.

    Also that the entry where the last proof ended is still the one it was, that the stored balances are whole, and that no
    event waits for a person, whose entry would be missing.
    """
    proof = Proof(CHAIN.code, CHAIN.title, State.GREEN)
    number, hash_ = chain.checkpoint(ctx.session, ctx.company_id)
    found = verify(ctx.session, ctx.company_id, number, hash_, CHAIN_STEP)
    gone = since_checkpoint(ctx.session, ctx.company_id, number, hash_, found.last)
    # a checkpoint that no longer fits stays, or the next proof would begin after it and be green
    if found.number > number and not gone:
        chain.move_checkpoint(ctx.session, ctx.company_id, found.number, found.hash)
    wrong = [str(fault) for fault in (*gone, *found.faults)]
    wrong += [
        f"stored balances of {item.what} differ: {item.one} and {item.other} {item.currency}"
        for item in store.uneven_balances(ctx.session, ctx.company_id)
    ]
    if parked:
        wrong.append(f"events wait for a person: {_listed(parked)}")
    if wrong:
        proof.state, proof.reason = State.RED, "; ".join(wrong)
    elif found.number < found.last:
        proof.state, proof.reason = State.UNKNOWN, f"verified through entry {found.number} of {found.last}; ask again to go on"
    proof.clock = {"entry": found.number}
    return proof


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(names[:NAMED_AT_MOST]) + more
