"""The kinds of faults. Each says which rows of the fault matrix it belongs to, how it begins, and how it ends."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

from shared.config import SERVICES
from shared.db import engine
from shared.log import store
from shared.log.bus import Bus, PagePublisher
from tests.integration.clocks import LIBRARY, MISSING, believes_in
from tests.torture.servers import execute

if TYPE_CHECKING:
    from tests.torture.rig import Rig

BOOKKEEPERS = ("ledger", "billing", "payments", "banking")
CLOSABLE_DAYS = 40


class Fault:
    """`inject`, hold for `hold_s` while the load goes on, `lift`. What is left to chance is decided when it is made."""

    row: str
    hold_s: tuple[float, float] = (2, 6)
    restarts = True
    """Whether processes of the product are started anew: then the time until they answer is their own."""

    def __init__(self, chance: random.Random):
        self.hold = round(chance.uniform(*self.hold_s), 1)
        self.choose(chance)

    def choose(self, chance: random.Random) -> None:
        """Decides what is left to chance."""

    def __str__(self) -> str:
        return f"{kind_of(self)}{self.what()}, {self.hold} s (row {self.row})"

    def what(self) -> str:
        return ""

    def inject(self, rig: Rig) -> None:
        raise NotImplementedError

    def lift(self, rig: Rig) -> None:
        """Ends the fault; the product mends the rest."""


# processes


class CrashPoint(Fault):
    """A service whose processes die at a point of an event's way."""

    hold_s = (1, 1)
    PATIENCE_S = 20
    WHERE = (
        ("1", "worker", "ledger", "log.worker.after_commit"),
        ("2", "worker", "ledger", "log.worker.before_commit"),
        ("3", "worker", "billing", "log.relay.before_publish"),
        ("3", "worker", "billing", "log.relay.after_confirm"),
        ("6", "api", "payments", "http.before_commit"),
        ("6", "api", "payments", "http.after_commit"),
        ("8", "worker", "banking", "log.relay.before_publish"),
    )

    def choose(self, chance: random.Random) -> None:
        self.row, self.process, self.service, self.point = chance.choice(self.WHERE)
        self.nth = chance.randint(1, 3)

    def what(self) -> str:
        return f" {self.process} {self.service} at {self.point}:{self.nth}"

    def inject(self, rig: Rig) -> None:
        for key in rig.processes_of(self.service):
            if key.startswith(self.process):
                rig.cluster.kill(key)
        before = self._deaths(rig)
        rig.cluster.launch_all(self.service, DUEBOOK_CRASH_AT=f"{self.point}:{self.nth}")
        # the load takes it there; a deposit may take a while to come
        with contextlib.suppress(TimeoutError):
            rig.until("it did not die", lambda: self._deaths(rig) > before, self.PATIENCE_S)

    def _deaths(self, rig: Rig) -> int:
        """Ended workers, and ends of gunicorn's children as it notes them."""
        keys = [key for key in rig.processes_of(self.service) if key.startswith(self.process)]
        ended = sum(rig.cluster.processes[key].poll() is not None for key in keys)
        return ended + sum(rig.cluster.log_of(key, 10_000_000).count("exited with code 137") for key in keys)

    def lift(self, rig: Rig) -> None:
        for key in rig.processes_of(self.service):
            if key.startswith(self.process):
                rig.cluster.kill(key)
        rig.restart_dead()


class Kill(Fault):
    """SIGKILL to one service at any moment."""

    row = "4"

    def choose(self, chance: random.Random) -> None:
        self.service = chance.choice(SERVICES)

    def what(self) -> str:
        return f" {self.service}"

    def inject(self, rig: Rig) -> None:
        rig.kill(self.service)

    def lift(self, rig: Rig) -> None:
        rig.restart_dead()


class KillWhileNumbering(Fault):
    """SIGKILL to billing while twenty invoices are issued at once."""

    row = "4"
    hold_s = (1, 2)

    def choose(self, chance: random.Random) -> None:
        self.after_s = chance.uniform(0.0, 0.05)

    def inject(self, rig: Rig) -> None:
        shop = rig.shops[0]
        line = {"description": "at once", "quantity": "1", "unit_price": "1"}
        body = {"customer_id": shop.customers[0][0], "issue": True, "lines": [line]}

        def issue(seed: int) -> None:
            with rig.client(shop, seed) as client:
                client.history = rig.history
                client.write("/api/billing/invoices", body)

        self.threads = [threading.Thread(target=issue, args=(time.monotonic_ns() + n,), daemon=True) for n in range(20)]
        for thread in self.threads:
            thread.start()
        time.sleep(self.after_s)
        rig.kill("billing")

    def lift(self, rig: Rig) -> None:
        rig.restart_dead()
        for thread in self.threads:
            thread.join()


