"""Roles: what people and API keys may do. The built-in ones stay as they are; a company adds its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from services.identity.roles import domain, store
from services.identity.roles.catalogue import PERMISSIONS
from shared.context import Context
from shared.contracts.identity import PrincipalChanged
from shared.errors import Conflict, Faults, Forbidden, Invalid, NotFound

MOST_ROLES = 100
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class RoleNotFound(NotFound):
    """There is no such role in this company."""

    code = "role-not-found"


class RoleUnknown(Invalid):
    """There is no such role in this company; the list of roles has those that there are."""

    code = "role-unknown"


class RoleNameUnfit(Invalid):
    """A role's name begins with a small letter and has at most 40 of a-z, 0-9, _ and -."""

    code = "role-name-unfit"


class RoleExists(Conflict):
    """There is a role of this name with other permissions."""

    code = "role-exists"


class RoleBuiltIn(Conflict):
    """A built-in role is not changed; make a role of your own."""

    code = "role-built-in"


class TooManyRoles(Conflict):
    """A company has at most 100 roles."""

    code = "too-many-roles"


class PermissionUnknown(Invalid):
    """No route needs this permission; the list of permissions has those that there are, and a star stands for all below."""

    code = "permission-unknown"


class GrantBeyondOwn(Forbidden):
    """Nobody grants, or decides over, more than they may do themselves."""

    code = "grant-beyond-own"


def create_role(ctx: Context, name: str, permissions: Sequence[str]) -> store.Role:
    """A role of the company's own. The same name with the same permissions again is the same role.

    Raises FaultsFound, GrantBeyondOwn, RoleExists, TooManyRoles.
    """
    with Faults() as faults:
        if not _NAME.fullmatch(name):
            faults.add("/name", RoleNameUnfit())
        _check_known(permissions, faults)
    require_own(ctx, permissions)
    known = store.of(ctx.session, ctx.company_id, name)
    if known is not None:
        if set(known.permissions) != set(permissions):
            raise RoleExists(pointer="/name")
        return known
    if store.count(ctx.session, ctx.company_id) >= MOST_ROLES:
        raise TooManyRoles()
    store.add(ctx.session, ctx.company_id, name, set(permissions))
    return store.Role(name, sorted(set(permissions)), False)


def change_role(ctx: Context, name: str, permissions: Sequence[str]) -> store.Role:
    """Other permissions for a role of the company's own; tokens of those who hold it are withdrawn.

    Both what the role could and what it will be able to do must be the changer's own. Raises RoleNotFound, RoleBuiltIn,
    FaultsFound, GrantBeyondOwn.
    """
    with Faults() as faults:
        _check_known(permissions, faults)
    role = store.of_for_update(ctx.session, ctx.company_id, name)
    if role is None:
        raise RoleNotFound()
    if role.built_in:
        raise RoleBuiltIn(role=name)
    require_own(ctx, {*role.permissions, *permissions})
    changed = store.Role(name, sorted(set(permissions)), False)
    if changed.permissions != role.permissions:
        store.change(ctx.session, ctx.company_id, name, changed.permissions)
        for principal, valid_after in store.withdraw_tokens(ctx.session, ctx.company_id, name):
            ctx.state(PrincipalChanged(principal=principal, valid_after=valid_after), subject=principal)
    return changed


def role_of(ctx: Context, name: str) -> store.Role:
    """Raises RoleNotFound."""
    role = store.of(ctx.session, ctx.company_id, name)
    if role is None:
        raise RoleNotFound()
    return role


def role_to_grant(ctx: Context, name: str, faults: Faults) -> None:
    """Adds a fault where the company has no such role. Raises GrantBeyondOwn. The role stays as it is until the commit."""
    role = store.of(ctx.session, ctx.company_id, name)
    if role is None:
        faults.add("/role", RoleUnknown(role=name))
    else:
        require_own(ctx, role.permissions)


def require_own(ctx: Context, permissions: Collection[str]) -> None:
    """Raises GrantBeyondOwn where one of the permissions is not the asker's own."""
    missing = domain.beyond(ctx.permissions, permissions)
    if missing:
        raise GrantBeyondOwn(permissions=missing)


def _check_known(permissions: Sequence[str], faults: Faults) -> None:
    for place, pattern in enumerate(permissions):
        if not domain.stands_for_something(pattern, PERMISSIONS):
            faults.add(f"/permissions/{place}", PermissionUnknown(permission=pattern))
