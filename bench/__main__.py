"""Every measurement with short rounds, in about four minutes, as one table.

    python -m bench

Each measurement alone, with longer rounds: `python -m bench.http`, `bench.ledger_worker`, `bench.relay`, `bench.reads`.
"""

from __future__ import annotations

import time

from bench import http, ledger_worker, reads, relay
from bench.measure import table


def main() -> None:
    began = time.monotonic()
    found = [
        *ledger_worker.measure(rounds=5, page_count=10),
        *relay.measure(rounds=3, pages=10, seconds=9),
        *http.measure(rounds=5, seconds=2.5),
        *reads.measure(rounds=25),
    ]
    print(f"\n{table(found)}\n")
    print(f"{(time.monotonic() - began) / 60:.1f} minutes; ratios count, absolute figures drift with the machine.")


if __name__ == "__main__":
    main()
