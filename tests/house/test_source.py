"""How the code is written: no floats, no hidden clocks, SQL in one place, frameworks at the edge."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.code import HERE, ROOT, assembly, calls, files, imports, name_of, tree

SERVICE_FILES = files("services")
CODE = [*files("shared"), *SERVICE_FILES]
SECONDS = {
    "services/ledger/periods/usecases.py": "deadline",
    "services/ledger/proofs/usecases.py": "deadline",
    "shared/clock.py": "pauses",
    "shared/tokens.py": "instants of tokens",
    "shared/db.py": "timeouts",
    "shared/http/app.py": "duration of a request",
    "shared/http/attempts.py": "deadline",
    "shared/http/auth.py": "instants of tokens",
    "shared/http/schemas.py": "12.0 in JSON is the whole number 12",
    "shared/http/waiting.py": "deadline",
    "shared/log/bus.py": "timeouts",
    "shared/log/relay.py": "polls, ages",
    "shared/log/store.py": "ages",
    "shared/log/wake.py": "pauses",
    "shared/log/worker.py": "polls",
    "shared/patience.py": "deadline",
    "shared/peers.py": "timeouts",
    "shared/telemetry.py": "measurements",
}
"""Files that may hold a float: seconds, never money."""
CLOCKS = {
    "services/ledger/periods/usecases.py": "deadline",
    "services/ledger/proofs/usecases.py": "deadline",
    "shared/clock.py": "the clock",
    "shared/ids.py": "the part of an id that sorts by time",
    "shared/http/app.py": "duration of a request",
    "shared/http/attempts.py": "deadline",
    "shared/http/auth.py": "how old the keys are",
    "shared/http/waiting.py": "deadline",
    "shared/log/bus.py": "heartbeats",
    "shared/log/relay.py": "age of the oldest event that waits",
    "shared/log/worker.py": "polls",
    "shared/patience.py": "deadline",
}
"""Files that may ask the machine for the time."""
PRINTS = {"services/run.py": "says before there is a log why a process does not start"}
ASKS_THE_MACHINE = re.compile(
    r"(.*\.)?(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|monotonic|perf_counter|localtime|gmtime))"
)
SPEAKS_SQL = re.compile(
    r"^\s*(with\s+\w+\s+as\s*\(|select\s.+|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|lock\s+table\s|truncate\s)",
    re.IGNORECASE | re.DOTALL,
)
RUNS_SQL = ("exec_driver_sql", "execute", "scalar", "scalars")
FRAMEWORKS = {"flask", "flask_smorest", "marshmallow", "webargs", "werkzeug"}
DATABASE = {"sqlalchemy", "psycopg"}
ROOMS = {
    "domain.py": FRAMEWORKS | DATABASE | {"httpx", "kombu"},
    "posting_rules.py": FRAMEWORKS | DATABASE | {"httpx", "kombu"},
    "usecases.py": FRAMEWORKS | {"httpx", "kombu"},
    "store.py": {"flask", "flask_smorest", "webargs", "werkzeug", "httpx", "kombu"},
}


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_no_float(path: Path) -> None:
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"line {node.lineno}: {node.value}")
        elif isinstance(node, ast.Name) and node.id == "float":
            found.append(f"line {node.lineno}: float")
        elif isinstance(node, ast.Attribute) and node.attr == "Float":
            found.append(f"line {node.lineno}: Float")

    if name_of(path) not in SECONDS:
        assert found == [], "money is whole minor units, rates are Decimal"


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_the_time_comes_from_the_clock_that_was_given(path: Path) -> None:
    found = [f"line {line}: {name}" for line, name in calls(path) if ASKS_THE_MACHINE.fullmatch(name)]

    if name_of(path) not in CLOCKS:
        assert found == [], "ask ctx.clock or ctx.today()"


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_nothing_is_printed(path: Path) -> None:
    found = [f"line {line}" for line, name in calls(path) if name in ("print", "pprint", "breakpoint")]

    if name_of(path) not in PRINTS:
        assert found == [], "use shared.telemetry.log"


@pytest.mark.parametrize("path", [path for path in SERVICE_FILES if path.name != "store.py"], ids=name_of)
def test_sql_is_in_the_store(path: Path) -> None:
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body and isinstance(node.body[0], ast.Expr)
    }
    said = [
        f"line {node.lineno}: {node.value[:60]}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documented
        and SPEAKS_SQL.match(node.value)
    ]
    ran = [f"line {line}: {name}" for line, name in calls(path) if name.rpartition(".")[2] in RUNS_SQL and "." in name]

    assert said + ran == [], "queries belong in store.py"


@pytest.mark.parametrize("path", SERVICE_FILES, ids=name_of)
def test_only_the_edge_commits(path: Path) -> None:
    ends = [f"line {line}: {name}" for line, name in calls(path) if name.endswith((".commit", ".rollback"))]

    assert ends == [], "the edge or the worker commits, once"


@pytest.mark.parametrize("path", [path for path in SERVICE_FILES if path.name in ROOMS], ids=name_of)
def test_frameworks_stay_at_the_edge(path: Path) -> None:
    assert imports(path) & ROOMS[path.name] == set()


@pytest.mark.parametrize("path", files("services", "shared", "embedded", "console", tests=True), ids=name_of)
def test_a_module_opens_with_what_it_owns(path: Path) -> None:
    if path.name != "__init__.py":
        assert ast.get_docstring(tree(path)), "say in a sentence what is in here"


@pytest.mark.parametrize("path", files("services", "shared", "embedded", "console", migrations=True), ids=name_of)
def test_nothing_is_left_for_later(path: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text())


@pytest.mark.parametrize("service", HERE)
def test_migrations_are_numbered_one_after_the_other(service: str) -> None:
    found = sorted(path for path in (ROOT / "services" / service / "migrations").glob("*.py") if path.name != "__init__.py")
    chain = []
    for path in found:
        values = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in tree(path).body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in ("revision", "down_revision")
        }
        chain.append((path.name[:4], values["revision"], values["down_revision"]))

    numbers = [f"{number:04d}" for number in range(1, len(found) + 1)]
    assert chain == list(zip(numbers, numbers, [None, *numbers[:-1]], strict=True))
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", path.name) for path in found)


@pytest.mark.parametrize("service", HERE)
def test_every_service_has_the_same_rooms_and_a_page_about_them(service: str) -> None:
    folder = ROOT / "services" / service

    assert [name for name in ("app.py", "handlers.py", "README.md") if not (folder / name).exists()] == []
    headings = re.findall(r"^## (.+)$", (folder / "README.md").read_text(), re.MULTILINE)
    assert headings[:6] == ["Owns", "Routes", "Publishes", "Consumes", "Tables", "Invariants"]
    assert any((folder / "tests").glob("test_*.py"))


@pytest.mark.parametrize("service", HERE)
def test_the_allowed_places_exist(service: str) -> None:
    assert assembly().app(service).name == service
    assert [place for place in (*SECONDS, *CLOCKS, *PRINTS) if not (ROOT / place).exists()] == []
