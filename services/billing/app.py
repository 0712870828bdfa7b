"""The billing service: customers, terms, invoices, the AR sub-ledger. The only wiring."""

from __future__ import annotations

from flask import Flask

from services.billing.customers.api import routes as customers
from services.billing.handlers import handlers
from services.billing.imports.api import routes as imports
from services.billing.invoices.api import routes as invoices
from services.billing.receivables.api import routes as receivables
from services.billing.receivables.usecases import proof
from services.billing.terms.api import routes as terms
from services.billing.verification.api import routes as verification
from shared.config import Settings
from shared.http.app import make_app
from shared.peers import Peers
from shared.service import Service

SERVICE = Service(
    name="billing",
    follows=("identity", "ledger", "payments"),
    handlers=handlers,
    routes=(customers, terms, invoices, receivables, imports, verification),
    posts=True,
    proof=proof,
    description="Customers, terms of payment, invoices, and the sub-ledger of what is owed: open items, aging, ledgers.",
)


def create_app(settings: Settings, peers: Peers | None = None) -> Flask:
    """The HTTP app of this service."""
    return make_app(SERVICE, settings, peers)