class KillAll(Fault):
    """SIGKILL to every service at once, and a start in any order."""

    row = "10"

    def choose(self, chance: random.Random) -> None:
        self.order = chance.sample(SERVICES, len(SERVICES))

    def inject(self, rig: Rig) -> None:
        for name in self.order:
            rig.kill(name)

    def lift(self, rig: Rig) -> None:
        for name in self.order:
            rig.cluster.launch_all(name)


class StopLedger(Fault):
    """The ledger stands still and goes on."""

    row = "11"
    hold_s = (8, 15)
    restarts = False

    def inject(self, rig: Rig) -> None:
        rig.signal(rig.processes_of("ledger"), signal.SIGSTOP)

    def lift(self, rig: Rig) -> None:
        rig.signal(rig.processes_of("ledger"), signal.SIGCONT)


class StopOneConsumer(StopLedger):
    """One of two workers stands still until the broker gives up on it, then wakes with its work half done."""

    row = "12"
    hold_s = (35, 40)

    def choose(self, chance: random.Random) -> None:
        self.service = chance.choice(("ledger", "payments", "billing"))

    def what(self) -> str:
        return f" {self.service}"

    def inject(self, rig: Rig) -> None:
        rig.signal([f"worker {self.service} 0"], signal.SIGSTOP)

    def lift(self, rig: Rig) -> None:
        rig.signal([f"worker {self.service} 0"], signal.SIGCONT)


class StopLeader(StopOneConsumer):
    """The relay that leads stands still, holding what it has locked."""

    row = "13"
    hold_s = (18, 22)

    def inject(self, rig: Rig) -> None:
        rig.cluster.kill(f"worker {self.service} 1")
        time.sleep(2.5)  # the other takes the lead within a second or two
        rig.cluster.launch_all(self.service)
        super().inject(rig)


# PostgreSQL


class KillPostgres(Fault):
    """SIGKILL to PostgreSQL."""

    row = "14"
    hold_s = (1, 4)
    restarts = False

    def inject(self, rig: Rig) -> None:
        rig.postgres.kill()

    def lift(self, rig: Rig) -> None:
        rig.postgres.start()


class Terminate(Fault):
    """Sessions are ended at random, a few every half second."""

    row = "15"
    hold_s = (8, 15)
    restarts = False

    def inject(self, rig: Rig) -> None:
        query = (
            "select pg_terminate_backend(pid) from (select pid from pg_stat_activity where usename like 'torture%' "
            "order by random() limit 4) chosen"
        )
        deadline = time.monotonic() + self.hold
        while time.monotonic() < deadline:
            execute(rig.postgres.url, query)
            time.sleep(0.5)


class FillDisk(Fault):
    """PostgreSQL's disk is full."""

    row = "16"
    hold_s = (5, 8)
    restarts = False

    def inject(self, rig: Rig) -> None:
        rig.postgres.fill()

    def lift(self, rig: Rig) -> None:
        rig.postgres.empty()
        time.sleep(1)
        try:
            execute(rig.postgres.url, "create temporary table room (there text)")
        except psycopg.Error:
            rig.postgres.start()


class LockHotRow(Fault):
    """Somebody holds the rows that everybody needs."""

    row = "17"
    hold_s = (8, 20)
    restarts = False
    WANTED = (("billing", "app.open_item"), ("payments", "app.open_invoice"), ("ledger", "app.balance"), ("billing", "log.head"))

    def choose(self, chance: random.Random) -> None:
        self.service, self.table = chance.choice(self.WANTED)

    def what(self) -> str:
        return f" {self.service} {self.table}"

    def inject(self, rig: Rig) -> None:
        self.session = psycopg.connect(rig.inside(self.service))
        self.session.execute(f"lock table {self.table} in exclusive mode")

    def lift(self, rig: Rig) -> None:
        self.session.close()


