"""One seed: what happens, in which order, and whether the books are right at every moment and at the end."""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from embedded.assembly import service
from shared.config import SERVICES
from shared.db import is_transient
from shared.log import pages, store
from shared.log.bus import PREFETCH_PAGES, NotConfirmed
from shared.log.consumer import Taken
from shared.peers import PeerUnreachable
from tests.rig.breach import Breach
from tests.rig.checker import check
from tests.rig.history import Attempt
from tests.simulation.bus import Bus, Publisher
from tests.simulation.client import Client
from tests.simulation.faults import Crash, Plan
from tests.simulation.operations import Person
from tests.simulation.world import World

OPERATIONS = 22
CHECK_EVERY = 8
LONGEST_REST = 60
LOOKS_AT_CLOSINGS = 6
STANDING = """
    select seq as head, published_through < seq or exists (select from log.event where seq is null) as unsent,
        coalesce((select jsonb_object_agg(producer, seq) from log.position), '{}') as positions from log.head
"""
_ID = re.compile(r"\b[a-z]{2,4}_[0-9a-z]{26}\b|companies/\d+")


@dataclass
class Outcome:
    """What became of a seed. `digest` is the same whenever the seed is run again."""

    seed: int
    breaches: list[Breach]
    digest: str
    trace: list[str] = field(repr=False)
    step: int
    companies: list[int]
    attempts: list[Attempt] = field(repr=False)
    danger: float | None = None

    def report(self, sabotage: str | None = None) -> str:
        """All that is needed to look at it: what is wrong, what happened last, and how to see it again, `sabotage` included."""
        return "\n".join(
            [
                f"seed {self.seed} fails after step {self.step}:",
                *(f"  {breach}" for breach in self.breaches[:20]),
                "the last that happened:",
                *(f"  {line[:300]}" for line in self.trace[-25:]),
                f"replay: python -m tests.simulation --seed {self.seed} --trace"
                + ("" if self.danger is None else f" --danger {self.danger}")
                + ("" if sabotage is None else f" --sabotage {sabotage}"),
            ]
        )


def run_seed(world: World, seed: int, checked: bool = True, danger: float | None = None) -> Outcome:
    """Runs one seed in `world`, which is of no use any more where there are breaches. Where not `checked`, whoever asks reads the
    databases later, for several seeds at once. `danger`: how often something dies, in place of what the seed says."""
    homes = world.homes(Random(seed))
    with world.run(seed):
        run = Run(world, seed, homes, danger)
        breaches: list[Breach] = []
        try:
            run.live(checked)
            run.heal()
            if checked:
                run.check(settled=True)
            run.prove()
        except Broken as broken:
            breaches = broken.breaches
        except Exception as error:  # noqa: BLE001 - whatever the product raises here is a finding
            where = traceback.format_exc(limit=-6)
            breaches = [Breach("X1", "simulation", homes[0].id, f"{error!r}\n{where}")]
        return Outcome(seed, breaches, run.digest(), run.trace, run.step, run.companies, run.attempts(), danger)


class Broken(Exception):
    """The books are wrong."""

    def __init__(self, breaches: list[Breach]):
        super().__init__(f"{len(breaches)} breaches")
        self.breaches = breaches


