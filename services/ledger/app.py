"""The ledger service: chart of accounts, journal, balances, periods, proofs. The only wiring."""

from __future__ import annotations

from flask import Flask

from services.ledger.handlers import handlers
from shared.config import Settings
from shared.http.app import make_app
from shared.peers import Peers
from shared.service import Service

SERVICE = Service(
    name="ledger",
    follows=("identity", "ledger", "billing", "payments", "banking"),
    handlers=handlers,
    posts=True,
    description="Chart of accounts, journal with its hash chain, balances, periods, and the proof that the books agree.",
)


def create_app(settings: Settings, peers: Peers | None = None) -> Flask:
    """The HTTP app of this service."""
    return make_app(SERVICE, settings, peers)