class CutCommits(Fault):
    """The connection is cut when a commit was sent, before its answer."""

    row = "19"
    hold_s = (2, 5)
    restarts = False

    def choose(self, chance: random.Random) -> None:
        self.times, self.delivered = chance.randint(5, 25), chance.random() < 0.7

    def what(self) -> str:
        return f" {self.times} times, {'after' if self.delivered else 'before'} the server heard of it"

    def inject(self, rig: Rig) -> None:
        rig.database_wire.cut_at_commit(self.times, self.delivered)

    def lift(self, rig: Rig) -> None:
        rig.database_wire.flow()


class CutPostgres(Fault):
    """Every connection to PostgreSQL is cut, and new ones are refused for a moment."""

    row = "19"
    hold_s = (1, 3)
    restarts = False

    def inject(self, rig: Rig) -> None:
        rig.database_wire.refuse()

    def lift(self, rig: Rig) -> None:
        rig.database_wire.accept()


# RabbitMQ


class CutBroker(Fault):
    """Every connection to the broker is cut, and new ones are refused for a while."""

    row = "20"
    hold_s = (1, 12)
    restarts = False

    def inject(self, rig: Rig) -> None:
        rig.broker_wire.refuse()

    def lift(self, rig: Rig) -> None:
        rig.broker_wire.accept()


class BlackHole(Fault):
    """Packets to and from the broker vanish."""

    row = "21"
    hold_s = (15, 35)
    restarts = False

    def inject(self, rig: Rig) -> None:
        rig.broker_wire.stall()

    def lift(self, rig: Rig) -> None:
        rig.broker_wire.flow()


class KillBroker(Fault):
    """SIGKILL to RabbitMQ."""

    row = "22"
    restarts = False

    def inject(self, rig: Rig) -> None:
        rig.rabbit.kill()

    def lift(self, rig: Rig) -> None:
        rig.rabbit.start()


class WipeBroker(KillBroker):
    """It comes back without anything that it knew."""

    row = "24"

    def lift(self, rig: Rig) -> None:
        rig.rabbit.wipe()
        rig.rabbit.start()


class DiskAlarm(Fault):
    """RabbitMQ takes nothing from publishers, for want of room."""

    row = "25"
    hold_s = (5, 15)
    restarts = False

    def inject(self, rig: Rig) -> None:
        rig.rabbit.alarm(True)

    def lift(self, rig: Rig) -> None:
        rig.rabbit.alarm(False)


class DeleteTopology(Fault):
    """A queue, or only a binding of it, is deleted."""

    row = "26"
    restarts = False

    def choose(self, chance: random.Random) -> None:
        self.service = chance.choice(BOOKKEEPERS)
        self.whole_queue = chance.random() < 0.5

    def what(self) -> str:
        return f" {'queue' if self.whole_queue else 'binding'} of {self.service}"

    def inject(self, rig: Rig) -> None:
        bus = Bus(rig.rabbit.url, "torture", "torture")
        try:
            with bus.connection.channel() as channel:
                queue = bus.queue(self.service)(channel)
                if self.whole_queue:
                    queue.delete()
                else:
                    queue.unbind_from(bus.exchange("billing"))
        finally:
            bus.close()


class Pages(Fault):
    """Pages that were published before come again, straight into the broker."""

    row = "27"
    restarts = False
    hold_s = (1, 1)

    def choose(self, chance: random.Random) -> None:
        self.chance = random.Random(chance.getrandbits(64))

    def inject(self, rig: Rig) -> None:
        for producer in SERVICES:
            self.publish(rig, producer, self.choice(self.pages(rig, producer)))

    def pages(self, rig: Rig, producer: str, newest: int = 100, events: int = 20) -> list[bytes]:
        """Pages of the newest events of a log; each has at most `events`."""
        made = engine(rig.urls[producer]["log"], 1)
        found = []
        with made.connect() as connection:
            head = store.head(connection).seq
            after = max(0, head - newest)
            while page := store.page_after(connection, producer, after, events):
                found.append(page.body)
                after = page.last
        made.dispose()
        return found

    def choice(self, pages: list[bytes]) -> list[bytes]:
        return [page for page in pages for _ in range(3)]

    @staticmethod
    def publish(rig: Rig, producer: str, pages: list[bytes]) -> None:
        bus = Bus(rig.rabbit.url, "torture", "torture")
        try:
            publisher = PagePublisher(bus, producer)
            for page in pages:
                publisher.send(page)
            publisher.confirm()
        finally:
            bus.close()


