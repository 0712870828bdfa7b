"""Deposit groups: by which receipts are batched into deposits (F-SET-07). A receipt names its group by the description."""

from __future__ import annotations

from services.banking.deposit_groups import store
from shared.context import Context
from shared.errors import Conflict
from shared.ids import new_id

DEFAULT_GROUPS = ("Checks", "Cash")


class DepositGroupExists(Conflict):
    """There is a deposit group with this description or id already."""

    code = "deposit-group-exists"


def create_deposit_group(ctx: Context, description: str, group_id: str | None = None) -> tuple[dict[str, str], bool]:
    """A new group, and that it is new. The same id with the same description again answers the same group.

    Raises DepositGroupExists.
    """
    made = group_id or new_id("dgr")
    added = store.add_groups(ctx.session, ctx.company_id, [(made, description)])
    known = description if added else store.description_of(ctx.session, ctx.company_id, made)
    if known != description:
        raise DepositGroupExists(pointer="/description" if known is None else "/id")
    return {"id": made, "description": description}, bool(added)


def create_default_groups(ctx: Context) -> None:
    """The groups that every company begins with; those that exist stay."""
    store.add_groups(ctx.session, ctx.company_id, [(new_id("dgr"), description) for description in DEFAULT_GROUPS])
