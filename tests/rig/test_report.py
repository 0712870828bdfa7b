"""The table of the fault matrix, made from results."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rig.matrix import MATRIX, ROWS
from tests.rig.report import outcomes, table

TESTS = Path(__file__).parents[1]


def of_test(row: str, times: int = 1, outcome: str = "passed", test: str = "test_x") -> dict[str, Any]:
    return {"row": row, "times": times, "test": test, "module": "tests/test_y.py", "outcome": outcome, "seconds": 1}


def of_torture(row: str, times: int, breaches: int) -> dict[str, Any]:
    return {"row": row, "what": "SIGKILL of the server", "times": times, "breaches": breaches, "run_by": "make torture"}


def lines(folder: Path, *results: dict[str, Any]) -> dict[str, str]:
    """The table's lines by their row."""
    file = folder / "results.jsonl"
    file.write_text("".join(json.dumps(result) + "\n" for result in results))
    return {line.split(" | ")[0].removeprefix("| "): line for line in table(outcomes([file]))}


def test_a_row_says_what_was_run_how_often_and_what_came_of_it(tmp_path: Path) -> None:
    found = lines(tmp_path, of_test("14", 2), of_torture("14", 5, 0), of_test("14", 1, test="test_z"))

    assert found["14"] == (
        "| 14 | PostgreSQL killed and started again | `test_y`: 3<br>SIGKILL of the server (make torture): 5 | 8 | no breach |"
    )


def test_runs_of_the_same_are_added_up(tmp_path: Path) -> None:
    found = lines(tmp_path, of_torture("14", 5, 0), of_torture("14", 7, 0))

    assert "| SIGKILL of the server (make torture): 12 | 12 | no breach |" in found["14"]


def test_what_did_not_hold_is_counted_and_named(tmp_path: Path) -> None:
    found = lines(tmp_path, of_torture("14", 5, 3), of_test("38", 50, "failed"), of_test("38", 50))

    assert found["14"].endswith("| **3 wrong** in SIGKILL of the server (make torture) |")
    assert found["38"].endswith("| 100 | **1 wrong** in `tests/test_y.py::test_x` |")


def test_what_was_not_run_says_so_and_what_it_waits_for(tmp_path: Path) -> None:
    found = lines(tmp_path)

    assert found["14"].endswith("| – | – | not run |")
    assert found["31"].endswith("| – | – | waits for card payments by a provider |")
    assert len(found) == len(MATRIX) + 2


@pytest.mark.parametrize("text", ["no json", "{}", '{"row": "99", "times": 1}', '{"row": "14"}'])
def test_a_line_that_is_no_result_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(text + "\n")

    with pytest.raises(SystemExit, match=r"results\.jsonl:1: "):
        outcomes([file])


def test_a_marked_test_writes_its_result(tmp_path: Path, admin_url: str) -> None:
    """As `make test` does: passed and failed tests are written down once for each of their rows, skipped ones are not."""
    module, results = tmp_path / "test_marked.py", tmp_path / "results.jsonl"
    module.write_text(
        "import pytest\n"
        "@pytest.mark.matrix('38', times=50)\n@pytest.mark.matrix('T12')\ndef test_passes(): pass\n"
        "@pytest.mark.matrix('14')\ndef test_fails(): assert False\n"
        "@pytest.mark.matrix('14')\ndef test_is_skipped(): pytest.skip('no')\n"
        "def test_of_no_row(): pass\n"
    )
    (tmp_path / "conftest.py").write_text((TESTS.parent / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(module)]
    environment = {**os.environ, "DUEBOOK_RIG_RESULTS": str(results), "PYTHONPATH": str(TESTS.parent)}
    environment["DUEBOOK_TEST_PG_URL"] = admin_url
    subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=False, timeout=100)

    written = [json.loads(line) for line in results.read_text().splitlines()]

    assert sorted((line["row"], line["times"], line["test"], line["outcome"]) for line in written) == [
        ("14", 1, "test_fails", "failed"),
        ("38", 50, "test_passes", "passed"),
        ("T12", 1, "test_passes", "passed"),
    ]
    found = {line.split(" | ")[0].removeprefix("| "): line for line in table(outcomes([results]))}
    assert found["38"].endswith("| 50 | no breach |")
    assert "**1 wrong**" in found["14"]


def test_every_marked_test_names_a_row_of_the_matrix() -> None:
    named = {
        (path.name, call.args[0].value)
        for path in TESTS.parent.rglob("test_*.py")
        if ".venv" not in path.parts
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "matrix"
        if call.args and isinstance(call.args[0], ast.Constant)
    }

    assert named
    assert {row for _, row in named} <= set(ROWS), sorted(named)


def test_the_matrix_has_every_row_once() -> None:
    assert [row.number for row in MATRIX] == [
        *map(str, range(1, 41)),
        *(f"T{number}" for number in range(1, 21)),
        *(f"S{number}" for number in range(1, 23)),
    ]
