"""Routes of the chart of accounts and of the roles that posting rules name."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from services.ledger.accounts import store, usecases
from services.ledger.accounts.domain import normal_side
from shared.accounts import Account
from shared.contracts.ledger import CONTROLS
from shared.http.edge import Routes, ctx
from shared.http.paging import Listing, ListQuery, page_of, sort_field
from shared.http.schemas import In, Out, Text, one_of

routes = Routes("ledger_accounts", __name__, description="The chart of accounts")

KINDS = ("asset", "liability", "equity", "revenue", "expense")

LISTING = Listing(
    sorts={"code": store.account_table.c.code},
    key=store.account_table.c.code,
    filters={
        "kind": lambda value: store.account_table.c.kind == value,
        "control": lambda value: store.account_table.c.control == value,
        "active": lambda value: store.account_table.c.active == value,
    },
)


class AccountCode(Text):
    """A code of the chart: letters, digits, dot, dash; it never changes."""

    def __init__(self, **options: Any):
        super().__init__(
            20,
            validate=validate.Regexp(r"^[0-9A-Za-z][0-9A-Za-z._-]*\Z", error="may have letters, digits and, not first, . _ -"),
            **options,
        )


class AccountIn(In):
    code = AccountCode(required=True)
    name = Text(100, required=True, empty=False)
    kind = fields.String(required=True, validate=one_of(*KINDS))
    control = fields.String(
        load_default=None,
        allow_none=True,
        validate=one_of(*CONTROLS),
        metadata={"description": "what the account sums, where only such documents may post to it"},
    )


class AccountChangeIn(In):
    name = Text(100, empty=False)
    active = fields.Boolean()


class AccountOut(Out):
    code = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    normal_side = fields.String(required=True)
    control = fields.String(allow_none=True)
    active = fields.Boolean(required=True)


class AccountQuery(ListQuery):
    kind = fields.String(validate=one_of(*KINDS))
    control = fields.String(validate=one_of(*CONTROLS))
    active = fields.Boolean()
    sort = sort_field("code", default="code")


class RoleIn(In):
    account = AccountCode(required=True)


class RoleOut(Out):
    role = fields.String(required=True)
    account = fields.String(required=True)
    name = fields.String(required=True, metadata={"description": "of the account"})


class RoleList(Out):
    items = fields.List(fields.Nested(RoleOut), required=True)


@routes.get("/accounts", permission="ledger.account.read")
@routes.arguments(AccountQuery, location="query")
@routes.response(200, page_of(AccountOut))
def list_accounts(query: dict[str, Any]) -> dict[str, Any]:
    """The chart of accounts"""
    page = LISTING.page(ctx().session, store.list_accounts(ctx().company_id), query)
    page["items"] = [{**item, "normal_side": normal_side(item["kind"])} for item in page["items"]]
    return page


@routes.post("/accounts", permission="ledger.account.write")
@routes.arguments(AccountIn)
@routes.response(201, AccountOut)
def create_account(body: dict[str, Any]) -> dict[str, Any]:
    """Add an account; also a control account of your own, such as another bank account"""
    return _account(usecases.create_account(ctx(), **body))


@routes.patch("/accounts/<code>", permission="ledger.account.write")
@routes.arguments(AccountChangeIn)
@routes.response(200, AccountOut)
def change_account(body: dict[str, Any], code: str) -> dict[str, Any]:
    """Rename an account, deactivate it for new documents, or activate it again"""
    return _account(usecases.change_account(ctx(), code, body.get("name"), body.get("active")))


@routes.get("/roles", permission="ledger.account.read")
@routes.response(200, RoleList)
def list_roles() -> dict[str, Any]:
    """Which account fills each role that the posting rules name"""
    return {"items": [row._mapping for row in store.roles(ctx().session, ctx().company_id)]}


@routes.put("/roles/<role>", permission="ledger.role.assign")
@routes.arguments(RoleIn)
@routes.response(200, RoleOut)
def assign_role(body: dict[str, Any], role: str) -> dict[str, Any]:
    """Let another account fill a role, from the next event on"""
    account = usecases.assign_role(ctx(), role, body["account"])
    return {"role": role, "account": account.code, "name": account.name}


def _account(account: Account) -> dict[str, Any]:
    return {
        "code": account.code,
        "name": account.name,
        "kind": account.kind,
        "normal_side": normal_side(account.kind),
        "control": account.control,
        "active": account.active,
    }
