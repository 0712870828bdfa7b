"""The banking service: bank accounts, deposit groups, deposits. The only wiring."""

from __future__ import annotations

from flask import Flask

from services.banking.bank_accounts.api import routes as bank_accounts
from services.banking.deposit_groups.api import routes as deposit_groups
from services.banking.deposits.api import routes as deposits
from services.banking.handlers import handlers
from services.banking.imports.api import routes as imports
from services.banking.proof import proof
from services.banking.receipts.api import routes as receipts
from shared.config import Settings
from shared.http.app import make_app
from shared.peers import Peers
from shared.service import Service

SERVICE = Service(
    name="banking",
    follows=("identity", "ledger", "billing", "payments"),
    handlers=handlers,
    routes=(bank_accounts, deposit_groups, receipts, deposits, imports),
    posts=True,
    proof=proof,
    description="Bank accounts and their book balance, deposit groups, and the deposits that take receipts to the bank.",
)


def create_app(settings: Settings, peers: Peers | None = None) -> Flask:
    """The HTTP app of this service."""
    return make_app(SERVICE, settings, peers)
