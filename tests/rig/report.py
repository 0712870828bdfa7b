"""What was run against each row of the fault matrix, how often, and what came of it: a table from the runs' own results.

    DUEBOOK_RIG_RESULTS=results.jsonl make test
    python -m tests.rig.report results.jsonl torture.jsonl …

A line of a file is what `conftest.py` writes of a test marked `matrix`, or what a torture run writes of a fault:
{"row": "14", "what": "…", "times": 5, "breaches": 0, "run_by": "make torture"}.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.rig.matrix import MATRIX, ROWS, Row


@dataclass
class Outcome:
    """All that was run against one row."""

    run: dict[str, int] = field(default_factory=dict)
    """What was run, of tests their module -> how often."""
    wrong: dict[str, int] = field(default_factory=dict)
    """What did not hold -> how many breaches or failures."""

    def add(self, line: dict[str, Any]) -> None:
        if "outcome" in line:
            what, wrong = f"`{Path(line['module']).stem}`", int(line["outcome"] != "passed")
            named = f"`{line['module']}::{line['test']}`"
        else:
            what, wrong = f"{line['what']} ({line['run_by']})", int(line["breaches"])
            named = what
        self.run[what] = self.run.get(what, 0) + int(line["times"])
        if wrong:
            self.wrong[named] = self.wrong.get(named, 0) + wrong

    def __str__(self) -> str:
        return "; ".join(f"**{count} wrong** in {what}" for what, count in self.wrong.items()) or "no breach"


def outcomes(files: Iterable[Path]) -> dict[str, Outcome]:
    """Row -> what was run. Raises SystemExit for a line that is no result, or names no row."""
    found: dict[str, Outcome] = {}
    for file in files:
        for number, text in enumerate(file.read_text().splitlines(), 1):
            try:
                line = json.loads(text)
                row = ROWS[line["row"]]
                found.setdefault(row.number, Outcome()).add(line)
            except (ValueError, KeyError, TypeError) as error:
                raise SystemExit(f"{file}:{number}: {error!r} in {text[:200]}") from error
    return found


def table(found: dict[str, Outcome]) -> Iterator[str]:
    """The lines of a markdown table, every row of the matrix in its order."""
    yield "| row | fault | what was run | how often | outcome |"
    yield "|---|---|---|---:|---|"
    for row in MATRIX:
        yield "| " + " | ".join((row.number, row.what, *_cells(row, found.get(row.number)))) + " |"


def _cells(row: Row, outcome: Outcome | None) -> tuple[str, str, str]:
    if outcome is None:
        return ("–", "–", f"waits for {row.waits_for}") if row.waits_for else ("–", "–", "not run")
    run = "<br>".join(f"{what}: {times:,}" for what, times in outcome.run.items())
    return run, f"{sum(outcome.run.values()):,}", str(outcome)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.rig.report", description=__doc__.split("\n", 1)[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="results of tests and of torture runs, JSON lines")
    for line in table(outcomes(parser.parse_args().files)):
        print(line)


if __name__ == "__main__":
    main()
