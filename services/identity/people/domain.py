"""What an e-mail address and a password may be; passwords as argon2id hashes."""

from __future__ import annotations

import re

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
LONGEST_EMAIL = 254
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+")

_hasher = PasswordHasher()
NOBODYS_HASH = "$argon2id$v=19$m=65536,t=3,p=4$0sK9T2tP6jlUxa0KnbwaQA$uOqFyDsalqNcCui0owAZQcUJS00f66p4EKIWguPhV+k"
"""Checked where there is no such person, so that the answer takes as long as a wrong password."""


def is_email(text: str) -> bool:
    """Whether the text is an address as browsers take it: ASCII, with a domain of at least two names."""
    return len(text) <= LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


def password_hash(password: str) -> str:
    """With argon2-cffi's defaults, which are RFC 9106's second choice (64 MiB)."""
    return _hasher.hash(password)


def password_fits(hash: str | None, password: str) -> bool:
    """Whether the password is the one of this hash; takes as long where there is none."""
    try:
        return _hasher.verify(hash or NOBODYS_HASH, password) and hash is not None
    except (VerifyMismatchError, InvalidHashError):
        return False
