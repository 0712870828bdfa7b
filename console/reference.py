"""Reads a service's OpenAPI document into what the reference pages show. Pure: a document in, words and fields out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 6
"""How far fields within fields are shown; a schema that contains itself ends here too."""
TRAILS = "common"

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One line of a table of fields. `depth` 0 is the outermost; `limits` are in words."""

    name: str
    type: str
    depth: int
    required: bool
    description: str
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """A value in the path, the query or a header."""

    place: str
    field: Field


@dataclass(frozen=True)
class Answer:
    status: str
    meaning: str
    fields: tuple[Field, ...]
    is_list: bool = False


@dataclass(frozen=True)
class Operation:
    """One route. `permission` is None where anybody may call it."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    permission: str | None
    parameters: tuple[Parameter, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Group:
    """The routes of one noun."""

    anchor: str
    name: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Problem:
    """A way in which the service says no."""

    code: str
    status: int
    meaning: str
    rule: str = ""


@dataclass(frozen=True)
class Reference:
    service: str
    description: str
    version: str
    groups: tuple[Group, ...]
    problems: tuple[Problem, ...]

    @property
    def operations(self) -> list[Operation]:
        return [operation for group in self.groups for operation in group.operations]


def read_reference(service: str, document: Node) -> Reference:
    """What the pages show of an OpenAPI 3.1 document. The service's trails, which all services share, come last."""
    schemas = _Schemas(document)
    by_tag: dict[str, list[Operation]] = {}
    for path, methods in document.get("paths", {}).items():
        for method in METHODS:
            if method in methods:
                tag = (methods[method].get("tags") or [service])[0]
                by_tag.setdefault(tag, []).append(_operation(schemas, service, method, path, methods))
    described = {tag["name"]: tag.get("description", "") for tag in document.get("tags", [])}
    groups = [
        Group(_slug(_noun(service, tag)), _label(service, tag), described.get(tag, ""), tuple(operations))
        for tag, operations in by_tag.items()
    ]
    groups.sort(key=lambda group: group.anchor == TRAILS)
    return Reference(
        service=service,
        description=document["info"].get("description", ""),
        version=document["info"].get("version", ""),
        groups=tuple(groups),
        problems=tuple(
            Problem(known["code"], known["status"], known["title"], known.get("rule") or "")
            for known in document.get("x-problems", [])
        ),
    )


def _noun(service: str, tag: str) -> str:
    return tag.removeprefix(f"{service}_") or tag


def _label(service: str, tag: str) -> str:
    noun = _noun(service, tag)
    return "Status and trails" if noun == TRAILS else noun.replace("_", " ").replace("-", " ").capitalize()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _operation(schemas: _Schemas, service: str, method: str, path: str, methods: Node) -> Operation:
    found = methods[method]
    body = schemas.resolved(found.get("requestBody", {}))
    return Operation(
        anchor=_slug(f"{method} {path.removeprefix(f'/api/{service}')}"),
        method=method.upper(),
        path=path,
        summary=found.get("summary", ""),
        description=found.get("description", ""),
        permission=found.get("x-permission"),
        parameters=tuple(_parameters(schemas, [*methods.get("parameters", []), *found.get("parameters", [])])),
        body=tuple(schemas.fields(_schema_of(body))),
        answers=tuple(_answers(schemas, found.get("responses", {}))),
    )


def _parameters(schemas: _Schemas, given: list[Node]) -> Iterator[Parameter]:
    for raw in given:
        found = schemas.resolved(raw)
        shape = found.get("schema", {})
        description = found.get("description") or shape.get("description", "")
        kind = schemas.type(shape).removesuffix(" or null")  # a parameter is left out, never null
        limits = tuple(schemas.limits(shape))
        yield Parameter(found["in"], Field(found["name"], kind, 0, bool(found.get("required")), description, limits))


