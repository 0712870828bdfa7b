"""Many seeds in one world: the databases are read after some of them at once, and what is wrong is traced to its seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.rig.checker import check
from tests.simulation.run import Outcome, run_seed
from tests.simulation.world import World

TOGETHER = 10
"""Seeds that are checked at once."""
WATCHED = 10
"""Of so many seeds one is also checked on its way."""


def run_seeds(world: World, seeds: Iterable[int]) -> Iterator[Outcome]:
    """The outcome of each seed once its databases were read. Ends after the seeds among which one failed: its world is of no
    use then."""
    group: list[Outcome] = []
    for seed in seeds:
        group.append(run_seed(world, seed, checked=seed % WATCHED == 0))
        failed = bool(group[-1].breaches)
        if len(group) == TOGETHER and not failed:
            _check(world, group)
        if len(group) == TOGETHER or failed:
            yield from group
            if any(outcome.breaches for outcome in group):
                return
            group = []
    if group:
        _check(world, group)
        yield from group


def _check(world: World, group: list[Outcome]) -> None:
    of_company = {company: outcome for outcome in group for company in outcome.companies}
    attempts = [attempt for outcome in group for attempt in outcome.attempts]
    for breach in check(world.urls, settled=True, attempts=attempts, companies=sorted(of_company)):
        of_company.get(breach.company_id, group[-1]).breaches.append(breach)
