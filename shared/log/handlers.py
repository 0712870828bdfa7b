"""Which function takes in which event.

`fold`: writes copies and nothing else; runs again in a rebuild. `react`: states own facts, events and jobs; once, live
only. A function registered with `batch=True` gets a list of consecutive events at once, for set-based work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.context import Context
from shared.contracts import Event, Fact

Handler = Callable[[Context, Any], None]


@dataclass(frozen=True, slots=True)
class Step:
    run: Handler
    batch: bool
    folds: bool
    too_late_after: timedelta | None = None


class Handlers:
    """The handlers of one service, in the order in which they were registered."""

    def __init__(self) -> None:
        self.steps: dict[str, list[Step]] = {}

    def fold(self, *facts: type[Fact], batch: bool = False) -> Callable[[Handler], Handler]:
        return self._register(facts, batch, folds=True, too_late_after=None)

    def react(
        self, *facts: type[Fact], batch: bool = False, too_late_after: timedelta | None = None
    ) -> Callable[[Handler], Handler]:
        """`too_late_after`: an event recorded longer ago than this is not reacted to (nobody wants last year's mail)."""
        return self._register(facts, batch, folds=False, too_late_after=too_late_after)

    def _register(
        self, facts: tuple[type[Fact], ...], batch: bool, folds: bool, too_late_after: timedelta | None
    ) -> Callable[[Handler], Handler]:
        def register(function: Handler) -> Handler:
            for fact in facts:
                self.steps.setdefault(fact.type, []).append(Step(function, batch, folds, too_late_after))
            return function

        return register

    def __contains__(self, event_type: str) -> bool:
        return event_type in self.steps

    def runs(self, events: list[Event]) -> Iterator[tuple[list[Step], list[Event]]]:
        """Consecutive events that share the same steps, so that a batch handler sees them together."""
        group: list[Event] = []
        steps: list[Step] = []
        for event in events:
            of_event = self.steps[event.type]
            if group and (of_event != steps or not all(step.batch for step in steps)):
                yield steps, group
                group = []
            steps = of_event
            group.append(event)
        if group:
            yield steps, group

    def apply(self, ctx: Context, events: list[Event]) -> None:
        """Runs the handlers over the events, in order."""
        for steps, group in self.runs(events):
            for step in steps:
                wanted = group
                if step.too_late_after is not None:
                    oldest = ctx.clock.now() - step.too_late_after
                    wanted = [event for event in group if event.recorded_at >= oldest]
                if step.batch:
                    if wanted:
                        step.run(ctx, wanted)
                else:
                    for event in wanted:
                        step.run(ctx.reacting_to(event), event)
