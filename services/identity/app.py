"""The identity service: companies, people, roles, API keys, tokens. The only wiring."""

from __future__ import annotations

from flask import Flask

from services.identity import timers
from services.identity.api_keys.api import routes as api_keys
from services.identity.companies.api import routes as companies
from services.identity.handlers import handlers
from services.identity.people.api import routes as people
from services.identity.roles.api import routes as roles
from services.identity.signing_keys.api import routes as signing_keys
from services.identity.signing_keys.usecases import keys_to_publish
from services.identity.tokens.api import routes as tokens
from shared.config import Settings
from shared.http.app import make_app
from shared.peers import Peers
from shared.service import Service

SERVICE = Service(
    name="identity",
    follows=("identity",),
    handlers=handlers,
    routes=(companies, people, roles, api_keys, tokens, signing_keys),
    timers=(timers.keep_keys,),
    own_keys=lambda session: {"keys": keys_to_publish(session)},
    description="Companies, people, roles, API keys and the tokens that every service checks by itself.",
)


def create_app(settings: Settings, peers: Peers | None = None) -> Flask:
    """The HTTP app of this service."""
    return make_app(SERVICE, settings, peers)
