"""What stands in the place of RabbitMQ: it takes pages, and loses, doubles, reorders, keeps back and repeats them by the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from shared.log.bus import NotConfirmed

Message = tuple[str, bytes]
"""The producer by whose exchange it came, and a page."""
KEPT = 400
"""Pages that are remembered, to come again long after they were taken in."""
GARBAGE = (
    b"",
    b"{",
    b'{"producer":"billing","epoch":1}',
    b'{"producer":"nobody',
    b"\xff\xfe",
    b'{"producer":"payments","events":[]}',
)


class Bus:
    """One queue a service. What was confirmed is in every queue that is bound, until something happens to it."""

    def __init__(self, chance: Random, follows: Mapping[str, Sequence[str]]):
        self.chance = chance
        self.follows = follows
        self.queues: dict[str, list[Message]] = {service: [] for service in follows}
        self.seen: list[Message] = []
        self.stalled: set[str] = set()
        self.healed = False

    def deliver(self, producer: str, page: bytes) -> None:
        self.seen.append((producer, page))
        del self.seen[:-KEPT]
        for service, followed in self.follows.items():
            if producer in followed:
                self.queues[service].append((producer, page))

    def waiting(self) -> list[str]:
        """Services with a page that can be taken now."""
        return [service for service, queue in self.queues.items() if queue and service not in self.stalled]

    def heal(self) -> None:
        """From now on it is a perfect bus; what it lost before stays lost."""
        self.healed = True
        self.stalled.clear()

    def mischief(self) -> str:
        """One thing goes wrong. Returns what."""
        services = sorted(self.queues)
        service = self.chance.choice(services)
        queue = self.queues[service]
        kind = self.chance.choice(
            ("lose", "lose", "double", "reorder", "reorder", "stall", "resume", "repeat", "wipe", "garbage")
        )
        if kind == "lose" and queue:
            queue.pop(self.chance.randrange(len(queue)))
        elif kind == "double" and queue:
            queue.insert(self.chance.randrange(len(queue) + 1), self.chance.choice(queue))
        elif kind == "reorder" and len(queue) > 1:
            self.chance.shuffle(queue)
        elif kind == "stall":
            self.stalled.add(service)
        elif kind == "resume":
            self.stalled.clear()
        elif kind == "repeat":
            old = [message for message in self.seen if message[0] in self.follows[service]]
            if old:
                queue.insert(self.chance.randrange(len(queue) + 1), self.chance.choice(old))
        elif kind == "wipe" and self.chance.random() < 0.2:
            for each in self.queues.values():
                each.clear()
        elif kind == "garbage":
            garbage = (self.chance.choice(self.follows[service]), self.chance.choice(GARBAGE))
            queue.insert(self.chance.randrange(len(queue) + 1), garbage)
        else:
            return f"{kind} nothing of {service}"
        return f"{kind} {service} {len(queue)}"


class Publisher:
    """What the relay publishes with: pages are stored and confirmed, stored and not confirmed, or not stored at all."""

    def __init__(self, bus: Bus, producer: str):
        self.bus, self.producer = bus, producer
        self.refused = False

    def send(self, page: bytes) -> None:
        fate = 1.0 if self.bus.healed else self.bus.chance.random()
        if fate > 0.06:
            self.bus.deliver(self.producer, page)
        self.refused = self.refused or fate <= 0.1

    def confirm(self) -> None:
        if self.refused:
            raise NotConfirmed("the broker confirmed nothing in time")
