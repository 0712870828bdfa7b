"""Customers: who is invoiced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from services.billing.content import IdInUse, content_hash
from services.billing.customers import store
from services.billing.terms import store as terms_store
from services.billing.versions import require_version
from shared.context import Context
from shared.contracts.billing import CustomerChanged, CustomerCreated
from shared.errors import Faults, NotFound
from shared.ids import new_id

BLANK: Mapping[str, Any] = {"terms_id": None, "email": "", "phone": "", "address": "", "notes": "", "active": True}


class CustomerUnknown(NotFound):
    """There is no such customer."""

    code = "customer-not-found"


def create_customer(ctx: Context, asked: Mapping[str, Any]) -> tuple[RowMapping, bool]:
    """A new customer, and whether it is new: the same id with the same content answers the one that exists.

    Without a code it gets the next of the series. States billing.customer.created. Raises IdInUse, FaultsFound; a repeated
    code breaks `customer_code`.
    """
    hashed = content_hash(asked)
    if asked.get("id"):
        known = store.get(ctx.session, ctx.company_id, asked["id"])
        if known is not None:
            if known["content_hash"] != hashed:
                raise IdInUse(pointer="/id", id=asked["id"])
            return known, False
    _check_terms(ctx, asked)
    row = {**BLANK, "currency": ctx.currency, "id": new_id("cus"), **asked, "company_id": ctx.company_id, "content_hash": hashed}
    if not row.get("code"):
        row["code"] = store.next_code(ctx.session, ctx.company_id)
    made = store.add(ctx.session, row)
    ctx.state(CustomerCreated(**_told(made)), subject=made["id"])
    return made, True


def change_customer(ctx: Context, customer_id: str, asked: Mapping[str, Any]) -> RowMapping:
    """Replaces the customer's content. States billing.customer.changed where code, name or activity is another.

    Raises CustomerUnknown, ChangedMeanwhile, FaultsFound.
    """
    current = store.get(ctx.session, ctx.company_id, customer_id, lock=True)
    if current is None:
        raise CustomerUnknown()
    require_version(asked["version"], current)
    values = {**BLANK, "currency": ctx.currency, **{key: value for key, value in asked.items() if key != "version"}}
    _check_terms(ctx, values)
    made = store.change(ctx.session, ctx.company_id, customer_id, values)
    if _told(made) != _told(current):
        ctx.state(CustomerChanged(**_told(made)), subject=customer_id)
    return made


def get_customer(ctx: Context, customer_id: str) -> RowMapping:
    """Raises CustomerUnknown."""
    row = store.get(ctx.session, ctx.company_id, customer_id)
    if row is None:
        raise CustomerUnknown()
    return row


def _check_terms(ctx: Context, asked: Mapping[str, Any]) -> None:
    with Faults() as faults:
        if asked.get("terms_id"):
            terms = terms_store.get(ctx.session, ctx.company_id, asked["terms_id"])
            if terms is None:
                faults.add("/terms_id", "there are no such terms", code="terms-unknown")
            elif not terms["active"]:
                faults.add("/terms_id", f"the terms {terms['description']} are not active", code="terms-inactive")


def _told(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {"customer_id": row["id"], "code": row["code"], "name": row["name"], "active": row["active"]}
