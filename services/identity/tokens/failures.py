"""Failed sign-ins are counted per who and address, in the database, so that guessing is slow whatever the replica."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from services.identity.tokens import store
from shared.context import Context
from shared.errors import Unavailable

WITHIN_S = 60
MOST_OF_ONE = 5
"""Failures for one e-mail address, API key or person from one network address. Not over all network addresses: then
anybody could keep a person out."""
MOST_OF_ADDRESS = 50
"""Failures from one network address for whomever; an office behind one address stays below."""
KEPT = timedelta(hours=1)


class TooManySignIns(Unavailable):
    """Too many sign-ins have failed here; wait before the next one."""

    code = "too-many-sign-ins"
    status = 429

    def __init__(self, retry_after_s: int):
        super().__init__(retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


def refuse_if_too_many(ctx: Context, who: str) -> None:
    """Raises TooManySignIns. Parallel tries for the same `who` from the same address wait for each other."""
    seconds = store.wait_s(ctx.session, _digest(who), WITHIN_S, MOST_OF_ONE, MOST_OF_ADDRESS)
    if seconds > 0:
        raise TooManySignIns(seconds)


def count(ctx: Context, who: str) -> None:
    """One more failure. The refusal that follows must keep what was written."""
    store.add_failure(ctx.session, _digest(who))


def _digest(who: str) -> bytes:
    # what was typed may be a password in the wrong field, so it is not kept
    return hashlib.sha256(who.encode()).digest()
