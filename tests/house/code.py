"""The code as the house tests see it: services, routes, modules, syntax trees."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from embedded.assembly import Assembly
from shared.config import SERVICES

ROOT = Path(__file__).resolve().parents[2]
HERE = tuple(name for name in SERVICES if (ROOT / "services" / name / "app.py").exists())
"""Services that there are; a test of its own demands all of them."""


@dataclass(frozen=True)
class Route:
    service: str
    method: str
    rule: str
    permission: str | None
    money: bool

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"


@cache
def assembly() -> Assembly:
    """Every real app; making it and asking for its document needs no database."""
    import_everything()  # an app lists the refusals that are loaded when it is made
    nowhere = dict.fromkeys(("api", "worker", "log"), "postgresql://nobody@127.0.0.1:1/nothing")
    return Assembly(dict.fromkeys(HERE, nowhere), "for tests only, for tests only, for tests only")


@cache
def openapi(service: str) -> dict[str, Any]:
    """The service's OpenAPI document as it answers it now, with every refusal that there is."""
    document: Any = assembly().app(service).test_client().get(f"/api/{service}/openapi.json").json
    return document


@cache
def routes() -> tuple[Route, ...]:
    """Every route of every service, as Flask has it."""
    found = []
    for name in HERE:
        app = assembly().app(name)
        for rule in app.url_map.iter_rules():
            view = app.view_functions[rule.endpoint]
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                found.append(Route(name, method, rule.rule, getattr(view, "permission", None), getattr(view, "money", False)))
    return tuple(found)


def permissions() -> list[str]:
    """Every permission that a route declares, sorted."""
    return sorted({route.permission for route in routes() if route.permission})


def files(*folders: str, tests: bool = False, migrations: bool = False) -> list[Path]:
    """Python files of the product below these folders, without tests and migrations unless wanted."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).parts
            if (tests or not {"tests", "testing"} & set(parts)) and (migrations or "migrations" not in parts):
                found.append(path)
    return found


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> set[str]:
    """Top-level names of the packages that a file imports, those for type checks alone included."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name (as far as it is plain) of everything that a file calls."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


@cache
def import_everything() -> None:
    """Imports every module of services and shared, so that all classes are known."""
    for path in files("shared", *(f"services/{name}" for name in HERE)):
        if path.name != "env.py":
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
