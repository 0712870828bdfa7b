"""Where the time goes between an outbox and the journal, by `perf`: relay and ledger worker as processes of their own.

    python -m bench.where [--pages 60]

Billing's outbox is filled; then the relay and the ledger's worker run until the ledger has taken all of it in, while the
whole machine is sampled 499 times a second. Prints the share of each program, of each library in it, and the functions that
take most. Needs `perf` (Debian: linux-perf) and the right to sample all processes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.ledger_worker import PAGE
from bench.ledger_worker import Producer as PageProducer
from bench.relay import fill_outbox
from bench.stand import stand

SERVICES = ("identity", "ledger", "billing")
PROGRAMS = 4
LIBRARIES = 5
FUNCTIONS = 12


def sampled(pages: int, data: Path) -> dict[str, str]:
    """Takes the samples, and says how fast it went. Returns the process ids of the two workers, and who they are."""
    with stand(SERVICES) as at:
        if not at.broker.url.startswith("amqp"):
            sys.exit("bench.where: needs RabbitMQ between the processes, and none answers")
        company = at.house.company().id
        at.worker("billing", "ledger")
        at.until_taken_in("ledger", "identity")
        fill_outbox(at, PageProducer("billing", [company]), company, pages)
        began = time.perf_counter()
        with subprocess.Popen(
            ["perf", "record", "--quiet", "--output", data, "--event", "cpu-clock", "--freq", "499", "--all-cpus"],
            stderr=subprocess.DEVNULL,
        ) as perf:
            at.until_taken_in("ledger", "billing")
            spent = time.perf_counter() - began
            perf.terminate()
        print(f"{pages * PAGE / spent:,.0f} events/s from the outbox into the journal, relay and worker side by side")
        workers = {"worker billing 0": "relay of billing", "worker ledger 0": "worker of the ledger"}
        return {str(at.cluster.processes[key].pid): name for key, name in workers.items()}


@dataclass(frozen=True, slots=True)
class Share:
    """Per cent of all samples. `program` is one of the two workers, or what the process calls itself."""

    percent: float
    program: str
    library: str
    function: str


def shares(data: Path, workers: Mapping[str, str]) -> list[Share]:
    """What was sampled, idle time left out."""
    answer = subprocess.run(
        ["perf", "report", "--input", data, "--stdio", "--no-children", "--sort", "pid,dso,symbol", "--field-separator", "\t"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = []
    for line in answer.splitlines():
        if line and not line.startswith("#"):
            percent, process, library, function = (cell.strip() for cell in line.split("\t")[:4])
            pid, _, name = process.partition(":")
            if name != "swapper":
                # "[.] name" of a program, "[k] name" of the kernel
                found.append(Share(float(percent.rstrip("%")), workers.get(pid.strip(), name), library, function[4:]))
    return found


def report(data: Path, workers: Mapping[str, str]) -> None:
    found = shares(data, workers)
    busy = sum(share.percent for share in found)
    programs, libraries, functions = Counter[str](), Counter[tuple[str, str]](), Counter[tuple[str, str, str]]()
    for share in found:
        programs[share.program] += share.percent / busy
        libraries[share.program, share.library] += share.percent / busy
        functions[share.program, share.library, share.function] += share.percent / busy
    print("\nshare of the time in which a processor was busy")
    for program, of_all in programs.most_common(PROGRAMS):
        print(f"  {program:<44} {of_all:>6.1%}")
        of_program = Counter({library: part for (owner, library), part in libraries.items() if owner == program})
        for library, part in of_program.most_common(LIBRARIES):
            print(f"      {library:<40.40} {part:>6.1%}")
    print("\nfunctions")
    for (program, library, function), part in functions.most_common(FUNCTIONS):
        print(f"  {part:>6.1%}  {program:<22.22} {library:<24.24} {function}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.where", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=60, help=f"pages of {PAGE} events")
    chosen = parser.parse_args()
    if not shutil.which("perf"):
        sys.exit("bench.where: perf is not installed (Debian: linux-perf)")
    with tempfile.TemporaryDirectory(prefix="duebook-bench-") as folder:
        data = Path(folder) / "perf.data"
        report(data, sampled(chosen.pages, data))


if __name__ == "__main__":
    main()
