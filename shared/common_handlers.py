"""What every service keeps of identity's facts, and what every posting service does about periods."""

from __future__ import annotations

from shared.context import Context
from shared.contracts import Event
from shared.contracts.identity import CompanyChanged, CompanyCreated, PrincipalChanged
from shared.contracts.ledger import (
    AccountChanged,
    AccountCreated,
    PeriodCloseCancelled,
    PeriodClosed,
    PeriodClosing,
    RoleAssigned,
)
from shared.contracts.periods import STOPPED_BY
from shared.log.handlers import Handlers


def keep_identity(handlers: Handlers) -> None:
    """Registers the copies of companies and of tokens that no longer count."""
    handlers.fold(CompanyCreated, CompanyChanged)(fold_company)
    handlers.fold(PrincipalChanged)(fold_principal)


def fold_company(ctx: Context, event: Event) -> None:
    ctx.session.exec_driver_sql(
        "insert into copies.company (company_id, name, time_zone, currency) values (%s, %s, %s, %s) "
        "on conflict (company_id) do update set name = excluded.name, time_zone = excluded.time_zone",
        (event.company_id, event.data.name, event.data.time_zone, event.data.currency),
    )


def fold_principal(ctx: Context, event: Event) -> None:
    ctx.session.exec_driver_sql(
        "insert into copies.principal (company_id, principal, valid_after) values (%s, %s, %s) "
        "on conflict (company_id, principal) do update set valid_after = greatest(principal.valid_after, excluded.valid_after)",
        (event.company_id, event.data.principal, event.data.valid_after),
    )


def keep_accounts(handlers: Handlers) -> None:
    """Registers the copy of the chart of accounts, for services whose documents name accounts."""
    handlers.fold(AccountCreated, AccountChanged)(fold_account)
    handlers.fold(RoleAssigned)(fold_role)


def fold_account(ctx: Context, event: Event) -> None:
    ctx.session.exec_driver_sql(
        "insert into copies.account (company_id, code, name, kind, control, active) values (%s, %s, %s, %s, %s, %s) "
        "on conflict (company_id, code) do update set name = excluded.name, active = excluded.active",
        (event.company_id, event.data.code, event.data.name, event.data.kind, event.data.control, event.data.active),
    )


def fold_role(ctx: Context, event: Event) -> None:
    ctx.session.exec_driver_sql(
        "insert into copies.role (company_id, role, account) values (%s, %s, %s) "
        "on conflict (company_id, role) do update set account = excluded.account",
        (event.company_id, event.data.role, event.data.account),
    )


def keep_periods(handlers: Handlers, *, answers: bool = True) -> None:
    """Registers the period gate of a service that dates documents into periods, and its answer to a closing."""
    handlers.fold(CompanyCreated)(fold_gate)
    handlers.fold(PeriodClosing)(fold_closing)
    if answers:
        handlers.react(PeriodClosing)(react_closing)
    handlers.fold(PeriodClosed)(fold_closed)
    handlers.fold(PeriodCloseCancelled)(fold_cancelled)


def fold_gate(ctx: Context, event: Event) -> None:
    ctx.session.exec_driver_sql("insert into copies.period (company_id) values (%s) on conflict do nothing", (event.company_id,))


def fold_closing(ctx: Context, event: Event) -> None:
    # waits for every posting transaction that read the row FOR SHARE, so none slips in after the answer
    ctx.session.exec_driver_sql(
        "insert into copies.period (company_id, closing_through, close_id) values (%s, %s, %s) "
        "on conflict (company_id) do update set closing_through = excluded.closing_through, close_id = excluded.close_id",
        (event.company_id, event.data.through, event.data.close_id),
    )


def react_closing(ctx: Context, event: Event) -> None:
    fact = STOPPED_BY[ctx.service](close_id=event.data.close_id, through=event.data.through)
    ctx.state(fact, subject=event.data.close_id)


def fold_closed(ctx: Context, event: Event) -> None:
    ctx.session.exec_driver_sql(
        "insert into copies.period (company_id, closed_through) values (%s, %s) on conflict (company_id) do update "
        "set closed_through = greatest(period.closed_through, excluded.closed_through), closing_through = null, close_id = null",
        (event.company_id, event.data.through),
    )


def fold_cancelled(ctx: Context, event: Event) -> None:
    ctx.session.exec_driver_sql(
        "update copies.period set closing_through = null, close_id = null where company_id = %s and close_id = %s",
        (event.company_id, event.data.close_id),
    )
