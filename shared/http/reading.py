"""Reads what a request sends. Whatever cannot be read is the sender's fault and told as such, never a failure of ours."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from flask import request
from webargs.core import missing
from webargs.flaskparser import FlaskParser, is_json_request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from shared.errors import Malformed


class UnsupportedMediaType(Malformed):
    """A body must be JSON, sent as application/json and not compressed."""

    code = "unsupported-media-type"
    status = 415


def body() -> bytes:
    """The request's body, read once. Raises Malformed where it breaks off or is not framed as its headers say,
    RequestEntityTooLarge."""
    try:
        sent = request.get_data(cache=True)
    except HTTPException:
        raise
    except Exception as error:
        raise Malformed("the body breaks off, or is not sent as the headers say") from error
    # a body of unknown length is cut off at the limit without a word
    if request.content_length is None and len(sent) >= (request.max_content_length or len(sent) + 1):
        raise RequestEntityTooLarge()
    return sent


class Reader(FlaskParser):
    """Reads bodies and queries; what a schema does not know is a fault in a query too, so a misspelled filter is not passed
    over."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": None}  # as the schema says: raise

    def _raw_load_json(self, req: Any) -> Any:
        # The standard library's reader fails on what is nested too deep or has too many digits, and takes NaN and halves of
        # characters for values.
        sent = body()
        if not is_json_request(req):
            if sent:
                raise UnsupportedMediaType()
            return missing
        if req.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType()
        try:
            return msgspec.json.decode(sent)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise json.JSONDecodeError(str(error), "the body" if sent else "", 0) from None
