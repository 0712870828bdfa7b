"""How a service says no: small classes of one of six kinds.

The class carries `code` (stable, part of the problem's type URI), its docstring is the sentence shown to a person, its
keyword arguments are the facts. Two edges translate kinds: HTTP (a problem document) and the worker (retry or park).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where (`pointer`, RFC 6901, "" for the whole), what and how to mend it, which rule."""

    pointer: str
    detail: str
    code: str = "invalid"
    rule: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Refusal(Exception):
    """A request that is refused. Subclasses are the kinds."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "refused"
    rule: ClassVar[str | None] = None
    """The business rule's code in the field's documents (`BR-AR-C2`), where there is one."""
    keeps_what_was_written: ClassVar[bool] = False
    """True where the refusal itself is a fact: the transaction is committed, without events (a failed sign-in is counted)."""

    def __init__(self, detail: str | None = None, *, pointer: str | None = None, errors: list[Fault] | None = None, **facts: Any):
        self.detail = detail or self.title()
        self.pointer = pointer
        self.errors = errors or []
        self.facts = facts
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """The docstring's first paragraph: what went wrong, in one sentence."""
        return " ".join((cls.__doc__ or cls.__name__).split("\n\n")[0].split())

    def fault(self, pointer: str) -> Fault:
        """This refusal as one fault among several of the same input."""
        return Fault(pointer, self.detail, self.code, self.rule, self.facts)


class Invalid(Refusal):
    """The input breaks a rule."""

    status = 422
    code = "invalid"


class Malformed(Refusal):
    """The request cannot be read."""

    status = 400
    code = "malformed"


class NotFound(Refusal):
    """There is no such thing here."""

    status = 404
    code = "not-found"


class Conflict(Refusal):
    """The request does not fit the present state."""

    status = 409
    code = "conflict"


class Forbidden(Refusal):
    """This is not allowed to the one who asks."""

    status = 403
    code = "forbidden"


class Unauthenticated(Refusal):
    """A valid token is needed."""

    status = 401
    code = "unauthenticated"


class Unavailable(Refusal):
    """This cannot be answered just now; try again shortly."""

    status = 503
    code = "unavailable"
    retry_after_s: int = 1


class LogForked(Exception):
    """A producer's log is not the one that was read before: its epoch or the event before a page differs, or it has fewer
    events than were taken in.

    Its database was restored or replaced. Nothing is taken in until a person has decided what is true.
    """


class FaultsFound(Invalid):
    """The input has faults; `errors` lists every one of them, with its place and how to mend it."""

    code = "invalid-input"


class Faults:
    """Collects every fault of an input, then refuses once.

    with Faults() as faults:
        if …: faults.add("/lines/0/amount", "…", code="…")
    """

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, pointer: str, detail: str | Refusal, code: str = "invalid", rule: str | None = None, **facts: Any) -> None:
        if isinstance(detail, Refusal):
            self.found.append(detail.fault(pointer))
        else:
            self.found.append(Fault(pointer, detail, code, rule, facts))

    def __bool__(self) -> bool:
        return bool(self.found)

    def refuse(self) -> None:
        """Raises FaultsFound if anything was found; its code is the single fault's own where there is just one kind."""
        if self.found:
            raise FaultsFound(errors=list(self.found))

    def __enter__(self) -> Faults:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.refuse()
