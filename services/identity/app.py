"""The identity service: companies, people, roles, API keys, tokens. The only wiring."""

from __future__ import annotations

from flask import Flask

from services.identity.handlers import handlers
from services.identity.tokens.api import routes as tokens
from shared.config import Settings
from shared.http.app import make_app
from shared.peers import Peers
from shared.service import Service

SERVICE = Service(
    name="identity",
    follows=("identity",),
    handlers=handlers,
    routes=(tokens,),
    description="Companies, people, roles, API keys and the tokens that every service checks by itself.",
)


def create_app(settings: Settings, peers: Peers | None = None) -> Flask:
    """The HTTP app of this service."""
    return make_app(SERVICE, settings, peers)
