"""What identity's worker does by the clock."""

from __future__ import annotations

from services.identity.signing_keys import store as signing_keys
from services.identity.signing_keys.usecases import rotate_ahead
from services.identity.tokens import store
from services.identity.tokens.failures import KEPT
from shared.log.worker import Worker


def keep_keys(worker: Worker) -> None:
    """Makes the next signing key ahead of time and removes what nobody needs any more. By the database's clock."""
    with worker.database.worker.begin() as session:
        rotate_ahead(session, signing_keys.now(session))
        store.forget_failures(session, KEPT)
