"""Terms of payment: by which rule an invoice is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from services.billing.content import IdInUse
from services.billing.terms import store
from services.billing.terms.domain import DEFAULT_TERMS
from services.billing.versions import require_version
from shared.context import Context
from shared.errors import Faults, NotFound
from shared.ids import new_id

BLANK: Mapping[str, Any] = {
    "days": None,
    "day": None,
    "cutoff_days": None,
    "months_to_add": None,
    "discount_enabled": False,
    "discount_days": 0,
    "discount_percent": 0,
    "is_default": False,
    "active": True,
}
NEEDED = {"net_days": ("days",), "day_of_month": ("day", "cutoff_days", "months_to_add"), "on_receipt": ()}


class TermsUnknown(NotFound):
    """There are no such terms."""

    code = "terms-not-found"


def add_default_terms(ctx: Context) -> None:
    """What a new company begins with; `Net 30` is its default."""
    store.add(ctx.session, [{**BLANK, **rule, **_new(ctx)} for rule in DEFAULT_TERMS])


def create_terms(ctx: Context, asked: Mapping[str, Any]) -> tuple[RowMapping, bool]:
    """New terms of the company, or those that this `id` and content made before; and whether they are new.

    Raises FaultsFound, IdInUse; a repeated description breaks `terms_description`.
    """
    row = {**BLANK, **_new(ctx), **_checked(asked)}
    known = store.get(ctx.session, ctx.company_id, row["id"]) if "id" in asked else None
    if known is not None:
        if any(known[name] != row[name] for name in (*BLANK, "description", "kind")):
            raise IdInUse(pointer="/id", id=row["id"])
        return known, False
    if row["is_default"]:
        store.no_longer_default(ctx.session, ctx.company_id, row["id"])
    store.add(ctx.session, [row])
    return get_terms(ctx, row["id"]), True


def change_terms(ctx: Context, terms_id: str, asked: Mapping[str, Any]) -> RowMapping:
    """Replaces the content. Invoices that exist keep their due dates. Raises TermsUnknown, ChangedMeanwhile, FaultsFound.

    The default stays one until other terms become it.
    """
    current = store.get(ctx.session, ctx.company_id, terms_id, lock=True)
    if current is None:
        raise TermsUnknown()
    require_version(asked["version"], current)
    values = {**BLANK, **_checked({key: value for key, value in asked.items() if key != "version"})}
    with Faults() as faults:
        if current["is_default"] and not (values["is_default"] and values["active"]):
            faults.add("/is_default", "make other terms the default first", code="default-terms-needed")
    if values["is_default"]:
        store.no_longer_default(ctx.session, ctx.company_id, terms_id)
    return store.change(ctx.session, ctx.company_id, terms_id, values)


def get_terms(ctx: Context, terms_id: str) -> RowMapping:
    """Raises TermsUnknown."""
    row = store.get(ctx.session, ctx.company_id, terms_id)
    if row is None:
        raise TermsUnknown()
    return row


def _new(ctx: Context) -> dict[str, Any]:
    return {"company_id": ctx.company_id, "id": new_id("trm"), "version": 1}


def _checked(asked: Mapping[str, Any]) -> dict[str, Any]:
    with Faults() as faults:
        needed = NEEDED[asked["kind"]]
        for field in needed:
            if asked.get(field) is None:
                faults.add(f"/{field}", f"is needed for terms of the kind {asked['kind']}", code="field-needed")
        for field in ("days", "day", "cutoff_days", "months_to_add"):
            if field not in needed and asked.get(field) is not None:
                faults.add(f"/{field}", f"has no meaning in terms of the kind {asked['kind']}", code="field-unfit")
        if asked.get("is_default") and not asked.get("active", True):
            faults.add("/active", "the default terms must be active", code="default-terms-needed")
    return dict(asked)
