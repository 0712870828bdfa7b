"""The chart of accounts: created with the company, added to and renamed by people; roles that posting rules name."""

from __future__ import annotations

from collections.abc import Iterable

from services.ledger.accounts import domain, store
from services.ledger.accounts.domain import DEFAULT_CHART, NewAccount
from shared.accounts import Account, AccountUnknown
from shared.context import Context
from shared.contracts import Event
from shared.contracts.ledger import ROLES, AccountChanged, AccountCreated, RoleAssigned
from shared.errors import Faults


def open_books(ctx: Context, events: Iterable[Event]) -> None:
    """Default chart, roles and an empty chain for each of the events' companies that has none yet.

    Usually on identity's news of a company; on a document's, where that came in first.
    """
    first: dict[int, Event] = {}
    for event in events:
        first.setdefault(event.company_id, event)
    new = store.claim_companies(ctx.session, first)
    if not new:
        return
    store.add_accounts(ctx.session, new, DEFAULT_CHART)
    for company_id in new:
        on_behalf = ctx.reacting_to(first[company_id])
        for account in DEFAULT_CHART:
            on_behalf.state(
                AccountCreated(code=account.code, name=account.name, kind=account.kind, control=account.control, active=True),  # type: ignore[arg-type]
                _subject(account.code),
            )
        for account in DEFAULT_CHART:
            if account.role:
                on_behalf.state(RoleAssigned(role=account.role, account=account.code), f"rol_{account.role}")


def create_account(ctx: Context, code: str, name: str, kind: str, control: str | None) -> Account:
    """An account more in the chart. Control accounts of one's own (another bank account) are possible.

    The same account again answers the same; raises AccountExists where the code stands for another one.
    """
    if not store.add_account(ctx.session, ctx.company_id, NewAccount(code, name, kind, control)):
        known = store.account(ctx.session, ctx.company_id, code)
        assert known is not None
        if (known.name, known.kind, known.control) != (name, kind, control):
            raise domain.AccountExists(f"{code} is {known.name} already", pointer="/code", account=code)
        return known
    ctx.state(AccountCreated(code=code, name=name, kind=kind, control=control, active=True), _subject(code))  # type: ignore[arg-type]
    return Account(code, name, kind, control, True)


def change_account(ctx: Context, code: str, name: str | None, active: bool | None) -> Account:
    """Another name; inactive or active again. Code, kind and control never change, postings rest on them.

    Raises NoSuchAccount, AccountFillsRole.
    """
    # the chart first, then the account: the order in which a role is assigned
    store.lock_role(ctx.session, ctx.company_id, "")
    known = store.account(ctx.session, ctx.company_id, code, lock=True)
    if known is None:
        raise domain.NoSuchAccount(f"there is no account {code} in the chart", account=code)
    changed = Account(
        code, known.name if name is None else name, known.kind, known.control, known.active if active is None else active
    )
    if changed == known:
        return known
    if known.active and not changed.active:
        filled = store.roles_of(ctx.session, ctx.company_id, code)
        if filled:
            raise domain.AccountFillsRole(f"{code} {known.name} fills: {', '.join(filled)}", pointer="/active", roles=filled)
    store.change_account(ctx.session, ctx.company_id, code, changed.name, changed.active)
    ctx.state(
        AccountChanged(code=code, name=changed.name, kind=changed.kind, control=changed.control, active=changed.active),  # type: ignore[arg-type]
        _subject(code),
    )
    return changed


def assign_role(ctx: Context, role: str, code: str) -> Account:
    """Lets an account fill a role from the next event on; entries that are posted stay where they are.

    Raises NoSuchRole, AccountUnknown, RoleUnfit, RoleInUse (a control account with postings keeps its role).
    """
    if role not in ROLES:
        raise domain.NoSuchRole(f"there is no role {role}; roles are {', '.join(ROLES)}", role=role)
    filled_by = store.lock_role(ctx.session, ctx.company_id, role)
    account = store.accounts(ctx.session, ctx.company_id, [code]).get(code)
    with Faults() as faults:
        if account is None:
            faults.add("/account", AccountUnknown(f"there is no account {code} in the chart", account=code))
    assert account is not None
    domain.check_role(role, account)
    if filled_by == code:
        return account
    if filled_by and role in domain.CONTROL_OF_ROLE and store.has_postings(ctx.session, ctx.company_id, filled_by):
        raise domain.RoleInUse(
            f"{filled_by} is a control account with postings: were the role {role} to move to {code}, the documents of the past "
            "would stand in one account and those to come in another, and neither would agree with its sub-ledger",
            pointer="/account",
            role=role,
            filled_by=filled_by,
        )
    store.assign_role(ctx.session, ctx.company_id, role, code)
    ctx.state(RoleAssigned(role=role, account=code), f"rol_{role}")
    return account


def _subject(code: str) -> str:
    return f"acc_{code}"
