"""One request, one transaction: who asks, what for, under which key; the use case; its events last; one commit."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from flask import Response, current_app, g, make_response, request
from flask_smorest import Blueprint
from sqlalchemy import Connection

from shared.context import STATE, Context
from shared.crash import crash_point
from shared.errors import Invalid, Malformed, Refusal, Unauthenticated, Unavailable
from shared.http.attempts import Attempts, RequestInFlight
from shared.http.auth import PermissionMissing, Principal, bearer_token
from shared.http.reading import Reader, body

View = TypeVar("View", bound=Callable[..., Any])


class CompanyNotHereYet(Unavailable):
    """This service has not heard of the company yet; try again shortly."""

    code = "company-not-here-yet"


class IdempotencyKeyMissing(Malformed):
    """A write that moves money needs an Idempotency-Key header, so that a retry cannot move it twice."""

    code = "idempotency-key-missing"


class IdempotencyKeyUnfit(Malformed):
    """An Idempotency-Key has 1 to 255 printable ASCII characters."""

    code = "idempotency-key-unfit"


class IdempotencyKeyReused(Invalid):
    """This Idempotency-Key came with another request before; take a new key for a new request."""

    code = "idempotency-key-reused"


class CompanyNeeded(PermissionMissing):
    """This belongs to a company, and the token names none."""

    code = "company-needed"


class InstallationNeeded(PermissionMissing):
    """This is for the administrator of the installation, whose token names no company."""

    code = "installation-needed"


def ctx() -> Context:
    """The context of the request that is being answered."""
    result: Context = g.ctx
    return result


class Routes(Blueprint):
    """A service's routes. Each names the permission that it needs; `money=True` demands an Idempotency-Key.

    `permission=None` is for the few that anybody may call (sign-in, published keys); `installation=True` for what belongs
    to no company and is done with a token that names none.
    """

    def arguments(self, schema: Any, **options: Any) -> Callable[[View], View]:
        """As ever, but a schema is made once, here, and not again with every request."""
        made: Callable[[View], View] = super().arguments(schema() if isinstance(schema, type) else schema, **options)
        return made

    ARGUMENTS_PARSER = Reader()

    def get(self, rule: str, *, permission: str | None) -> Callable[[View], View]:
        return self._route(rule, "GET", permission)

    def post(
        self, rule: str, *, permission: str | None, money: bool = False, installation: bool = False
    ) -> Callable[[View], View]:
        return self._route(rule, "POST", permission, money, installation)

    def put(self, rule: str, *, permission: str | None) -> Callable[[View], View]:
        return self._route(rule, "PUT", permission)

    def patch(self, rule: str, *, permission: str | None) -> Callable[[View], View]:
        return self._route(rule, "PATCH", permission)

    def delete(self, rule: str, *, permission: str | None) -> Callable[[View], View]:
        return self._route(rule, "DELETE", permission)

    def _route(
        self, rule: str, method: str, permission: str | None, money: bool = False, installation: bool = False
    ) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            @functools.wraps(view)
            def at_the_edge(*args: Any, **values: Any) -> Any:
                principal = None if permission is None else _principal(permission, installation)
                return answer(view, principal, money, args, values)

            at_the_edge.permission = permission  # type: ignore[attr-defined]
            at_the_edge.money = money  # type: ignore[attr-defined]
            documented = self.doc(**_documented(permission, money))(at_the_edge)
            self.route(rule, methods=[method])(documented)
            return view

        return decorate


def _documented(permission: str | None, money: bool) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    if money:
        parameters.append(
            {
                "in": "header",
                "name": "Idempotency-Key",
                "required": True,
                "description": "made by the client, kept for its retries; the same key replays the first answer",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    result: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if permission is None:
        return {**result, "security": []}
    return {**result, "security": [{"token": []}], "x-permission": permission}


def _principal(permission: str, installation: bool) -> Principal:
    principal: Principal = current_app.extensions["duebook"].tokens.check(bearer_token())
    if installation and principal.company_id:
        raise InstallationNeeded()
    if not installation and not principal.company_id:
        raise CompanyNeeded()
    if not principal.may(permission):
        raise PermissionMissing(permission=permission)
    return principal


def answer(view: Callable[..., Any], principal: Principal | None, money: bool, args: Any, values: Any) -> Response:
    """Runs a view in its transaction; again where the database asks for it or the connection to it is lost (`Attempts`)."""
    state = current_app.extensions["duebook"]
    key = _key() if money else None
    attempts = Attempts(key=key is not None, reads=request.method in ("GET", "HEAD"))
    while True:
        try:
            state.waiting.wait_for_header(request.headers.get("Wait-For-Event"), principal)
            return _transaction(state, attempts, view, principal, key, args, values)
        except Exception as error:  # noqa: BLE001 - whatever is not due for another attempt is raised again
            attempts.wait_after(error)


def _key() -> str:
    key = request.headers.get("Idempotency-Key")
    if not key:
        raise IdempotencyKeyMissing()
    if len(key) > 255 or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyUnfit()
    return key


def _transaction(
    state: Any,
    attempts: Attempts,
    view: Callable[..., Any],
    principal: Principal | None,
    key: str | None,
    args: Any,
    values: Any,
) -> Response:
    company_id = principal.company_id if principal else 0
    actor = principal.id if principal else "anonymous"
    with state.database.api.connect() as connection:
        posts = key is not None and state.service.posts
        known = _enter(connection, company_id, actor, key, posts)
        if company_id and known.time_zone is None:
            raise CompanyNotHereYet()
        if principal and known.valid_after and principal.issued_at < known.valid_after:
            raise Unauthenticated("the token was withdrawn; sign in again")
        g.ctx = Context(
            session=connection,
            clock=state.settings.clock,
            service=state.service.name,
            company_id=company_id,
            actor=actor,
            correlation_id=g.request_id,
            time_zone=known.time_zone or "UTC",
            currency=known.currency or "",
            permissions=principal.permissions if principal else frozenset(),
            origin=principal.origin if principal else "live",
            gate_passed=posts,
            closed=known.closed if posts else None,
        )
        if key is not None:
            stored = _stored_answer(known)
            attempts.in_doubt = False  # the key is ours alone now: what an attempt before was not told is known
            if stored is not None:
                return stored
        try:
            response: Response = make_response(current_app.ensure_sync(view)(*args, **values))
        except Refusal as refusal:
            if refusal.keeps_what_was_written:
                attempts.commit(connection)
            raise
        if response.status_code >= 400:
            return response
        stated = bool(g.ctx.stated)
        if stated:
            response.headers["Duebook-Event"] = f"{state.service.name}:{g.ctx.stated[-1].event_id}"
        if key is None:
            g.ctx.write_stated()
        else:
            _keep_answer(g.ctx, key, response)
        crash_point("http.before_commit")
        attempts.commit(connection)
        crash_point("http.after_commit")
    if stated:
        state.waker.call()
    return response


def _fingerprint() -> bytes:
    digest = hashlib.sha256(request.method.encode())
    for part in (request.path.encode(), request.query_string, body()):
        digest.update(b"\0" + part)
    return digest.digest()


def _route_of() -> str:
    return f"{request.method} {request.url_rule}"


def _enter(connection: Connection, company_id: int, actor: str, key: str | None, posts: bool) -> Any:
    """The transaction's first statement, which also claims the key and passes the period gate: each round trip counts in
    every request."""
    values = (company_id, actor, request.remote_addr or "", g.request_id)
    if key is None:
        return connection.exec_driver_sql("select * from app.enter_request(%s, %s, %s, %s)", values).one()
    name = "enter_to_post" if posts else "enter_with_key"
    return connection.exec_driver_sql(f"select * from app.{name}(%s, %s, %s, %s, %s, %s)", (*values, _route_of(), key)).one()


def _stored_answer(claimed: Any) -> Response | None:
    if not claimed.free:
        raise RequestInFlight()
    if claimed.status is None:
        return None
    if bytes(claimed.request_hash) != _fingerprint():
        raise IdempotencyKeyReused()
    response = Response(bytes(claimed.body), status=claimed.status, mimetype="application/json")
    response.headers.update(msgspec.json.decode(claimed.headers))
    response.headers["Idempotency-Replayed"] = "true"
    return response


_KEEP = """
    insert into app.idempotency (company_id, principal, route, key, request_hash, status, headers, body)
    values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_STATE_AND_KEEP = f"with stated as ({STATE}) {_KEEP}"


def _keep_answer(context: Context, key: str, response: Response) -> None:
    """Writes the stated events and the answer, in one statement."""
    kept = {name: response.headers[name] for name in ("Duebook-Event", "Location") if name in response.headers}
    answer = (
        context.company_id,
        context.actor,
        _route_of(),
        key,
        _fingerprint(),
        response.status_code,
        msgspec.json.encode(kept).decode(),
        response.get_data(),
    )
    if context.stated:
        context.session.exec_driver_sql(_STATE_AND_KEEP, (*context.take_stated(), *answer))
    else:
        context.session.exec_driver_sql(_KEEP, answer)
