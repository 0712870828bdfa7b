"""The ledger service: chart of accounts, journal, balances, periods, proofs. The only wiring."""

from __future__ import annotations

from flask import Flask

from services.ledger.accounts.api import routes as accounts
from services.ledger.entries.api import routes as entries
from services.ledger.handlers import handlers
from services.ledger.manual_entries.api import routes as manual_entries
from services.ledger.periods.api import routes as periods
from services.ledger.periods.usecases import LOOK, look_at_closing
from services.ledger.proofs.api import routes as proofs
from services.ledger.reports.api import routes as reports
from services.ledger.verification.api import routes as verification
from shared.config import Settings
from shared.http.app import make_app
from shared.peers import Peers
from shared.service import Service

SERVICE = Service(
    name="ledger",
    follows=("identity", "ledger", "billing", "payments", "banking"),
    handlers=handlers,
    routes=(accounts, entries, reports, manual_entries, periods, proofs, verification),
    posts=True,
    jobs={LOOK: look_at_closing},
    description="Chart of accounts, journal with its hash chain, balances, periods, and the proof that the books agree.",
)


def create_app(settings: Settings, peers: Peers | None = None) -> Flask:
    """The HTTP app of this service."""
    return make_app(SERVICE, settings, peers)
