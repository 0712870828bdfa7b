"""Where requests name things of a company: ids and other names, in paths, queries and bodies at any depth."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NAMES = {
    "id",
    "account",
    "cash_account",
    "fee_account",
    "check_number",
    "code",
    "customer",
    "deposit_group",
    "email",
    "external_id",
    "invoice_number",
    "key",
    "number",
    "payment_type",
    "reference",
    "role",
    "source",
    "subject",
}


def is_a_name(field: str) -> bool:
    """Whether a field of a query or body says which thing is meant, or what a new one is called."""
    return field in NAMES or field.endswith(("_id", "_ids"))


@dataclass(frozen=True)
class Place:
    """A value in a body or query; `pattern` is its pointer with a star for each number."""

    steps: tuple[str | int, ...]
    value: str

    @property
    def pattern(self) -> str:
        if len(self.steps) == 1 and isinstance(self.steps[0], str) and self.steps[0].startswith("?"):
            return self.steps[0][1:]
        return "".join("/*" if isinstance(step, int) else f"/{step}" for step in self.steps)


def names_in_body(body: Any, steps: tuple[str | int, ...] = ()) -> Iterator[Place]:
    """Every name in a body."""
    if isinstance(body, dict):
        for key, value in body.items():
            yield from names_in_body(value, (*steps, key))
    elif isinstance(body, list):
        for number, value in enumerate(body):
            yield from names_in_body(value, (*steps, number))
    elif isinstance(body, str):
        last = next((step for step in reversed(steps) if isinstance(step, str)), "")
        if is_a_name(last):
            yield Place(steps, body)


def names_in_query(query: dict[str, Any]) -> Iterator[Place]:
    """Every name in a query."""
    for key, value in query.items():
        if is_a_name(key):
            yield Place((f"?{key}",), str(value))


def with_value(body: Any, place: Place, value: str) -> Any:
    """The body with another value in that place."""
    changed = copy.deepcopy(body)
    step = changed
    for part in place.steps[:-1]:
        step = step[part]
    step[place.steps[-1]] = value
    return changed


def objects_in(body: Any, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where objects lie in a body, itself first."""
    if isinstance(body, dict):
        yield steps
        for key, value in body.items():
            yield from objects_in(value, (*steps, key))
    elif isinstance(body, list):
        for number, value in enumerate(body):
            yield from objects_in(value, (*steps, number))


IDS = re.compile(r"\b[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}\b")
