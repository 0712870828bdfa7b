"""Optimistic locking: a change names the version that it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import Conflict


class ChangedMeanwhile(Conflict):
    """Somebody changed this since you read it; look at `current` and send your change again with its version."""

    code = "changed-meanwhile"


def require_version(given: int, current: Mapping[Any, Any]) -> None:
    """Raises ChangedMeanwhile with both versions and what stands there now."""
    if given != current["version"]:
        raise ChangedMeanwhile(
            pointer="/version", given_version=given, current_version=current["version"], current=_shown(current)
        )


def _shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    hidden = ("company_id", "content_hash", "search_text")
    return {
        key: value if isinstance(value, (bool, int, type(None), list)) else str(value)
        for key, value in row.items()
        if key not in hidden
    }
