"""One run: load and faults by a plan, checks on the way, and the proof of everything at the end."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rig.breach import Breach
from tests.rig.checker import check
from tests.torture.faults import Fault, kind_of
from tests.torture.fork import FORKS, fork
from tests.torture.load import Asked, Load
from tests.torture.plan import Plan
from tests.torture.rig import Rig

READS, WRITES, RECONNECT_S = 0.99, 0.95, 10.0
"""Pass marks: reads and writes that are answered outside fault windows, and how soon services connect again by themselves."""
CHECK_EVERY = 3
RECOVERY_S = 8
"""About what it takes until all is well again after a fault is lifted."""
ALWAYS = (("13", "two workers of each service"), ("18", "twenty clients on a few customers"))
"""Rows that every run meets, all the time."""
RESTORED = ("40", "a service's database restored at the end")


@dataclass
class Struck:
    """A fault that was, in seconds of the run's clock: when it began, when it was lifted, how long until what followed."""

    fault: Fault
    began: float
    lifted: float
    answered_after: float
    settled_after: float

    @property
    def over(self) -> float:
        return self.lifted + self.answered_after


class Breached(Exception):
    """An invariant does not hold."""

    def __init__(self, when: str, breaches: Sequence[Breach]):
        self.when, self.breaches = when, breaches
        super().__init__(f"{when}: {breaches[0]}")


