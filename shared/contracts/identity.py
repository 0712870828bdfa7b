"""Facts that identity publishes."""

from datetime import datetime

from shared.contracts import Fact, fact


@fact("identity.company.created")
class CompanyCreated(Fact, frozen=True, kw_only=True):
    """A company keeps its books here from now on. Subject: `cmp_<company id>`."""

    name: str
    time_zone: str
    currency: str


@fact("identity.company.changed")
class CompanyChanged(Fact, frozen=True, kw_only=True):
    """The company's name or time zone is another; its currency never changes."""

    name: str
    time_zone: str
    currency: str


@fact("identity.principal.changed")
class PrincipalChanged(Fact, frozen=True, kw_only=True):
    """Tokens of this user or API key that were issued before `valid_after` no longer count."""

    principal: str
    valid_after: datetime
