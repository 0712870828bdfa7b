"""Makes a service's Flask app: the only wiring, no state at import."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from flask import Flask, Response, g, jsonify, request
from flask.json.provider import JSONProvider
from flask_smorest import Api
from prometheus_client import generate_latest
from werkzeug.exceptions import HTTPException

from shared.config import Settings
from shared.db import Database
from shared.http import problems
from shared.http.auth import TokenChecker
from shared.http.common import common_routes
from shared.http.internal import internal
from shared.http.waiting import Waiting
from shared.ids import new_id
from shared.log.measures import measure_log
from shared.log.wake import Waker
from shared.peers import Peers
from shared.service import Service
from shared.telemetry import Metrics, log

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class FastJson(JSONProvider):
    """msgspec in the place of the standard library: the same JSON, several times faster, dates as ISO text."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return msgspec.json.encode(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        try:
            return msgspec.json.decode(s)
        except (msgspec.DecodeError, RecursionError) as error:  # the latter where it is nested too deep
            raise ValueError(str(error)) from error


class ProblemApi(Api):
    """flask-smorest with our problem documents in place of its own errors, answered and described."""

    def _register_responses(self) -> None:
        content = {problems.MEDIA_TYPE: {"schema": problems.ProblemOut}}
        for name in ("DEFAULT_ERROR", *(status.name for status in HTTPStatus)):
            self.spec.components.response(name, {"description": "A problem document", "content": content}, lazy=True)

    def handle_http_exception(self, error: HTTPException) -> Response:
        refusal = problems.refusal_of(error)
        assert refusal is not None
        answer = problems.problem(refusal)
        if getattr(error, "valid_methods", None):
            answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
        return answer


@dataclass
class State:
    """What the app's requests share."""

    service: Service
    settings: Settings
    database: Database
    peers: Peers
    tokens: TokenChecker
    waiting: Waiting
    waker: Waker
    metrics: Metrics


def make_app(service: Service, settings: Settings, peers: Peers | None = None) -> Flask:
    """The app of one service. `peers` is given where all services live in one process."""
    app = Flask(service.name, static_folder=None)
    app.json = FastJson(app)
    database = Database(settings)
    peers = peers or Peers(service.name, settings.internal_secret, settings.peers, clock=settings.time)
    state = State(
        service=service,
        settings=settings,
        database=database,
        peers=peers,
        tokens=TokenChecker(_keys(service, database, peers), settings.time),
        waiting=Waiting(service.name, service.follows, database, peers),
        waker=Waker(database.log),
        metrics=Metrics(),
    )
    app.extensions["duebook"] = state
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        API_TITLE=f"Duebook {service.name}",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=f"/api/{service.name}",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": service.description},
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
            "x-problems": problems.catalogue(service.name),
        },
    )
    _requests(app, state)
    problems.register_problems(app)
    api = ProblemApi(app)
    for routes in (*service.routes, common_routes(service)):
        api.register_blueprint(routes, url_prefix=f"/api/{service.name}")
    app.register_blueprint(internal)
    _health(app, state)
    return app


def _keys(service: Service, database: Database, peers: Peers) -> Callable[[], dict[str, Any]]:
    """Where this service gets the keys that tokens are checked with."""
    own_keys = service.own_keys
    if own_keys is None:
        return lambda: peers.client("identity").get("/api/identity/jwks").raise_for_status().json()

    def read() -> dict[str, Any]:
        with database.api.begin() as session:
            return own_keys(session)

    return read


def _requests(app: Flask, state: State) -> None:
    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else new_id("req")
        g.began = time.perf_counter()
        g.log_context = structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        route = str(request.url_rule) if request.url_rule else "none"
        structlog.contextvars.reset_contextvars(**g.log_context)
        state.metrics.requests.labels(route, request.method, str(response.status_code)).inc()
        state.metrics.request_seconds.labels(route).observe(time.perf_counter() - g.began)
        response.headers["X-Request-Id"] = g.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _health(app: Flask, state: State) -> None:
    @app.get("/healthz")
    def healthz() -> Response:
        """The process answers."""
        return jsonify({"status": "ok"})

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """The database answers and is migrated; what is asked now will be served."""
        try:
            with state.database.api.connect() as connection:
                connection.exec_driver_sql("select count(*) from log.head").scalar_one()
        except Exception as error:  # noqa: BLE001 - any failure means not ready
            log.warning("not.ready", error=repr(error)[:200])
            return jsonify({"status": "not ready", "reason": "the database does not answer"}), 503
        return jsonify({"status": "ready"}), 200

    @app.get("/metrics")
    def metrics() -> Response:
        """This process's requests, and how long the service's log has waited to be sent, whoever should have sent it."""
        try:
            with state.database.log.connect() as connection:
                measure_log(connection, state.metrics)
        except Exception as error:  # noqa: BLE001 - the other figures are wanted then most
            log.warning("log.unmeasured", error=repr(error)[:200])
        return Response(generate_latest(state.metrics.registry), mimetype="text/plain; version=0.0.4")
