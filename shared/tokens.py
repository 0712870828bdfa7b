"""Tokens that services make and check, by the clock that is given and never by the machine's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import jwt

LEEWAY_S = 30
"""Databases of different servers may differ by so much."""


def claims_of(token: str, key: Any, algorithm: str, at: datetime, **expected: str) -> dict[str, Any]:
    """What a token says that is good at this instant and of this audience and issuer. Raises jwt.InvalidTokenError."""
    asked_below = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "require": ["exp", "iat"]}
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=asked_below, **expected)  # type: ignore[arg-type]
    begins = max(_number(claims["iat"]), _number(claims.get("nbf", 0)))
    if not begins <= at.timestamp() + LEEWAY_S:
        raise jwt.ImmatureSignatureError("it is not valid yet")
    if not at.timestamp() - LEEWAY_S < _number(claims["exp"]):
        raise jwt.ExpiredSignatureError("it has expired")
    return claims


def _number(claim: Any) -> float:
    if isinstance(claim, bool) or not isinstance(claim, (int, float)):
        raise jwt.DecodeError("a time is no number")
    return float(claim)
