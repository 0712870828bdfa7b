"""The payments service: receipts, what they are applied to, prepayments. The only wiring."""

from __future__ import annotations

from flask import Flask

from services.payments.handlers import handlers
from services.payments.imports.api import routes as imports
from services.payments.invoices.api import routes as invoices
from services.payments.payment_types.api import routes as payment_types
from services.payments.prepayments.api import routes as prepayments
from services.payments.proof import proof
from services.payments.receipts.api import routes as receipts
from services.payments.verification.api import routes as verification
from shared.config import Settings
from shared.http.app import make_app
from shared.peers import Peers
from shared.service import Service

SERVICE = Service(
    name="payments",
    follows=("identity", "ledger", "billing", "banking"),
    handlers=handlers,
    routes=(payment_types, receipts, prepayments, invoices, imports, verification),
    posts=True,
    proof=proof,
    description="Cash receipts and their lines, what was applied to which invoice, prepayments, payment types.",
)


def create_app(settings: Settings, peers: Peers | None = None) -> Flask:
    """The HTTP app of this service."""
    return make_app(SERVICE, settings, peers)
