"""Writes what is generated from the code: `python -m tests.house.export [--accept-breaking]`.

docs/openapi/<service>.json, docs/events/<type>.json, docs/problems.md, docs/roles.md and identity's catalogue of permissions.
Refuses to overwrite a published document by one that breaks its promises, unless that is accepted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from shared.contracts import load_all
from shared.errors import Refusal
from shared.http.problems import HTTP_REFUSAL, TYPE_BASE
from tests.house import role_matrix
from tests.house.code import HERE, ROOT, import_everything, openapi, permissions
from tests.house.compatibility import openapi_breaks, schema_breaks

OPENAPI, EVENTS, PROBLEMS = ROOT / "docs" / "openapi", ROOT / "docs" / "events", ROOT / "docs" / "problems.md"
ROLES = ROOT / "docs" / "roles.md"
CATALOGUE = ROOT / "services" / "identity" / "roles" / "catalogue.py"


@cache
def event_schemas() -> dict[str, dict[str, Any]]:
    """Event type -> JSON Schema of its data."""
    _, components = msgspec.json.schema_components(load_all().values(), ref_template="#/$defs/{name}")
    result = {}
    for type, fact in sorted(load_all().items()):
        schema = dict(components[fact.__name__])
        needed: dict[str, Any] = {}
        _collect(schema, components, needed)
        if needed:
            schema["$defs"] = dict(sorted(needed.items()))
        result[type] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": type, **schema}
    return result


def _collect(schema: Any, components: dict[str, Any], needed: dict[str, Any]) -> None:
    if isinstance(schema, dict):
        name = schema.get("$ref", "").removeprefix("#/$defs/")
        if name and name not in needed:
            needed[name] = components[name]
            _collect(components[name], components, needed)
        for value in schema.values():
            _collect(value, components, needed)
    elif isinstance(schema, list):
        for value in schema:
            _collect(value, components, needed)


def event_breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A fact is read by strangers, and from old logs: nothing may be missing, nothing more demanded."""
    where = old["$id"]
    return sorted({*schema_breaks(old, new, "in", where, old, new), *schema_breaks(old, new, "out", where, old, new)})


def refusals() -> list[type[Refusal]]:
    """Every way to say no, by code."""
    import_everything()
    return sorted(_below(Refusal), key=lambda refusal: refusal.code)


def _below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for refusal in kind.__subclasses__():
        place = refusal.__module__.split(".")
        if refusal.__name__ != HTTP_REFUSAL and place[0] in ("shared", "services") and "tests" not in place:
            yield refusal
            yield from _below(refusal)


def problems() -> str:
    """docs/problems.md"""
    lines = [
        "# Problems",
        "",
        "Every way in which Duebook says no. Refusals are problem documents (RFC 9457, `application/problem+json`); `type` is",
        f"`{TYPE_BASE}` and the code, `errors` has each fault of the input with its JSON pointer and a type of its own, `rule`",
        "names the business rule where there is one. Codes are stable. `python -m tests.house.export` makes this page.",
        "",
        "| Code | Status | What it says | Rule | From |",
        "|---|---|---|---|---|",
    ]
    for refusal in refusals():
        place = refusal.__module__.split(".")
        said = refusal.title().replace("|", "\\|")
        origin = place[1] if place[0] == "services" else "every service"
        lines.append(f"| `{refusal.code}` | {refusal.status} | {said} | {refusal.rule or ''} | {origin} |")
    lines += [
        "",
        "What the protocol itself refuses is named after it: `no-such-page` (404), `method-not-allowed` (405, with `Allow`),",
        "`request-entity-too-large` (413), `unsupported-media-type` (415). `internal-error` (500) is a defect of ours; it tells",
        "nothing but the number to quote.",
        "",
    ]
    return "\n".join(lines)


def catalogue() -> str:
    """services/identity/roles/catalogue.py"""
    listed = "".join(f'        "{permission}",\n' for permission in permissions())
    return (
        '"""Every permission that a route of any service declares. Made by `python -m tests.house.export`, compared by a test."""'
        "\n\n"
        f"PERMISSIONS = frozenset(\n    [\n{listed}    ]\n)\n"
    )


def as_text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@cache
def generated() -> dict[Path, str]:
    """Path -> content of every generated file."""
    result = {CATALOGUE: catalogue(), PROBLEMS: problems(), ROLES: role_matrix.page()}
    result |= {OPENAPI / f"{name}.json": as_text(openapi(name)) for name in HERE}
    result |= {EVENTS / f"{type}.json": as_text(schema) for type, schema in event_schemas().items()}
    return result


def breaks() -> list[str]:
    """What is published and no longer held."""
    found: list[str] = []
    for path in sorted(OPENAPI.glob("*.json")):
        if path.stem in HERE:
            found += openapi_breaks(json.loads(path.read_text()), openapi(path.stem))
    schemas = event_schemas()
    for path in sorted(EVENTS.glob("*.json")):
        if path.stem in schemas:
            found += event_breaks(json.loads(path.read_text()), schemas[path.stem])
        else:
            found.append(f"the event {path.stem} is gone")
    return found


def main(arguments: list[str]) -> int:
    broken = breaks()
    if broken and "--accept-breaking" not in arguments:
        sys.stderr.write("These promises would be broken; add instead of changing, or run with --accept-breaking:\n")
        sys.stderr.writelines(f"  - {line}\n" for line in broken)
        return 1
    wanted = generated()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for path in (*OPENAPI.glob("*.json"), *EVENTS.glob("*.json")):
        if path not in wanted and (path.parent == EVENTS or path.stem in HERE):
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
