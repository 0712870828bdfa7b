"""Companies: who keeps books here, in which time zone and currency."""

from __future__ import annotations

from services.identity.companies import store
from services.identity.tokens.domain import BUILT_IN_ROLES
from shared.context import Context
from shared.contracts.identity import CompanyCreated


def create_company(ctx: Context, name: str, time_zone: str, currency: str) -> int:
    """A new company with the built-in roles. Returns its number; every service learns of it by the event."""
    company_id = store.add_company(ctx.session, name, time_zone, currency)
    # from here on the transaction sees the company it has just made
    ctx.session.exec_driver_sql(
        "select app.enter_companies(%s::bigint[], %s, %s)", ([company_id], ctx.actor, ctx.correlation_id)
    )
    store.add_roles(ctx.session, company_id, BUILT_IN_ROLES)
    ctx.state(CompanyCreated(name=name, time_zone=time_zone, currency=currency), f"cmp_{company_id}", company_id)
    return company_id
