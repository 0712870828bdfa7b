"""The secret of an API key: 256 random bits, kept as its SHA-256, which for that many bits needs no salt and no slowness."""

from __future__ import annotations

import hashlib
import hmac
import secrets

SECRET_BYTES = 32


def new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def secret_fits(hash: bytes | None, secret: str) -> bool:
    """Whether the secret is the one of this hash; compares as much where there is none."""
    return hmac.compare_digest(hash or bytes(32), secret_hash(secret)) and hash is not None
