"""Jepsen's bank on our ledger: money moves between twenty accounts, and whoever reads the whole sees that none was made or lost.

Beside it the same for receivables: proofs, read all the while at one point of every log, are never red.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.rig.breach import Breach
from tests.rig.checker import check
from tests.torture.faults import CutCommits, Fault, Kill, KillPostgres, StopLedger
from tests.torture.load import Shop
from tests.torture.rig import Rig
from tests.torture.run import Breached

ACCOUNTS = [f"7{number:03d}" for number in range(20)]
CLIENTS, READERS, RATE = 20, 2, 8.0
EVERY_S = (10.0, 20.0)


class KillLedger(Kill):
    """SIGKILL to the ledger."""

    hold_s = (0.5, 2)

    def choose(self, chance: random.Random) -> None:
        self.service = "ledger"


class PauseLedger(StopLedger):
    """The ledger stands still for some seconds."""

    hold_s = (2, 5)


class Bank:
    """`go` runs for some seconds and raises Breached at the first read that does not add up."""

    def __init__(self, rig: Rig, seed: int, seconds: float):
        self.rig, self.seconds, self.chance, self.seed = rig, seconds, random.Random(seed), seed
        self.bank, self.trade = rig.shops
        self.over = threading.Event()
        self.reads: Counter[str] = Counter()
        self.breaches: list[Breach] = []
        self.failures: list[BaseException] = []
        self.faults: Counter[str] = Counter()

    def go(self) -> None:
        self._open_accounts()
        load = self.rig.load(self.seed, 10**9, RATE)
        load.shops = [self.trade]
        tellers = [lambda number=number: self._transfer(number) for number in range(CLIENTS)]
        readers: list[Callable[[], None]] = [self._read_bank, self._read_proofs] * READERS
        threads = [threading.Thread(target=self._guarded, args=(run,), daemon=True) for run in (*tellers, *readers)]
        began = time.monotonic()
        load.start()
        for thread in threads:
            thread.start()
        try:
            while time.monotonic() - began < self.seconds and not self.breaches and not self.failures:
                self._strike(time.monotonic() - began)
        finally:
            self.over.set()
            load.stop()
            for thread in (*threads, *load.threads):
                thread.join()
        if self.failures:
            raise self.failures[0]
        if self.breaches:
            raise Breached("while money moved", self.breaches)
        self.rig.wait_until_settled()
        attempts = [*self.rig.history, *load.history]
        if found := check(self.rig.urls, settled=True, attempts=attempts) or self.rig.proofs():
            raise Breached("at rest", found)

    def summary(self) -> tuple[list[str], bool]:
        """Lines to show, and whether there was enough to see."""
        transfers = Counter(str(attempt.status or "no answer") for attempt in self.rig.history)
        told = {"transfers": transfers, "reads": self.reads, "faults": self.faults}
        lines = [f"{what:12} " + ", ".join(f"{name} {times}" for name, times in sorted(of.items())) for what, of in told.items()]
        return lines, all(self.reads[what] > 0 for what in ("trial balances", "proofs", "proofs green"))

    def results(self, breaches: int) -> list[dict[str, object]]:
        by = f"torture bank, {self.seconds:.0f} s"
        return [
            {"row": row, "what": what, "times": self.reads[what], "breaches": breaches, "run_by": by, "seed": self.seed}
            for row, what in (("T19", "trial balances"), ("T20", "proofs"))
        ]

    def _open_accounts(self) -> None:
        with self.rig.client(self.bank) as client:
            for code in ACCOUNTS:
                made = client.write("/api/ledger/accounts", {"code": code, "name": f"Account {code}", "kind": "asset"})
                assert made.status == 201, made.answer

    def _strike(self, at: float) -> None:
        fault: Fault = self.chance.choice((KillLedger, PauseLedger, KillPostgres, CutCommits))(self.chance)
        self.faults[type(fault).__name__] += 1
        print(f"{at:7.1f} s  {type(fault).__name__} {fault.hold} s", flush=True)
        fault.inject(self.rig)
        time.sleep(fault.hold)
        fault.lift(self.rig)
        self.rig.until_it_answers()
        self.over.wait(self.chance.uniform(*EVERY_S))

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as failure:  # noqa: BLE001 - raised again by who started it
            self.failures.append(failure)

    def _transfer(self, number: int) -> None:
        """Moves cents between two accounts, again and again."""
        with self.rig.client(self.bank, self.seed * 1000 + 100 + number) as client:
            client.history = self.rig.history
            while not self.over.is_set():
                giver, taker = client.random.sample(ACCOUNTS, 2)
                amount = {"amount": client.random.randint(1, 500), "currency": self.bank.currencies[0]}
                sides = ((giver, "credit"), (taker, "debit"))
                lines = [{"account": account, "side": side, "amount": amount} for account, side in sides]
                client.write("/api/ledger/manual-entries", {"description": "transfer", "lines": lines})
                self.over.wait(client.random.uniform(0, 2 * CLIENTS / RATE))

    def _read_bank(self) -> None:
        with self.rig.client(self.bank, self.seed) as client:
            while not self.over.is_set():
                if answer := client.read("/api/ledger/trial-balance", patience_s=0):
                    self.reads["trial balances"] += 1
                    self._add_up(answer)
                self.over.wait(0.2)

    def _add_up(self, answer: dict[str, Any]) -> None:
        held = {"debit": 0, "credit": 0, None: 0}
        for item in answer["items"]:
            if item["code"] in ACCOUNTS:
                held[item["side"]] += item["balance"]["amount"]
        if held["debit"] != held["credit"]:
            self._breach("T19", self.bank, f"the twenty accounts hold {held['debit'] - held['credit']}, not nothing: {answer}")
        for total in answer["totals"]:
            if total["debits"] != total["credits"] or total["debit_balances"] != total["credit_balances"]:
                self._breach("T19", self.bank, f"the trial balance does not balance: {total}")

    def _read_proofs(self) -> None:
        with self.rig.client(self.trade, self.seed + 1) as client:
            while not self.over.is_set():
                if answer := client.read("/api/ledger/proofs", patience_s=0):
                    self.reads["proofs"] += 1
                    self.reads[f"proofs {answer['state']}"] += 1
                    if answer["state"] == "red":
                        self._breach("T20", self.trade, str([item for item in answer["proofs"] if item["state"] == "red"]))
                self.over.wait(0.3)

    def _breach(self, rule: str, shop: Shop, what: str) -> None:
        self.breaches.append(Breach(rule, "ledger", shop.company_id, what[:2000]))