class Run:
    """`go` raises Breached, or returns when all has held. `restored` is the service whose database is put back at the end."""

    def __init__(self, rig: Rig, plan: Plan, rate: float, restored: str | None = None):
        self.rig, self.plan, self.rate = rig, plan, rate
        self.restored = restored or FORKS[plan.seed % len(FORKS)]
        self.forked = False
        self.load: Load = rig.load(plan.seed, plan.operations, rate)
        self.struck: list[Struck] = []
        self.began = time.monotonic()

    def go(self) -> None:
        self.load.start()
        try:
            ends = [*(planned.after for planned in self.plan.faults[1:]), self.plan.operations]
            for number, (planned, end) in enumerate(zip(self.plan.faults, ends, strict=True), 1):
                self._wait_for(planned.after)
                # so that the work until the next fault lasts for this one
                self.load.rate = min(self.rate, max(1, end - self.load.done) / (planned.fault.hold + RECOVERY_S))
                self._strike(planned.fault)
                self.load.rate = self.rate
                if number % CHECK_EVERY == 0:
                    self._check("while work goes on", settled=False)
            self._wait_for(self.plan.operations)
        finally:
            self.load.stop()
            self.load.join()
        self.say(f"{self.load.done} operations are done; waiting until all is taken in")
        self.say(f"settled after {self.rig.wait_until_settled():.1f} s")
        self._check("at rest", settled=True)
        if found := self.rig.proofs():
            raise Breached("the product's own proofs", found)
        if self.load.failures:
            raise self.load.failures[0]
        self.say(f"{self.restored} is restored to where it was some work ago (row 40)")
        self.forked = True
        if found := fork(self.rig, self.restored, self.plan.seed + 1):
            raise Breached("after a restored database", found)
        self.say("    its readers and the proofs say so")

    def say(self, words: str) -> None:
        print(f"{time.monotonic() - self.began:7.1f} s  {words}", flush=True)

    def _wait_for(self, operations: int) -> None:
        while self.load.done < operations and not self.load.is_over:
            time.sleep(0.05)

    def _strike(self, fault: Fault) -> None:
        self.say(str(fault))
        began = time.monotonic()
        fault.inject(self.rig)
        time.sleep(max(0.0, began + fault.hold - time.monotonic()))
        lifting = time.monotonic()
        fault.lift(self.rig)
        lifted = time.monotonic()
        answered = self.rig.until_it_answers()
        settled = self.rig.until_caught_up()
        self.struck.append(Struck(fault, began, lifted, answered, settled + answered))
        self.say(f"    lifted in {lifted - lifting:.1f} s, answers after {answered:.1f} s, caught up {settled:.1f} s later")

    def _check(self, when: str, settled: bool) -> None:
        began = time.monotonic()
        attempts = [*self.load.history, *self.rig.history] if settled else ()
        found = check(self.rig.urls, settled=settled, attempts=attempts)
        self.say(f"    checked {when} in {time.monotonic() - began:.1f} s: {len(found)} breaches")
        if found:
            raise Breached(when, found)

    # what came of it

    def summary(self) -> tuple[list[str], bool]:
        """Lines to show, and whether every pass mark was reached."""
        reads, writes = (self._availability(write) for write in (False, True))
        servers = [struck.answered_after for struck in self.struck if not struck.fault.restarts]
        slowest = max(servers, default=0.0)
        outcomes: Counter[str] = Counter()
        for (_, status), times in self.load.outcomes.items():
            outcomes[str(status or "no answer")] += times
        by_kind = Counter(kind_of(struck.fault) for struck in self.struck)
        lines = [
            f"operations   {self.load.done} in {time.monotonic() - self.began:.0f} s; writes by status: "
            + ", ".join(
                f"{status or 'no answer'} {times}" for status, times in sorted(outcomes.items(), key=lambda it: it[0] or 0)
            ),
            "faults       " + ", ".join(f"{kind} {times}" for kind, times in sorted(by_kind.items())),
            f"reads        {reads:.2%} answered outside fault windows (at least {READS:.0%})",
            f"writes       {writes:.2%} answered outside fault windows (at least {WRITES:.0%}); p95 {self._p95() * 1000:.0f} ms",
            f"reconnect    {slowest:.1f} s at most after a server or connection came back (at most {RECONNECT_S:.0f} s)",
            f"caught up    {max((struck.settled_after for struck in self.struck), default=0):.1f} s at most after a fault",
        ]
        if unknown := sum(asked.status == 500 for asked in list(self.load.asked)):
            lines.append(f"500          answered {unknown} times: a failure that nobody had thought of; see the logs of the APIs")
        lines += [f"strange      {words}" for words in self.load.strange[:5]]
        passed = reads >= READS and writes >= WRITES and slowest <= RECONNECT_S and not unknown and not self.load.strange
        return lines, passed

    def _outside(self, write: bool) -> list[Asked]:
        """Requests that no fault's window touches."""
        windows = [(struck.began, struck.over) for struck in self.struck]
        return [
            asked
            for asked in list(self.load.asked)
            if asked.write is write and not any(asked.ended >= begin and asked.began <= end for begin, end in windows)
        ]

    def _availability(self, write: bool) -> float:
        asked = self._outside(write)
        return sum(each.answered for each in asked) / len(asked) if asked else 1.0

    def _p95(self) -> float:
        took = sorted(each.ended - each.began for each in self._outside(True))
        return took[int(len(took) * 0.95)] if took else 0.0

    def results(self, breaches: int) -> list[dict[str, object]]:
        """For the report: how often each row was met, and by what."""
        times = Counter((struck.fault.row, kind_of(struck.fault)) for struck in self.struck)
        times.update([*ALWAYS, *([RESTORED] if self.forked else [])])
        by = "torture"
        return [
            {"row": row, "what": what, "times": count, "breaches": breaches, "run_by": by, "seed": self.plan.seed}
            for (row, what), count in sorted(times.items(), key=lambda item: int(item[0][0]))
        ]


def story_of(error: BaseException, rig: Rig, folder: Path) -> list[str]:
    """What a person needs to go on from where it broke."""
    lines = []
    if isinstance(error, Breached):
        lines += [f"BREACH {error.when}: the first of {len(error.breaches)}", *(f"  {breach}" for breach in error.breaches[:20])]
    else:
        lines += ["FAILED", *traceback.format_exception(error)]
    lines.append(f"everything is kept in {folder}: PostgreSQL's data in {rig.postgres.server.data}, each process's log beside it")
    return lines
