"""The product over servers of our own, with a proxy before each, and what faults and runs need to know of it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx

from embedded.assembly import service
from shared.config import SERVICES
from tests.integration.cluster import Cluster
from tests.product import House, build_databases
from tests.rig.breach import Breach
from tests.rig.history import Attempt
from tests.torture.client import Client, Tokens
from tests.torture.load import Load, Shop
from tests.torture.proxy import Proxy
from tests.torture.servers import DISK_MB, OwnPostgres, OwnRabbit, execute

PREFIX = "torture_"
CURRENCIES = (("USD", "KWD"), ("JPY",))
"""Of each company; its own comes first."""
HOT_CUSTOMERS = 3
PATIENCE_S = 120


class Rig:
    """Starts everything in `folder`, and takes it away again unless it is to be kept."""

    def __init__(self, folder: Path, disk_mb: int = DISK_MB):
        self.folder = folder
        self.postgres = OwnPostgres(folder / "postgresql", disk_mb)
        self.rabbit = OwnRabbit(folder / "rabbitmq")
        self.held = contextlib.ExitStack()
        self.shops: list[Shop] = []
        self.history: list[Attempt] = []
        """What clients of the faults themselves wrote."""
        self.closings = 0

    def start(self) -> None:
        self.folder.mkdir(mode=0o711, parents=True)
        self.postgres.start()
        self.rabbit.start()
        self.database_wire = self.held.enter_context(Proxy(self.postgres.url))
        self.broker_wire = self.held.enter_context(Proxy(self.rabbit.url))
        self.urls = build_databases(self.postgres.url, PREFIX)
        through = {
            name: {role: self.database_wire.through(url) for role, url in roles.items()} for name, roles in self.urls.items()
        }
        self.house = House(self.urls)
        self.cluster = Cluster(through, self.broker_wire.url, "torture", self.folder, replicas=1, workers=2)
        self.cluster.start()

    def stop(self, keep: bool) -> None:
        self.cluster.stop()
        self.house.close()
        self.held.close()
        self.rabbit.stop(keep)
        self.postgres.stop(keep)

    # processes

    def processes_of(self, name: str) -> list[str]:
        return [key for key in self.cluster.processes if key.split()[1] == name]

    def kill(self, name: str) -> None:
        """SIGKILL to every process of a service."""
        for key in self.processes_of(name):
            self.cluster.kill(key)

    def signal(self, keys: list[str], number: int) -> None:
        """To processes and their children."""
        for key in keys:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.cluster.processes[key].pid, number)

    def restart_dead(self) -> None:
        for key, process in list(self.cluster.processes.items()):
            if process.poll() is not None:
                self.cluster.kill(key)
        for name in SERVICES:
            self.cluster.launch_all(name)

    # clients

    def open_books(self) -> None:
        """Two companies with a few customers each, known to every service."""
        for currencies in CURRENCIES:
            company_id = self.house.company_elsewhere(currencies[0])
            self.shops.append(Shop(company_id, currencies, self.tokens(company_id)))
        self.wait_until_settled()
        for shop in self.shops:
            with self.client(shop) as client:
                shop.bank = client.read("/api/banking/bank-accounts")["items"][0]["id"]
                for currency in shop.currencies:
                    for number in range(HOT_CUSTOMERS):
                        body = {"name": f"{currency} customer {number}", "currency": currency}
                        shop.customers.append((client.write("/api/billing/customers", body).answer["id"], currency))
        self.wait_until_settled()

    def tokens(self, company_id: int) -> Tokens:
        return Tokens(lambda: self.house.token(company_id))

    @contextlib.contextmanager
    def client(self, shop: Shop, seed: int = 0) -> Iterator[Client]:
        made = Client(self.cluster.ports.__getitem__, shop.tokens, shop.company_id, seed, [])
        yield made
        made.close()

    def load(self, seed: int, operations: int, rate: float) -> Load:
        return Load(self.shops, self.cluster.ports.__getitem__, seed, operations, rate)

    # waiting

    def until(self, what: str, holds: Callable[[], bool], patience_s: float = PATIENCE_S, since: float | None = None) -> float:
        """Seconds until it holds, counted from `since`. Raises TimeoutError."""
        since = time.monotonic() if since is None else since
        deadline = time.monotonic() + patience_s
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} after {patience_s:.0f} s")
            time.sleep(0.1)
        return time.monotonic() - since

    def until_it_answers(self) -> float:
        """Seconds until every service reads and writes again."""
        return self.until("the services do not answer", self._answers)

    def _answers(self) -> bool:
        with self.client(self.shops[0], seed=time.monotonic_ns()) as client:
            for name in SERVICES:
                try:
                    if httpx.get(f"http://127.0.0.1:{self.cluster.ports[name][0]}/readyz", timeout=3).status_code != 200:
                        return False
                except httpx.HTTPError:
                    return False
            return client.write("/api/billing/customers", {"name": "Are you there?"}, patience_s=0).status == 201

    def heads(self) -> dict[str, int]:
        """The last number of every log, once all that is committed has one."""
        query = "select log.number_events(5000)"
        return {name: execute(self.urls[name]["owner"], query)[0][0] for name in SERVICES}

    def behind(self, heads: dict[str, int]) -> list[str]:
        """Who has not yet published, or taken in, up to these numbers."""
        missing = []
        for name in SERVICES:
            positions = dict(execute(self.urls[name]["owner"], "select producer, seq from log.position"))
            late = [producer for producer in service(name).follows if positions.get(producer, 0) < heads[producer]]
            missing += [f"{name} has taken in {positions.get(each, 0)} of {heads[each]} events of {each}" for each in late]
            ((through,),) = execute(self.urls[name]["owner"], "select published_through from log.head")
            if through < heads[name]:
                missing.append(f"{name} has published {through} of {heads[name]} events")
        return missing

    def until_caught_up(self) -> float:
        """Seconds until everything that is committed now is published and taken in everywhere, while work goes on."""
        heads = self.heads()
        return self.until("not everything is taken in", lambda: not self.behind(heads))

    def wait_until_settled(self) -> float:
        """Seconds until nothing is left to publish, to take in, or to do; input has stopped."""
        began = time.monotonic()
        deadline = began + PATIENCE_S
        quiet = 0
        while quiet < 3:
            waiting = self.behind(self.heads()) or self._jobs_due()
            quiet = 0 if waiting else quiet + 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"not settled after {PATIENCE_S} s: {'; '.join(waiting)}")
            time.sleep(0.3)
        return time.monotonic() - began

    def _jobs_due(self) -> list[str]:
        query = "select kind, last_error from app.job where done_at is null and run_after < now() limit 3"
        return [f"{name} has to {row}" for name in SERVICES for row in execute(self.urls[name]["owner"], query)]

    def proofs(self) -> list[Breach]:
        """What the product itself says of its books: proofs and the journal's chain."""
        found = []
        for shop in self.shops:
            with self.client(shop) as client:
                proof = client.read("/api/ledger/proofs") or {"state": "not answered", "proofs": []}
                faults, after = [], 0
                while after is not None and not faults:
                    verified = client.read("/api/ledger/verification", after=after)
                    faults, after = verified["faults"], verified["next_after"]
            if proof["state"] != "green":
                differs = [item for item in proof["proofs"] if item["state"] != "green"]
                found.append(Breach("proof", "ledger", shop.company_id, f"{proof['state']}: {differs}"))
            found += [Breach("verify", "ledger", shop.company_id, str(fault)) for fault in faults]
        return found

    def inside(self, name: str) -> str:
        """A superuser's URL of a service's database."""
        parts = urlsplit(self.postgres.url)
        return urlunsplit(parts._replace(path=f"/{PREFIX}{name}"))
