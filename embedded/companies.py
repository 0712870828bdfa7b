"""Which company a command means, and tokens for it."""

from __future__ import annotations

from dataclasses import dataclass

from embedded.assembly import Assembly
from embedded.home import Home
from services.identity.companies.usecases import create_company
from services.identity.roles.domain import BUILT_IN_ROLES
from services.identity.tokens.usecases import mint_token
from shared.context import Context
from shared.ids import new_id

DEMO_NAME = "Demo company"


class CompanyUnclear(Exception):
    """There is no such company, or several fit."""


@dataclass(frozen=True)
class KnownCompany:
    id: int
    name: str
    currency: str
    is_demo: bool


def companies(assembly: Assembly) -> list[KnownCompany]:
    """Every company of the installation, oldest first. The demo is the one that was made as such."""
    with assembly.app("identity").extensions["duebook"].database.log.connect() as connection:
        rows = connection.exec_driver_sql(
            "select company_id, (body::json -> 'data' ->> 'name'), body::json -> 'data' ->> 'currency', "
            "body::json ->> 'origin' = 'demo' from log.event where type = 'identity.company.created' order by id"
        ).all()
    return [KnownCompany(*row) for row in rows]


def choose(found: list[KnownCompany], wanted: str | None) -> KnownCompany:
    """The company by number or name; without one, the only one that is no demo, else the demo. Raises CompanyUnclear."""
    if wanted:
        fitting = [company for company in found if wanted in (str(company.id), company.name)]
        if not fitting:
            raise CompanyUnclear(f"there is no company {wanted!r}; there are: {_listed(found)}")
    else:
        fitting = [company for company in found if not company.is_demo] or found
        if not fitting:
            raise CompanyUnclear("there is no company yet")
    if len(fitting) > 1:
        raise CompanyUnclear(f"name one with --company; there are: {_listed(fitting)}")
    return fitting[0]


def _listed(found: list[KnownCompany]) -> str:
    return ", ".join(f"{company.id} {company.name}" for company in found)


def add_company(assembly: Assembly, name: str, time_zone: str, currency: str, *, demo: bool = False) -> KnownCompany:
    """Creates a company; every service learns of it by the event."""
    state = assembly.app("identity").extensions["duebook"]
    with state.database.api.begin() as session:
        ctx = Context(
            session=session,
            clock=assembly.clock,
            service="identity",
            company_id=0,
            actor="installation",
            correlation_id=new_id("req"),
            origin="demo" if demo else "live",
        )
        company_id = create_company(ctx, name, time_zone, currency)
        ctx.write_stated()
    state.waker.call()
    return KnownCompany(company_id, name, currency, demo)


def first_company(home: Home, *, demo: bool) -> tuple[KnownCompany, bool]:
    """The company of a fresh installation: the demo, or an empty one. Returns it and whether it was made just now."""
    assembly = home.assembly(pool_size=2)
    try:
        found = companies(assembly)
        if found:
            return found[0], False
        return add_company(assembly, DEMO_NAME if demo else "My company", "UTC", "USD", demo=demo), True
    finally:
        assembly.close()


def token_for(assembly: Assembly, company: KnownCompany, role: str = "owner") -> str:
    """A token for one of the built-in roles. Raises CompanyUnclear where there is no such role."""
    if role not in BUILT_IN_ROLES:
        raise CompanyUnclear(f"there is no role {role!r}; there are: {', '.join(BUILT_IN_ROLES)}")
    with assembly.app("identity").extensions["duebook"].database.api.begin() as session:
        permissions = BUILT_IN_ROLES[role]
        return mint_token(session, f"command:{role}", company.id, permissions, "demo" if company.is_demo else "live")
