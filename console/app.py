"""Makes the console's Flask app: the front page and the API's reference. It speaks HTTP to the services, and nothing else."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
from flask import Flask, Response, abort, render_template, request, url_for
from markupsafe import Markup, escape
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from console.readiness import states
from console.specs import Specs, SpecUnavailable

OWNS = {
    "identity": "Companies, people, roles and permissions, API keys, and the tokens that every service checks by itself.",
    "ledger": "The chart of accounts, the journal, the trial balance, the period close, and the proof of the books.",
    "billing": "Customers, terms, invoices, what they owe as of any date, and the aging of it.",
    "payments": "Receipts over several invoices, prepayments and their application.",
    "banking": "Bank accounts, undeposited receipts, and deposits with their fees.",
    "notifications": "The customer's timeline, from the events of all services.",
}
POLICY = "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
STATIC_LIFE_S = 365 * 24 * 3600
"""Addresses of static files carry a hash of the content, so what they answer never changes."""


def create_console(client: Callable[[str], httpx.Client], services: Sequence[str]) -> Flask:
    """The console's app. `client(service)` gives a client whose base URL is that service's own address."""
    app = Flask("console", root_path=str(Path(__file__).parent))
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    specs = Specs(client)
    hashes = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in Path(app.static_folder or "").iterdir()}

    app.template_filter("marked")(marked)

    @app.context_processor
    def shell() -> dict[str, object]:
        return {
            "services": services,
            "owns": OWNS,
            "asset": lambda name: url_for("static", filename=name, v=hashes[name]),
        }

    @app.get("/")
    def front() -> str:
        return render_template("front.html", states=states(client, services), base_url=request.host_url.rstrip("/"))

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    def readyz() -> tuple[dict[str, object], int]:
        """Ready when every service is."""
        missing = [state.service for state in states(client, services) if not state.ready]
        return {"status": "not ready" if missing else "ready", "waiting_for": missing}, 503 if missing else 200

    @app.get("/docs")
    def docs() -> str:
        return render_template("docs.html", base_url=request.host_url.rstrip("/"))

    @app.get("/docs/<service>")
    def service_reference(service: str) -> str:
        if service not in services:
            abort(404)
        return render_template("service.html", service=service, reference=specs.reference(service))

    @app.get("/problems/<code>")
    def problem_type(code: str) -> str:
        """What a problem document's type names, and which services answer it."""
        found = specs.problem(code, services)
        if not found:
            abort(404)
        return render_template("problem.html", code=code, found=found)

    @app.errorhandler(SpecUnavailable)
    def unavailable(error: SpecUnavailable) -> Response:
        page = render_template("error.html", title=f"{error.service.capitalize()} does not answer", detail=str(error))
        return Response(page, 503, {"Retry-After": "2"})

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        answer = Response(status=error.code or 500)
        if error.code == 404:
            title, detail = "There is no such page", f"Nothing is kept at {request.path}."
        else:
            title, detail = error.name, error.description or ""
        answer.set_data(render_template("error.html", title=title, detail=detail))
        if allowed := getattr(error, "valid_methods", None):
            answer.headers["Allow"] = ", ".join(sorted(allowed))
        return answer

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(HEADERS)
        if request.endpoint == "static" and response.status_code in (200, 304) and "v" in request.args:
            response.headers["Cache-Control"] = f"public, max-age={STATIC_LIFE_S}, immutable"
        else:
            response.headers["Cache-Control"] = "no-store"
        return response

    return app


def marked(text: str) -> Markup:
    """The text with its `names` between back quotes set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def from_environment() -> Flask:
    """The console as a process of its own: `DUEBOOK_SERVICES` is `name=http://host:port`, separated by commas."""
    urls = dict(pair.split("=", 1) for pair in os.environ["DUEBOOK_SERVICES"].split(","))
    clients = {name: httpx.Client(base_url=url, timeout=httpx.Timeout(5.0, connect=2.0)) for name, url in urls.items()}
    app = create_console(clients.__getitem__, list(urls))
    # it stands behind the gateway, which says how the visitor reached it
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    return app
