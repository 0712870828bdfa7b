"""What the checker reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Breach:
    """One rule that does not hold in one place. `rule` is its name in the list of invariants; `what` names the rows."""

    rule: str
    service: str
    company_id: int
    what: str

    def __str__(self) -> str:
        return f"{self.rule} {self.service}, company {self.company_id}: {self.what}"
