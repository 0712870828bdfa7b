"""PostgreSQL array literals made by joining text.

A page carries some twenty thousand values; the driver's own conversion of a list costs five times as much per value.
The type comes from the statement: `unnest(%s::bigint[])`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def plain(values: Iterable[object]) -> str:
    """Values whose text needs no quotes: numbers, dates, currencies, our own ids and codes."""
    return "{" + ",".join(map(str, values)) + "}"


def texts(values: Sequence[str]) -> str:
    """Any text."""
    if not values:
        return "{}"
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join([value.replace("\\", "\\\\").replace('"', '\\"') for value in values])
    return '{"' + joined + '"}'


def optional_texts(values: Sequence[str | None]) -> str:
    """Text where None is NULL."""
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'
