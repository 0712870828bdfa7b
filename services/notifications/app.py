"""The notifications service: the customer timeline. The only wiring."""

from __future__ import annotations

from flask import Flask

from services.notifications.handlers import handlers
from services.notifications.timeline.api import routes as timeline
from shared.config import Settings
from shared.http.app import make_app
from shared.peers import Peers
from shared.service import Service

SERVICE = Service(
    name="notifications",
    follows=("identity", "billing", "payments", "banking"),
    handlers=handlers,
    routes=(timeline,),
    description="The customer timeline: everything that happened with a customer, in one list.",
)


def create_app(settings: Settings, peers: Peers | None = None) -> Flask:
    """The HTTP app of this service."""
    return make_app(SERVICE, settings, peers)
