"""What a company's time zone and currency may be."""

from __future__ import annotations

from functools import cache
from importlib import resources

from shared.errors import Faults, Invalid
from shared.money import CurrencyUnknown, currencies


class TimeZoneUnknown(Invalid):
    """The time zone is none of the IANA database, such as America/New_York or UTC."""

    code = "time-zone-unknown"


class NameMissing(Invalid):
    """A name is needed."""

    code = "name-missing"


@cache
def time_zones() -> frozenset[str]:
    """The IANA names that come with the product, the same on every machine. `Factory` means "not set"."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}


def check_company(faults: Faults, *, name: str | None = None, time_zone: str | None = None, currency: str | None = None) -> None:
    """Adds a fault for each of those given that cannot be."""
    if name is not None and not name.strip():
        faults.add("/name", NameMissing())
    if time_zone is not None and time_zone not in time_zones():
        faults.add("/time_zone", TimeZoneUnknown(time_zone=time_zone))
    if currency is not None and currency not in currencies():
        faults.add("/currency", CurrencyUnknown(currency=currency))
