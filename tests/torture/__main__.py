"""Breaks real processes under load, by a plan, and proves that nothing was lost or done twice.

    python -m tests.torture                 one run: 2,000 operations, 12 faults
    python -m tests.torture long            three seeds: 50,000 operations and 201 faults together
    python -m tests.torture bank            money between twenty accounts, and proofs, read while the ledger is killed
    python -m tests.torture plan --seed 7   what a seed would do
    python -m tests.torture table           kinds of faults, and their rows of the fault matrix

Exit code 1 after a breach, with everything kept; 2 where the machine lacks something.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.torture.bank import Bank
from tests.torture.faults import KINDS, CrashPoint, lacks
from tests.torture.fork import FORKS
from tests.torture.plan import Plan, plan
from tests.torture.rig import Rig
from tests.torture.run import Run, story_of
from tests.torture.servers import missing

SHORT, LONG, SEEDS = (2000, 12), (16_700, 67), 3
RATE = 20.0
"""Operations a second, at most; fewer while a fault is on."""
SLOW = {"stop-consumer", "black-hole"}
"""Take as long as several others; the short run leaves them to the long one."""


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended, as after Ctrl-C
    if asked.what == "table":
        for kind, made in KINDS.items():
            row = getattr(made, "row", None) or ", ".join(sorted({where[0] for where in CrashPoint.WHERE}))
            print(f"{kind:16} row {row:10} {(made.__doc__ or '').splitlines()[0]}")
        return 0
    if (reason := missing()) is not None and asked.what != "plan":
        print(f"the torture needs servers of its own: {reason}", file=sys.stderr)
        return 2
    if asked.what == "bank":
        seed = _seed(asked)
        return _with_rig(seed, asked, lambda rig: Bank(rig, seed, asked.seconds))
    made = _plans(asked)
    if asked.what == "plan":
        print(*made, sep="\n")
        return 0
    codes = []
    for each in made:
        print(each, flush=True)
        codes.append(_with_rig(each.seed, asked, lambda rig: Run(rig, each, asked.rate, asked.fork)))  # noqa: B023 - called at once
    return max(codes)


def _seed(asked: argparse.Namespace) -> int:
    return secrets.randbelow(1_000_000) if asked.seed is None else int(asked.seed)


def _plans(asked: argparse.Namespace) -> list[Plan]:
    operations, faults = LONG if asked.what == "long" else SHORT
    kinds = asked.only.split(",") if asked.only else [kind for kind in KINDS if asked.what == "long" or kind not in SLOW]
    for kind in list(kinds):
        if (reason := lacks(kind)) is not None:
            print(f"without {kind}: {reason}")
            kinds.remove(kind)
    first = _seed(asked)
    seeds = range(first, first + (SEEDS if asked.what == "long" else 1))
    return [
        plan(seed, asked.operations or operations, asked.faults if asked.faults is not None else faults, kinds) for seed in seeds
    ]


def _commit() -> str:
    """Which code runs, where git can say so."""
    command = ["git", "-C", Path(__file__).parent, "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"


def _with_rig(seed: int, asked: argparse.Namespace, make: Callable[[Rig], Run | Bank]) -> int:
    """Starts the product, lets what is made of it go, tells what came of it. Exit code 0 where nothing broke."""
    folder = Path(tempfile.mkdtemp(prefix="duebook-torture-", dir=asked.folder))
    folder.chmod(0o711)
    rig, doing, failure = Rig(folder / "run"), None, None
    began = time.monotonic()
    try:
        rig.start()
        rig.open_books()
        print(f"seed {seed}, commit {_commit()}: six services run after {time.monotonic() - began:.0f} s", flush=True)
        doing = make(rig)
        doing.go()
    except BaseException as error:  # noqa: BLE001 - told below, with all that is kept
        failure = error
    passed = False
    if doing is not None:
        lines, passed = doing.summary()
        print(*lines, sep="\n")
        if asked.results:
            with Path(asked.results).open("a") as file:
                file.writelines(json.dumps(line) + "\n" for line in doing.results(0 if failure is None else 1))
    keep = asked.keep or isinstance(failure, Exception)
    if failure is not None:
        print(*story_of(failure, rig, folder), sep="\n")
    rig.stop(keep)
    if not keep:
        shutil.rmtree(folder)
    print(f"seed {seed}: {'passed' if passed and failure is None else 'FAILED'}", flush=True)
    if isinstance(failure, KeyboardInterrupt):
        raise failure
    return 0 if passed and failure is None else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.torture", description="Real processes under load, broken by a plan.")
    parser.add_argument("what", nargs="?", default="run", choices=("run", "long", "bank", "plan", "table"))
    parser.add_argument("--seed", type=int, help="of the plan and the load; any by default")
    parser.add_argument("--operations", type=int)
    parser.add_argument("--faults", type=int)
    parser.add_argument("--rate", type=float, default=RATE, help="operations a second, at most")
    parser.add_argument("--seconds", type=float, default=300, help="of the bank")
    parser.add_argument("--fork", choices=FORKS, help="the service whose database is restored at the end; by the seed")
    parser.add_argument("--only", help=f"kinds, separated by commas: {', '.join(KINDS)}")
    parser.add_argument("--keep", action="store_true", help="keep folder and databases also after a good end")
    parser.add_argument("--folder", help="where the run's folder is made")
    parser.add_argument("--results", help="a file that takes a line of JSON for each row that was met")
    return parser


if __name__ == "__main__":
    sys.exit(main())
