"""The hash chain over the journal, computed anew as its description says and not by the product's code; closed periods (A4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from hashlib import sha256
from typing import Any

from tests.rig.breach import Breach
from tests.rig.reading import Reading

ENTRIES = """
select company_id, number, event_id, producer, sequence, kind, document_id, document, subject, currency, occurred_on::text,
    posting_on::text, recorded_at, description, reverses, hash,
    (select coalesce(jsonb_agg(jsonb_build_array(line, account, side, amount, customer_id, document_id) order by line), '[]')
     from posting p where p.company_id = e.company_id and p.entry_number = e.number) as postings
from journal_entry e order by company_id, number
"""

HEADS = "select company_id, number, hash from chain_head"

CHECKPOINTS = """
select c.company_id, 'entry ' || c.number || ' no longer has the hash with which a proof found it whole'
from chain_checkpoint c left join journal_entry e on e.company_id = c.company_id and e.number = c.number
where c.number > 0 and e.hash is distinct from c.hash
"""

INTO_THE_PAST = """
select e.company_id, 'entry ' || e.number || ' (' || e.kind || ' ' || e.document_id || ') posts on ' || e.posting_on ||
    ', stated after the books were closed through ' || c.through || ' (' || c.id || ')'
from period_close c
join lateral (
    select service as producer, sequence from period_answer a where a.company_id = c.company_id and a.close_id = c.id
    union all
    select 'ledger', seq from event closed where closed.company_id = c.company_id and closed.subject = c.id
        and closed.type = 'ledger.period.closed') stopped on true
join journal_entry e on e.company_id = c.company_id and e.producer = stopped.producer and e.sequence > stopped.sequence
where c.state = 'closed' and e.posting_on <= c.through
"""


def hashes(reading: Reading) -> Iterator[Breach]:
    """A4: each entry's hash is that of its content after the entry before it; the head and what proofs found are in the chain."""
    previous: dict[int, bytes] = {}
    for entry in reading.rows("ledger", ENTRIES):
        computed = sha256(previous.get(entry.company_id, bytes(32)) + _text(entry)).digest()
        if computed != bytes(entry.hash):
            what = f"entry {entry.number} ({entry.kind} {entry.document_id}): its content is not what its hash was made of"
            yield Breach("A4", "ledger", entry.company_id, what)
        previous[entry.company_id] = bytes(entry.hash)
    for head in reading.rows("ledger", HEADS):
        if bytes(head.hash) != previous.get(head.company_id, bytes(32)):
            yield Breach("A4", "ledger", head.company_id, f"the chain's head is not the hash of entry {head.number}")
    yield from reading.found("A4", "ledger", CHECKPOINTS)


def closed_periods(reading: Reading) -> Iterator[Breach]:
    """A4: nothing that was stated after a service had stopped for a closing posts into what was closed."""
    yield from reading.found("A4", "ledger", INTO_THE_PAST)


def _text(entry: Any) -> bytes:
    moment = entry.recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    parts = ["duebook/1", *entry[:12], moment, entry.description, entry.reverses, entry.postings]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()