class ReorderedPages(Pages):
    """The newest events, each in a page of its own, in any order."""

    row = "28"

    def inject(self, rig: Rig) -> None:
        for producer in SERVICES:
            pages = self.pages(rig, producer, newest=50, events=1)
            self.chance.shuffle(pages)
            self.publish(rig, producer, pages)


class LatePages(Pages):
    """The log's first thousand events once more."""

    row = "29"

    def inject(self, rig: Rig) -> None:
        for producer in SERVICES:
            self.publish(rig, producer, self.pages(rig, producer, newest=10**9, events=100)[:10])


class PoisonPages(Pages):
    """What is no page, or no page of a log that anybody follows."""

    row = "30"

    def inject(self, rig: Rig) -> None:
        whole = self.pages(rig, "billing")[-1]
        poison = [
            b"",
            b"{",
            b"\xff\xfe\x00",
            b"[]",
            b"null",
            b"x" * 5_000_000,
            whole[: len(whole) // 2],
            whole.replace(b'"sequence":', b'"sequence":1.5,"was":', 1),
            whole.replace(b'"events":[', b'"events":[{},', 1),
            whole.replace(b'"producer":"billing"', b'"producer":"nobody"', 1),
            whole.replace(b'"previous":', b'"previous":-', 1),
        ]
        self.chance.shuffle(poison)
        self.publish(rig, "billing", poison)


# time


class Skew(Fault):
    """Clocks of processes that are hours, a day and a year off."""

    row = "35"
    hold_s = (8, 12)
    CLOCKS = {"payments": "+2h", "banking": "-1d", "notifications": "+1y"}

    def inject(self, rig: Rig) -> None:
        for name, offset in self.CLOCKS.items():
            rig.kill(name)
            rig.cluster.launch_all(name, **believes_in(offset, rig.folder))
        rig.until_it_answers()

    def lift(self, rig: Rig) -> None:
        for name in self.CLOCKS:
            rig.kill(name)
        rig.restart_dead()


class ClosePeriod(Fault):
    """Another day of the past is closed in every company, while documents are dated there."""

    row = "37"
    restarts = False

    def inject(self, rig: Rig) -> None:
        rig.closings += 1
        back = max(2, CLOSABLE_DAYS + 1 - rig.closings)
        through = (datetime.now(UTC).date() - timedelta(days=back)).isoformat()
        self.asked = []
        for shop in rig.shops:
            with rig.client(shop, time.monotonic_ns()) as client:
                made = client.write("/api/ledger/period-closes", {"through": through})
                self.asked.append((shop, made.answer.get("id") if made.status == 202 else None))

    def lift(self, rig: Rig) -> None:
        for shop, close_id in self.asked:
            with rig.client(shop) as client:
                if close_id:
                    path = f"/api/ledger/period-closes/{close_id}"
                    rig.until(f"{close_id} is not closed", lambda: (client.read(path) or {})["state"] != "closing")  # noqa: B023


KINDS: dict[str, type[Fault]] = {
    "crash-point": CrashPoint,
    "kill": Kill,
    "kill-numbering": KillWhileNumbering,
    "kill-all": KillAll,
    "stop-ledger": StopLedger,
    "stop-consumer": StopOneConsumer,
    "stop-leader": StopLeader,
    "kill-postgresql": KillPostgres,
    "terminate": Terminate,
    "fill-disk": FillDisk,
    "lock": LockHotRow,
    "cut-commits": CutCommits,
    "cut-postgresql": CutPostgres,
    "cut-broker": CutBroker,
    "black-hole": BlackHole,
    "kill-broker": KillBroker,
    "wipe-broker": WipeBroker,
    "disk-alarm": DiskAlarm,
    "delete-topology": DeleteTopology,
    "repeat-pages": Pages,
    "shuffle-pages": ReorderedPages,
    "late-pages": LatePages,
    "poison-pages": PoisonPages,
    "skew": Skew,
    "close-period": ClosePeriod,
}


def kind_of(fault: Fault) -> str:
    return next(kind for kind, made in KINDS.items() if made is type(fault))


def lacks(kind: str) -> str | None:
    """Why this machine cannot have such a fault; None where it can."""
    if kind == "skew" and LIBRARY is None:
        return MISSING
    if kind == "fill-disk" and os.geteuid() != 0:
        return "only root can give PostgreSQL a small disk"
    return None