class Run:
    """The life of two companies among processes that die and a bus that loses."""

    def __init__(self, world: World, seed: int, homes: list[Any], danger: float | None):
        self.world, self.seed, self.homes = world, seed, homes
        self.chance = Random(seed)
        self.bus = Bus(self.chance, {name: service(name).follows for name in SERVICES})
        self.publishers = {name: Publisher(self.bus, name) for name in SERVICES}
        self.people = [Person(Client(world, home), self.chance) for home in homes]
        self.companies = sorted({home.id for home in homes})
        by_seed = self.chance.choice((0.0, 0.05, 0.1, 0.2))
        self.danger = by_seed if danger is None else danger
        """How often something dies or is cut; some runs are about the bus alone."""
        self.trace: list[str] = []
        self.step = 0
        self.names: dict[str, str] = {}

    # what happens

    def live(self, checked: bool) -> None:
        for person in self.people:
            for said in person.begin():
                self._note("begins", lambda said=said: said)
        self.bus.healed = True
        self._rest()
        self.bus.healed = False
        for number in range(1, OPERATIONS + 1):
            self.world.page_events = self.chance.randrange(1, 6)
            self._note("does", lambda: self._act(self.chance.choice(self.people)))
            for _ in range(self.chance.randrange(5)):
                self._note("", self._something)
            if checked and number % CHECK_EVERY == 0:
                self.check(settled=False)

    def heal(self) -> None:
        """Nothing goes wrong any more and clients repeat what was not answered: after that all must be right."""
        self.bus.heal()
        for _ in range(LOOKS_AT_CLOSINGS):
            self._rest()
            if not self._time_for_closings():
                break

    def _rest(self) -> int:
        """Goes on until there is nothing left to publish, to take in or to do. Returns how often something moved."""
        self.world.page_events = store.PAGE_EVENTS
        total = 0
        for _ in range(LONGEST_REST):
            self.world.down.clear()
            moved = sum([self._repeat(person) for person in self.people])
            moved += sum([self._publish(name) for name in SERVICES if self._standing(name).unsent])
            for name in SERVICES:
                for _ in range(len(self.bus.queues[name])):
                    moved += self._take(name) if self.bus.queues[name] else 0
            standings = {name: self._standing(name) for name in SERVICES}
            for name in SERVICES:
                for producer in service(name).follows:
                    if standings[name].positions.get(producer, 0) < standings[producer].head:
                        moved += self._look(name, producer)
            moved += self._jobs("ledger")
            if not moved:
                return total
            total += moved
        raise Broken([Breach("E7", "simulation", self.companies[0], "the services do not come to rest")])

    def _time_for_closings(self) -> int:
        """Time passes for closings that are under way. Returns how many looks at them are due now."""
        for person in self.people:
            if person.closings and person.client.read("/api/ledger/period-closes", state="closing")[1]["items"]:
                return self.world.time_passes(self.companies)
        return 0

    def _something(self) -> str:
        waiting, woken = self.bus.waiting(), sorted(self.world.woken)
        kinds = {
            "take": 50 * bool(waiting),
            "publish": 50 * bool(woken) + 1,
            "mischief": 10,
            "look": 4,
            "jobs": 3,
            "later": 4,
            "start": 10 * bool(self.world.down),
        }
        kind = self.chance.choices(list(kinds), list(kinds.values()))[0]
        if kind == "mischief":
            return f"bus: {self.bus.mischief()}"
        if kind == "start":
            started = sorted(self.world.down)
            self.world.down.clear()
            return f"started {started}"
        if kind == "later":
            self.world.clock.advance(timedelta(days=self.chance.choice((0, 1, 1, 3, 12)), hours=self.chance.randrange(24)))
            return f"it is {self.world.clock.instant} {self.world.time_passes(self.companies)}"
        name = self.chance.choice(waiting if kind == "take" else (woken or SERVICES) if kind == "publish" else SERVICES)
        producer = self.chance.choice(service(name).follows)
        process = "ledger worker" if kind == "jobs" else f"{name} worker"
        struck = self.chance.choice((process, process, "api"))  # the last: whoever is asked for its log, or for a proof
        if process in self.world.down:
            return f"{process} is down"
        works: dict[str, Callable[[], int]] = {
            "take": lambda: self._take(name),
            "publish": lambda: self._publish(name),
            "look": lambda: self._look(name, producer),
            "jobs": lambda: self._jobs("ledger"),
        }
        return f"{process}: {kind} {producer if kind == 'look' else ''} {self._dangerous(struck, works[kind])}"

    def _act(self, person: Person) -> str:
        return str(self._dangerous("api", person.act))

    def _dangerous(self, process: str, work: Callable[[], Any]) -> Any:
        """Something may befall the process in the middle of its work."""
        plan = None
        if self.chance.random() < self.danger:
            within = 10 if process == "api" else 25
            plan = Plan(process, self.chance.randrange(1, within), self.chance.random() < 0.7, self.chance.random() < 0.5)
        with self.world.points.planned(plan):
            result = work()
        hit = plan is not None and plan.left == 0
        return f"{result} HIT {process} dies={plan.dies} committed={plan.committed}" if hit and plan else result

    # what services do

    def _as_worker(self, name: str, work: Callable[[], int]) -> int:
        """Runs a part of a worker once, as its loop would; what it would try again later is left for later."""
        try:
            with self.world.points.inside(f"{name} worker"):
                return work()
        except Crash as crash:
            self.world.ended(crash.process)
        except (PeerUnreachable, NotConfirmed):
            pass
        except Exception as error:
            if not is_transient(error):
                raise
        return 0

    def _publish(self, name: str) -> int:
        self.world.woken.discard(name)
        publisher = self.publishers[name] = Publisher(self.bus, name)

        def publish() -> int:
            with self.world.databases[name].log.connect() as connection:
                return self.world.relays[name].publish(connection, publisher)

        return self._as_worker(name, publish)

    def _take(self, name: str) -> int:
        """Some messages, acknowledged once their pages have their effect or are known to have none; else they stay in the queue.
        What is no page, or does not follow, makes the service read the producer's log."""
        queue, consumer = self.bus.queues[name], self.world.consumers[name]
        arrived = queue[: PREFETCH_PAGES if self.bus.healed else self.chance.randrange(1, PREFETCH_PAGES + 1)]

        def take() -> int:
            read, unread = [], set()
            for producer, raw in arrived:
                try:
                    read.append(pages.read(raw))
                except pages.NoPage:
                    unread.add(producer)
            for page in pages.joined(read):
                if consumer.take_page(page) is Taken.GAP:
                    unread.add(page.producer)
            del queue[: len(arrived)]
            for producer in sorted(unread):
                consumer.catch_up(producer, self._fetch(name))
            return len(arrived)

        return self._as_worker(name, take)

    def _look(self, name: str, producer: str) -> int:
        """A producer that was silent is asked for what follows."""
        return self._as_worker(name, lambda: self.world.consumers[name].catch_up(producer, self._fetch(name)))

    def _standing(self, name: str) -> Any:
        with self.world.databases[name].log.connect() as connection:
            return connection.exec_driver_sql(STANDING).one()

    def _fetch(self, name: str) -> Callable[[str, int], Any]:
        def fetch(producer: str, after: int) -> Any:
            if not self.bus.healed and self.chance.random() < 0.1:
                raise PeerUnreachable(f"{producer} does not answer")
            return self.world.peers[name].fetch(producer, after)

        return fetch

    def _jobs(self, name: str) -> int:
        return self._as_worker(name, lambda: self.world.run_jobs(name))

    # the end

    def _repeat(self, person: Person) -> int:
        repeated = len(person.client.unanswered)
        for _ in range(repeated):
            person.client.repeat_unanswered(0)
        return repeated

    def check(self, settled: bool) -> None:
        attempts = self.attempts() if settled else []
        if breaches := check(self.world.urls, settled=settled, attempts=attempts, companies=self.companies):
            raise Broken(breaches)

    def attempts(self) -> list[Attempt]:
        return [attempt for person in self.people for attempt in person.client.attempts]

    def prove(self) -> None:
        """The product's own opinion: every proof is green and the journal verifies."""
        breaches = []
        for person in self.people:
            status, proof = person.client.read("/api/ledger/proofs")
            if status != 200 or proof["state"] != "green":
                breaches.append(Breach("proof", "ledger", person.client.home.id, str(proof)))
            status, verified = person.client.read("/api/ledger/verification")
            if status != 200 or verified["faults"]:
                breaches.append(Breach("verify", "ledger", person.client.home.id, str(verified)))
            balances = person.client.read("/api/ledger/trial-balance")
            self.trace.append(self._neutral(f"balances {balances}"))
        if breaches:
            raise Broken(breaches)

    # what is remembered

    def _note(self, kind: str, work: Callable[[], str]) -> None:
        self.step += 1
        self.trace.append(self._neutral(f"{self.step} {kind} ...".rstrip()))
        self.trace[-1] = self._neutral(f"{self.step} {kind} {work()}".replace("  ", " "))

    def _neutral(self, text: str) -> str:
        """Without what differs from run to run: ids are numbered as they are met."""
        return _ID.sub(self._named, text)

    def _named(self, found: re.Match[str]) -> str:
        return self.names.setdefault(found[0], f"{found[0][:3]}{len(self.names)}")

    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()[:16]
