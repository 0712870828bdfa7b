"""Between packages and between services: imports, events, handlers."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from embedded.assembly import service
from shared.contracts import load_all
from tests.house.code import HERE, ROOT, files, name_of, tree


def test_packages_import_only_what_they_may() -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
            "--no-logo",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", HERE)
def test_handlers_take_in_facts_that_there_are_from_services_that_are_followed(name: str) -> None:
    handled = set(service(name).handlers.steps)

    assert handled - set(load_all()) == set()
    assert {type.split(".")[0] for type in handled} <= set(service(name).follows), "a log that is not followed is never read"


@pytest.mark.parametrize("name", HERE)
def test_every_service_keeps_identity_s_copies(name: str) -> None:
    handled = set(service(name).handlers.steps)

    assert {"identity.company.created", "identity.company.changed", "identity.principal.changed"} <= handled


@pytest.mark.parametrize("name", HERE)
def test_no_log_is_followed_for_nothing(name: str) -> None:
    handled = {type.split(".")[0] for type in service(name).handlers.steps}

    assert set(service(name).follows) - handled == set()


def test_every_fact_is_stated_somewhere() -> None:
    used = {
        node.id if isinstance(node, ast.Name) else node.attr
        for path in files("services", "shared")
        if path.parent.name != "contracts"
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.Name, ast.Attribute))
    }
    answers = {"billing.period.stopped", "payments.period.stopped", "banking.period.stopped"}

    assert [type for type, fact in sorted(load_all().items()) if fact.__name__ not in used and type not in answers] == []


@pytest.mark.parametrize("path", [path for path in files("services") if path.name != "handlers.py"], ids=name_of)
def test_event_types_are_written_in_the_contracts_alone(path) -> None:
    said = {node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)}

    assert said & set(load_all()) == set(), "use the fact's class and its `type`"
