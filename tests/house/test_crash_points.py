"""The crash points are where they are said to be."""

from __future__ import annotations

import ast

from shared.crash import POINTS
from tests.house.code import ROOT, files, tree


def test_every_crash_point_is_passed_in_one_place_and_explained() -> None:
    passed = sorted(
        call.args[0].value
        for path in [*files("shared"), *files("services")]
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "crash_point"
    )
    page = (ROOT / "docs/event-log.md").read_text()

    assert passed == sorted(POINTS)
    assert [name for name in POINTS if f"| `{name}` |" not in page] == []
