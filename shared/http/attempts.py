"""How often a request is run: again where the database asks for it, and where the connection to it was lost."""

from __future__ import annotations

import random
import time

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.db import DEADLOCK, SERIALIZATION_FAILURE, constraint, is_transient, sqlstate
from shared.errors import Conflict, Unavailable

CONFLICTS = 5
"""How often a request is run at most because others were in its way."""
RECONNECT_S = 3.0
"""For so long a request that has lost its connection tries others; then it is refused, within its sender's patience."""
LONGEST_WAIT_S = 0.4


class OutcomeUnknown(Unavailable):
    """The connection to the database broke while the work was being committed: it is not known whether it was done."""

    code = "outcome-unknown"

    def __init__(self, with_key: bool):
        how = (
            "Send it again with the same Idempotency-Key: then it is done once, and this attempt's answer is replayed if it was."
            if with_key
            else "Look whether it was done before you send it again."
        )
        super().__init__(f"{self.title()} {how}")


class RequestInFlight(Conflict):
    """A request with this Idempotency-Key is being worked on; ask again shortly to get its answer."""

    code = "request-in-flight"


class Attempts:
    """The attempts at one request. Every one is a transaction, so what was not committed was not done and may be repeated.

    `in_doubt`: a commit was sent and its answer did not come. Then the request is run again only where that is safe: under
    its key (the stored answer is there if it was done, and if not, it was not). What only reads is never in doubt.
    """

    def __init__(self, *, key: bool, reads: bool):
        self.key, self.reads = key, reads
        self.in_doubt = False
        self.lost = False
        self.conflicts = 0
        self.tries = 0
        self.began = time.monotonic()

    def commit(self, connection: Connection) -> None:
        """Commits, and remembers if the answer is missing."""
        self.in_doubt = not self.reads
        try:
            connection.commit()
        except DBAPIError as error:
            self.in_doubt = self.in_doubt and not _was_rolled_back(error)
            raise
        self.in_doubt = False

    def wait_after(self, error: Exception) -> None:
        """Returns when another attempt is due. Raises what is to be answered where there is none."""
        if not self._again(error):
            if self.in_doubt:
                raise OutcomeUnknown(self.key) from error
            raise error
        self.tries += 1
        time.sleep(random.uniform(0.5, 1.0) * min(LONGEST_WAIT_S, 0.01 * 2**self.tries))

    def _again(self, error: Exception) -> bool:
        if isinstance(error, DBAPIError) and _conflict(error):
            self.conflicts += 1
            return self.conflicts < CONFLICTS
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            self.lost = True
        # once one is lost, also where the next cannot be had at once: the server may be starting again
        # and the lost attempt itself may hold the key until the server has noticed
        away = self.lost and (is_transient(error) or isinstance(error, RequestInFlight))
        return away and (self.key or not self.in_doubt) and time.monotonic() - self.began < RECONNECT_S


def _conflict(error: DBAPIError) -> bool:
    # a primary key that somebody else committed meanwhile, say the first of two requests under a client's own id: the next
    # attempt finds that row
    return sqlstate(error) in (SERIALIZATION_FAILURE, DEADLOCK) or (constraint(error) or "").endswith("_pkey")


def _was_rolled_back(error: DBAPIError) -> bool:
    """Whether the server itself has refused the commit. A FATAL or PANIC may come after it was done."""
    diagnostics = getattr(error.orig, "diag", None)
    return diagnostics is not None and diagnostics.severity_nonlocalized == "ERROR"
