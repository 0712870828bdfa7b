"""Errors as RFC 9457 problem documents: what, where, which rule, how to mend it. Never a traceback."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Flask, Response, g, request
from marshmallow import INCLUDE, fields
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from shared.db import TOO_LONG, UNIQUE_VIOLATION, constraint, is_transient, sqlstate
from shared.errors import Conflict, Fault, FaultsFound, Invalid, Malformed, NotFound, Refusal, Unavailable
from shared.http.schemas import Out
from shared.telemetry import log

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "/problems/"
HTTP_REFUSAL = "HttpRefusal"
"""Name of the classes that are made for werkzeug's own errors as they come."""


class AlreadyExists(Conflict):
    """Something with this identity exists already."""

    code = "already-exists"


class ValueUnacceptable(Invalid):
    """A value holds characters or digits that cannot be stored."""

    code = "value-unacceptable"


class TooBusy(Unavailable):
    """The service could not get what it needs in time; nothing was changed. Try again shortly, with the same key."""

    code = "too-busy"


class InternalError(Refusal):
    """The service failed, and it was not the request's fault."""

    code = "internal-error"
    status = 500


class FaultOut(Out):
    """A fault, too, may carry more facts by name."""

    class Meta:
        unknown = INCLUDE

    pointer = fields.String(required=True, metadata={"description": "JSON pointer (RFC 6901) into the body"})
    detail = fields.String(required=True)
    type = fields.String(required=True)
    rule = fields.String(metadata={"description": "the business rule's code"})


class ProblemOut(Out):
    """RFC 9457; a problem may carry more facts by name."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True, metadata={"description": "/problems/ and the problem's code"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True, metadata={"description": "names the request in the logs"})
    rule = fields.String(metadata={"description": "the business rule's code"})
    errors = fields.List(fields.Nested(FaultOut), metadata={"description": "every fault of the input"})


def catalogue(service: str) -> list[dict[str, Any]]:
    """Every refusal that the service's code or shared code can answer with, by its code."""
    found: dict[str, dict[str, Any]] = {}
    waiting: list[type[Refusal]] = [Refusal]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        ours = kind.__module__.startswith(("shared.", f"services.{service}.")) and ".tests." not in kind.__module__
        if ours and kind is not Refusal and kind.__qualname__ != HTTP_REFUSAL:
            found[kind.code] = {"code": kind.code, "status": kind.status, "title": kind.title(), "rule": kind.rule}
    return [found[code] for code in sorted(found)]


def problem(refusal: Refusal) -> Response:
    """The answer that says no."""
    document: dict[str, Any] = {
        "type": TYPE_BASE + refusal.code,
        "title": type(refusal).title(),
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": "urn:request:" + getattr(g, "request_id", ""),
    }
    if refusal.rule:
        document["rule"] = refusal.rule
    errors = list(refusal.errors)
    if not errors and refusal.pointer is not None:
        errors = [refusal.fault(refusal.pointer)]
    codes = {fault.code for fault in errors}
    if isinstance(refusal, FaultsFound) and len(codes) == 1 and "invalid" not in codes:
        # every fault is of one kind: that kind is the problem's type, so that a client can switch on it
        document["type"] = TYPE_BASE + errors[0].code
        if len(errors) == 1:
            document["detail"] = errors[0].detail
    if errors:
        document["errors"] = [_fault(fault) for fault in errors]
    document.update({name: _plain(value) for name, value in refusal.facts.items()})
    answer = Response(msgspec.json.encode(document), status=refusal.status, mimetype=MEDIA_TYPE)
    if isinstance(refusal, Unavailable):
        answer.headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _fault(fault: Fault) -> dict[str, Any]:
    result: dict[str, Any] = {"pointer": fault.pointer, "detail": fault.detail, "type": TYPE_BASE + fault.code}
    if fault.rule:
        result["rule"] = fault.rule
    result.update({name: _plain(value) for name, value in fault.facts.items()})
    return result


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, bool, list, dict, type(None))) else str(value)


def faults_of_messages(messages: Any, pointer: str = "") -> list[Fault]:
    """Marshmallow's nested messages as a flat list with JSON pointers."""
    if isinstance(messages, dict):
        found: list[Fault] = []
        for key, value in messages.items():
            step = "" if key == "_schema" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            found += faults_of_messages(value, pointer + step)
        return found
    if isinstance(messages, Refusal):
        return [messages.fault(pointer)]
    if isinstance(messages, (list, tuple)):
        return [fault for message in messages for fault in faults_of_messages(message, pointer)]
    return [Fault(pointer, str(messages), "invalid")]


def refusal_of(error: BaseException) -> Refusal | None:
    """What an exception means to a client; None where it is a defect of ours."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HTTPException):
        return _refusal_of_http(error)
    if isinstance(error, DBAPIError):
        code = sqlstate(error) or ""
        if code == UNIQUE_VIOLATION:
            return AlreadyExists(constraint=constraint(error))
        if code.startswith("22") or (not code and type(error.orig).__name__ == "DataError"):
            return ValueUnacceptable()
    if is_transient(error) or sqlstate(error) == TOO_LONG:
        return TooBusy()
    return None


def _refusal_of_http(error: HTTPException) -> Refusal:
    messages = getattr(error, "data", {}).get("messages") if isinstance(getattr(error, "data", None), dict) else None
    if messages:
        # webargs names the place it looked in first: {"json": {...}}; the pointer begins below it
        faults = [fault for place in messages.values() for fault in faults_of_messages(place)]
        if error.code == 400:
            return Malformed("the body is not valid JSON", errors=faults)
        return FaultsFound(errors=faults)
    kinds: dict[int, tuple[type[Refusal], str]] = {400: (Malformed, "malformed"), 404: (NotFound, "no-such-page")}
    base, code = kinds.get(error.code or 500, (Refusal, (error.name or "error").lower().replace(" ", "-")))
    kind = type(HTTP_REFUSAL, (base,), {"code": code, "status": error.code or 500, "__doc__": error.description or error.name})
    refusal: Refusal = kind()
    return refusal


def register_problems(app: Flask) -> None:
    """Every error of the app is answered as a problem document."""

    @app.errorhandler(Exception)
    def answer(error: Exception) -> Response:
        refusal = refusal_of(error)
        if refusal is None:
            log.error("request.failed", path=request.path, method=request.method, exc_info=error)
            refusal = InternalError(f"This is a defect of the service and was recorded; quote {getattr(g, 'request_id', '')}.")
        response = problem(refusal)
        if isinstance(error, HTTPException) and getattr(error, "valid_methods", None):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
        return response
