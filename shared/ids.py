"""Ids: a noun's prefix and 26 characters that sort by time of making (48 bits of milliseconds, 80 random bits).

A client may make the id of what it creates, so that a retry finds the same document.
"""

import os
import re
import time
from base64 import b32encode

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_FROM_BASE32 = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET.encode())
_SHAPE = re.compile(rf"[a-z]{{2,4}}_[{ALPHABET}]{{26}}")


def new_id(prefix: str) -> str:
    """A new id such as `inv_01j9…`; unique without asking anybody, close in the index to its neighbours in time."""
    number = (time.time_ns() // 1_000_000).to_bytes(10, "big") + os.urandom(10)
    return f"{prefix}_{b32encode(number).translate(_FROM_BASE32)[6:].decode()}"


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` is an id of this noun."""
    return text.startswith(prefix + "_") and _SHAPE.fullmatch(text) is not None


def derived_id(prefix: str, source_id: str) -> str:
    """The id of what follows from `source_id` alone, so that anybody can name it without asking (entry of an event)."""
    return f"{prefix}_{source_id.split('_', 1)[1]}"
