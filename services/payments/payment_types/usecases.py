"""Payment types: create and change. Receipts keep what their type said when they were posted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from services.payments.content import IdInUse
from services.payments.payment_types import store
from services.payments.payment_types.domain import (
    ChangedMeanwhile,
    NoSuchPaymentType,
    PaymentType,
    PaymentTypeNameTaken,
    check_payment_type,
    default_types,
)
from shared.accounts import accounts
from shared.context import Context
from shared.errors import Faults
from shared.ids import new_id

FIELDS = (
    "name",
    "needs_deposit",
    "cash_account",
    "allows_cash_account_override",
    "deposit_group",
    "needs_check_number",
    "active",
)


def create_default_payment_types(ctx: Context) -> None:
    """What a new company begins with; run again, it adds nothing."""
    store.add_defaults(ctx.session, ctx.company_id, default_types())


def create_payment_type(ctx: Context, values: Mapping[str, Any]) -> tuple[RowMapping, bool]:
    """A new payment type, or the one that this `id` and content made before; and whether it is new.

    Raises FaultsFound, PaymentTypeNameTaken, IdInUse.
    """
    payment_type_id = values.get("id") or new_id("pty")
    asked = {name: values[name] for name in FIELDS}
    if values.get("id"):
        known = store.get(ctx.session, ctx.company_id, payment_type_id)
        if known is not None and any(known[name] != asked[name] for name in FIELDS):
            raise IdInUse(pointer="/id")
        if known is not None:
            return known, False
    _check(ctx, payment_type_id, asked)
    return store.add(ctx.session, {"company_id": ctx.company_id, "id": payment_type_id, **asked}), True


def change_payment_type(ctx: Context, payment_type_id: str, version: int, changes: Mapping[str, Any]) -> RowMapping:
    """The payment type with these changes, for receipts from now on.

    Raises NoSuchPaymentType, ChangedMeanwhile where `version` is not the present one, FaultsFound, PaymentTypeNameTaken.
    """
    current = store.get(ctx.session, ctx.company_id, payment_type_id, lock=True)
    if current is None:
        raise NoSuchPaymentType()
    if version != current["version"]:
        raise ChangedMeanwhile(pointer="/version", given_version=version, current_version=current["version"])
    asked = {name: changes.get(name, current[name]) for name in FIELDS}
    _check(ctx, payment_type_id, asked)
    return store.change(ctx.session, ctx.company_id, payment_type_id, asked)


def get_payment_type(ctx: Context, payment_type_id: str) -> RowMapping:
    """Raises NoSuchPaymentType."""
    row = store.get(ctx.session, ctx.company_id, payment_type_id)
    if row is None:
        raise NoSuchPaymentType()
    return row


def _check(ctx: Context, payment_type_id: str, asked: Mapping[str, Any]) -> None:
    code = asked["cash_account"]
    account = accounts(ctx, [code]).get(code) if code is not None else None
    with Faults() as faults:
        check_payment_type(PaymentType(payment_type_id, **asked), account, faults)
    if store.name_taken(ctx.session, ctx.company_id, asked["name"], by_other_than=payment_type_id):
        raise PaymentTypeNameTaken(pointer="/name")
