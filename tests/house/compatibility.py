"""What of a published document a client or a reader may rely on, and whether a newer document still holds it."""

from __future__ import annotations

from typing import Any, Literal

Direction = Literal["in", "out"]
"""`in`: what others send to us (nothing more may be demanded). `out`: what we send (nothing may be missing)."""

METHODS = ("get", "put", "post", "delete", "patch")


def openapi_breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Each promise of `old` that `new` no longer holds, in words."""
    found: list[str] = []
    for path, operations in old.get("paths", {}).items():
        for method in METHODS:
            if method not in operations:
                continue
            where = f"{method.upper()} {path}"
            now = new.get("paths", {}).get(path, {}).get(method)
            if now is None:
                found.append(f"{where} is gone")
                continue
            common_old, common_new = operations.get("parameters", []), new["paths"][path].get("parameters", [])
            found += _parameters(where, operations[method], now, common_old, common_new, old, new)
            found += _bodies(where, operations[method], now, old, new)
            if operations[method].get("x-permission") != now.get("x-permission"):
                found.append(f"{where} needs another permission: {now.get('x-permission')}")
    return found


def _parameters(where: str, old: Any, new: Any, common_old: Any, common_new: Any, old_all: Any, new_all: Any) -> list[str]:
    found = []
    before = {(p["in"], p["name"]): p for p in (_resolved(p, old_all) for p in [*common_old, *old.get("parameters", [])])}
    after = {(p["in"], p["name"]): p for p in (_resolved(p, new_all) for p in [*common_new, *new.get("parameters", [])])}
    for key, parameter in before.items():
        if key not in after:
            found.append(f"{where}: parameter {key[1]} is gone")
        else:
            found += schema_breaks(
                parameter.get("schema", {}), after[key].get("schema", {}), "in", f"{where}: parameter {key[1]}", old_all, new_all
            )
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            found.append(f"{where}: parameter {key[1]} is demanded now")
    return found


def _bodies(where: str, old: Any, new: Any, old_all: Any, new_all: Any) -> list[str]:
    found = []
    sent, taken = _content(old.get("requestBody")), _content(new.get("requestBody"))
    if sent is None and taken is not None and new["requestBody"].get("required"):
        found.append(f"{where}: a body is demanded now")
    if sent is not None and taken is not None:
        found += schema_breaks(sent, taken, "in", f"{where}: body", old_all, new_all)
    for status, answer in old.get("responses", {}).items():
        if not status.startswith("2"):
            continue
        now = new.get("responses", {}).get(status)
        if now is None:
            found.append(f"{where}: answer {status} is gone")
            continue
        before, after = _content(_resolved(answer, old_all)), _content(_resolved(now, new_all))
        if before is not None:
            found += schema_breaks(before, after or {}, "out", f"{where}: answer {status}", old_all, new_all)
    return found


def schema_breaks(
    old: dict[str, Any], new: dict[str, Any], direction: Direction, where: str, old_all: Any, new_all: Any, depth: int = 0
) -> list[str]:
    """Each way in which `new` no longer fits those who rely on `old`."""
    if depth > 20:
        return []
    found: list[str] = []
    old, new = _resolved(old, old_all), _resolved(new, new_all)
    before, after = _types(old), _types(new)
    lost = before - after if direction == "in" else after - before
    if before and after and lost:
        found.append(f"{where}: its type was {_said(before)}, now it is {_said(after)}")
    if "enum" in old and direction == "in":
        gone = [choice for choice in old["enum"] if choice not in new.get("enum", old["enum"])]
        found += [f"{where}: the choice {choice} is gone" for choice in gone]
    if "enum" in new and "enum" not in old and direction == "in":
        found.append(f"{where}: only certain choices are taken now")
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            found.append(f"{where}: the field {name} is gone")
        else:
            found += schema_breaks(schema, new["properties"][name], direction, f"{where}.{name}", old_all, new_all, depth + 1)
    required_before, required_after = set(old.get("required", [])), set(new.get("required", []))
    if direction == "in":
        found += [f"{where}: the field {name} is demanded now" for name in sorted(required_after - required_before)]
    else:
        lacking = sorted((required_before - required_after) & set(new.get("properties", {})))
        found += [f"{where}: the field {name} may be missing now" for name in lacking]
    if "items" in old:
        found += schema_breaks(old["items"], new.get("items", {}), direction, f"{where}[]", old_all, new_all, depth + 1)
    return found


def _types(schema: dict[str, Any]) -> set[str]:
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return {kind for choice in schema[several] for kind in _types(choice)}
    kind = schema.get("type")
    kinds = {kind} if isinstance(kind, str) else set(kind or ())
    return kinds | ({"null"} if schema.get("nullable") else set())


def _said(types: set[str]) -> str:
    return " or ".join(sorted(types))


def _content(body: dict[str, Any] | None) -> dict[str, Any] | None:
    content: dict[str, Any] | None = (body or {}).get("content", {}).get("application/json", {}).get("schema")
    return content


def _resolved(schema: dict[str, Any], document: Any) -> dict[str, Any]:
    while "$ref" in schema:
        found = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema
