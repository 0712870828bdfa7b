"""Companies: who keeps books here, in which time zone and currency."""

from __future__ import annotations

from dataclasses import replace

from services.identity.companies import domain, store
from services.identity.people.usecases import create_person
from services.identity.roles import store as roles
from services.identity.roles.domain import BUILT_IN_ROLES
from shared.context import Context
from shared.contracts.identity import CompanyChanged, CompanyCreated
from shared.errors import Faults, NotFound


class CompanyNotFound(NotFound):
    """There is no such company here."""

    code = "company-not-found"


def create_company(ctx: Context, name: str, time_zone: str, currency: str) -> int:
    """A new company with the built-in roles. Returns its number; every service learns of it by the event.

    From here on the transaction sees the new company. Raises FaultsFound.
    """
    with Faults() as faults:
        domain.check_company(faults, name=name, time_zone=time_zone, currency=currency)
    company_id = store.enter_new(ctx.session, ctx.actor, ctx.correlation_id)
    store.add(ctx.session, company_id, name, time_zone, currency, "demo" if ctx.origin == "demo" else "live")
    roles.add_built_in(ctx.session, company_id, BUILT_IN_ROLES)
    ctx.state(CompanyCreated(name=name, time_zone=time_zone, currency=currency), f"cmp_{company_id}", company_id)
    return company_id


def found_company(ctx: Context, name: str, time_zone: str, currency: str, owner: dict[str, str] | None) -> store.Company:
    """A new company and, where given, its first person, who may do everything (`email`, `name`, `password`).

    Raises what create_company and create_person raise.
    """
    company_id = create_company(ctx, name, time_zone, currency)
    of_company = replace(ctx, company_id=company_id)
    if owner:
        create_person(of_company, **owner, role="owner", at="/owner")
    return own_company(of_company, company_id)


def own_company(ctx: Context, company_id: int) -> store.Company:
    """The company of the one who asks; any other is not found. Raises CompanyNotFound."""
    company = store.of(ctx.session, company_id)
    if company is None:
        raise CompanyNotFound()
    return company


def change_company(ctx: Context, company_id: int, name: str | None = None, time_zone: str | None = None) -> store.Company:
    """Another name or time zone; what is None stays. Dates that were given already stay as they are.

    Raises CompanyNotFound, FaultsFound.
    """
    with Faults() as faults:
        domain.check_company(faults, name=name, time_zone=time_zone)
    was = store.of_for_update(ctx.session, company_id)
    if was is None:
        raise CompanyNotFound()
    now = (name or was.name, time_zone or was.time_zone)
    if now != (was.name, was.time_zone):
        store.change(ctx.session, company_id, *now)
        ctx.state(CompanyChanged(name=now[0], time_zone=now[1], currency=was.currency), f"cmp_{company_id}")
    return own_company(ctx, company_id)