def _answers(schemas: _Schemas, responses: Node) -> Iterator[Answer]:
    """The answers that mean yes; refusals are the service's problems."""
    for status, raw in sorted(responses.items()):
        if status.startswith("2"):
            found = schemas.resolved(raw)
            shape = schemas.resolved(_schema_of(found))
            is_list = shape.get("type") == "array"
            fields = tuple(schemas.fields(shape.get("items", {}) if is_list else shape))
            yield Answer(status, found.get("description", ""), fields, is_list)


def _schema_of(message: Node) -> Node:
    for content in message.get("content", {}).values():
        shape: Node = content.get("schema", {})
        return shape
    return {}


@dataclass(frozen=True)
class _Schemas:
    """Follows references of the document and puts schemas into words."""

    document: Node

    def resolved(self, node: Node) -> Node:
        """The node itself, or what its reference names; keys beside a reference stay."""
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = {**found, **{key: value for key, value in node.items() if key != "$ref"}}
        for word in ("allOf", "anyOf", "oneOf"):
            choices = [choice for choice in node.get(word, []) if choice.get("type") != "null"]
            if len(choices) == 1:
                rest = {key: value for key, value in node.items() if key != word}
                nullable = len(node[word]) > 1
                return {**self.resolved(choices[0]), **rest, **({"x-nullable": True} if nullable else {})}
        return node

    def fields(self, node: Node, depth: int = 0) -> Iterator[Field]:
        """Every field of an object, those within it below their own."""
        shape = self.resolved(node)
        required = set(shape.get("required", ()))
        for name, raw in shape.get("properties", {}).items():
            value = self.resolved(raw)
            yield Field(name, self.type(value), depth, name in required, value.get("description", ""), tuple(self.limits(value)))
            inner = self.resolved(value["items"]) if "items" in value else value
            if depth + 1 < DEEPEST and inner.get("properties") and not _is_money(inner):
                yield from self.fields(inner, depth + 1)

    def type(self, node: Node) -> str:
        """What a value is, in a few words."""
        shape = self.resolved(node)
        named = shape.get("type", "any value")
        kinds = [kind for kind in named if kind != "null"] if isinstance(named, list) else [named]
        nullable = (isinstance(named, list) and "null" in named) or shape.get("x-nullable", False)
        word = " or ".join(self._word(str(kind), shape) for kind in kinds)
        return f"{word} or null" if nullable else word

    def _word(self, kind: str, shape: Node) -> str:
        pattern, form = shape.get("pattern", ""), shape.get("format", "")
        if kind == "array":
            return f"list of {_plural(self.type(shape.get('items', {})))}"
        if kind == "object":
            return "money" if _is_money(shape) else "object"
        if kind == "string":
            if prefix := re.match(r"\^([a-z]+)_\[0-9a-hjkmnp-tv-z\]", pattern):
                return f"id ({prefix[1]}_…)"
            if pattern == "^[A-Z]{3}$":
                return "currency"
            return {"date": "date", "date-time": "instant"}.get(form, "text")
        return {"integer": "whole number", "number": "number", "boolean": "true or false"}.get(kind, kind)

    def limits(self, node: Node) -> Iterator[str]:
        """What a value must keep to, in words."""
        shape = self.resolved(node)
        choices = [str(choice) for choice in shape.get("enum", []) if choice is not None]
        if choices:
            yield "one of " + ", ".join(choices)
        yield from _range(shape.get("minimum"), shape.get("maximum"), "")
        yield from _range(shape.get("minLength"), shape.get("maxLength"), " characters")
        yield from _range(shape.get("minItems"), shape.get("maxItems"), " entries")
        if shape.get("default") is not None:
            default = shape["default"]
            yield f"{str(default).lower() if isinstance(default, bool) else default} if not given"


def _is_money(shape: Node) -> bool:
    return set(shape.get("properties", ())) == {"amount", "currency"}


def _plural(word: str) -> str:
    return word + "s" if word in ("text", "object", "date", "instant", "whole number") else word


def _range(least: Any, most: Any, unit: str) -> Iterator[str]:
    if least is not None and most is not None:
        yield f"{least:,} to {most:,}{unit}"
    elif most is not None:
        yield f"at most {most:,}{unit}"
    elif least is not None:
        yield f"at least {least:,}{unit}"
