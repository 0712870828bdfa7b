"""For every route that is guarded, requests that succeed. Whatever is tried on a route begins with one of them, so a route
without an example is a hole; `test_examples.py` names it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared.ids import new_id
from tests.house.code import Route, openapi, routes
from tests.house.role_matrix import FOR_THE_INSTALLATION
from tests.product import House
from tests.security.books import DAY, HUNDRED, PASSWORD, Anew, Books

GUARDED = [route for route in routes() if route.permission]
WRITES = [route for route in GUARDED if route.method != "GET"]
READS = [route for route in GUARDED if route.method == "GET"]
COMPANIES_OWN = [route for route in GUARDED if str(route) not in FOR_THE_INSTALLATION]


@dataclass
class Asked:
    """A request, without the token."""

    values: dict[str, Any] = field(default_factory=dict)
    """What stands in the path."""
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    actor: str = "usr_test"


Example = Callable[[Books], Asked]


def ask(books: Books, route: Route, asked: Asked, token: str | None = None, **headers: str) -> httpx.Response:
    """Sends it, as somebody of the company who may do everything unless a token is given. The key is fresh unless named."""
    path = re.sub(r"<(?:int:)?([^>]+)>", lambda found: str(asked.values[found[1]]), route.rule)
    if token is None and (asked.actor != "usr_test" or str(route) in FOR_THE_INSTALLATION):
        token = books.house.token(0 if str(route) in FOR_THE_INSTALLATION else books.company.id, ("*",), asked.actor)
    elif token is None:
        token = books.company.token()
    sent = {"Authorization": f"Bearer {token}", "Idempotency-Key": new_id("idk"), **headers}
    client = books.house.peers["identity"].client(route.service)
    answer = client.request(route.method, path, params=asked.query or None, json=asked.body, headers=sent)
    if route.rule == "/api/identity/signing-keys/replace":
        forget_keys(books.house)
    return answer


def forget_keys(house: House) -> None:
    """Services fetch the published keys anew, as after five minutes; whoever has a token gets another."""
    Anew.replaced += 1
    for app in house.assembly.apps.values():
        tokens = app.extensions["duebook"].tokens
        tokens.keys, tokens.asked_at = {}, 0.0
        tokens.remembered.clear()


def operation(route: Route) -> dict[str, Any]:
    """The route in its service's OpenAPI document."""
    path = re.sub(r"<(?:int:)?([^>]+)>", r"{\1}", route.rule)
    found: dict[str, Any] = openapi(route.service)["paths"][path][route.method.lower()]
    return found


def query_names(route: Route) -> list[str]:
    """Names of the query parameters that the route takes."""
    return [parameter["name"] for parameter in operation(route).get("parameters", []) if parameter["in"] == "query"]


def _company(b: Books) -> Asked:
    owner = {"email": f"{b.code()}@example.com", "name": b.name("owner"), "password": PASSWORD}
    return Asked(body={"name": b.name("company"), "time_zone": "UTC", "currency": "USD", "owner": owner})


def _person(b: Books) -> Asked:
    email = f"{b.code()}@example.com"
    body = {"id": new_id("usr"), "email": email, "name": b.name("person"), "role": b.role(), "password": PASSWORD}
    return Asked(body=body)


def _own_password(b: Books) -> Asked:
    body = {"present_password": PASSWORD, "new_password": PASSWORD + " staples"}
    return Asked(body=body, actor=b.person()["id"])


def _customer(b: Books) -> dict[str, Any]:
    return {
        "name": b.name("customer"),
        "currency": "USD",
        "terms_id": b.terms_id,
        "email": f"{b.code()}@example.com",
        "phone": "1",
        "address": b.name("street"),
        "notes": b.name("notes"),
        "active": True,
        "code": b.code(),
    }


def _terms(b: Books) -> dict[str, Any]:
    return {"description": b.name("terms"), "kind": "net_days", "days": 20, "is_default": False, "active": True}


def _invoice(b: Books) -> dict[str, Any]:
    line = {
        "description": b.name("work"),
        "quantity": "2",
        "unit_price": "50.00",
        "discount_percent": "0",
        "account": "4000",
        "tax_rate": "0",
    }
    return {
        "customer_id": b.customer_id,
        "currency": "USD",
        "issued_on": DAY,
        "due_on": "2026-02-10",
        "terms_id": b.terms_id,
        "customer_reference": b.name("order"),
        "notes": b.name("notes"),
        "freight": {"amount": 0, "currency": "USD"},
        "lines": [line],
    }


def _invoices(b: Books) -> Asked:
    def row() -> dict[str, Any]:
        return {
            "source": b.code(),
            "external_id": b.code(),
            "customer": {"code": b.code(), "name": b.name("customer")},
            "number": b.code(),
            "issued_on": DAY,
            "due_on": DAY,
            "currency": "USD",
            "customer_reference": b.name("order"),
        }

    one_line = {**row(), "amount": HUNDRED, "description": b.name("work"), "account": "4000"}
    return Asked(body={"rows": [one_line, {**row(), "lines": _invoice(b)["lines"]}]})


def _receipt(b: Books) -> Asked:
    by_id, by_number = b.invoice(), b.invoice()
    income = b.account(heard_by="payments")
    line = {"amount": HUNDRED, "notes": b.name("notes")}
    lines = [
        {"kind": "invoice", "invoice_id": by_id["id"], **line},
        {"kind": "invoice", "invoice_number": by_number["number"], **line},
        {"kind": "account", "account": income, **line},
        {"kind": "prepayment", **line},
    ]
    body = {
        "id": new_id("rct"),
        "customer_id": b.customer_id,
        "received_on": DAY,
        "payment_type": b.payment_type()["name"],
        "amount": {"amount": 40_000, "currency": "USD"},
        "lines": lines,
        "overpayment": "refuse",
        "check_number": b.code(),
        "payer_name": b.name("payer"),
        "deposit_group": b.deposit_group(),
        "notes": b.name("notes"),
    }
    return Asked(body=body)


def _prepayment_application(b: Books) -> Asked:
    by_id, by_number, receipts = b.invoice(), b.invoice(heard_by="payments"), [b.receipt(), b.receipt()]
    held = [receipt["prepayments"][0]["id"] for receipt in receipts]
    parts = [
        {"invoice_id": by_id["id"], "amount": HUNDRED, "prepayment_id": held[0]},
        {"invoice_number": by_number["number"], "amount": HUNDRED, "prepayment_id": held[1]},
    ]
    return Asked(body={"id": new_id("pra"), "customer_id": b.customer_id, "applied_on": DAY, "applications": parts})


def _receipts(b: Books) -> Asked:
    invoices = [b.invoice(), b.invoice(), b.invoice(), b.invoice(heard_by="payments")]
    customer = b.company.get(f"/api/billing/customers/{b.customer_id}")["code"]

    def row(amount: int) -> dict[str, Any]:
        return {
            "source": b.code(),
            "external_id": b.code(),
            "customer": customer,
            "received_on": DAY,
            "payment_type": "Check",
            "amount": {"amount": amount, "currency": "USD"},
            "check_number": b.code(),
        }

    parts = [
        {"invoice": {"id": invoices[2]["id"]}, "amount": HUNDRED},
        {"invoice": {"number": invoices[3]["number"]}, "amount": HUNDRED},
    ]
    whole = [
        {**row(10_000), "invoice": {"id": invoices[0]["id"]}},
        {**row(10_000), "invoice": {"number": invoices[1]["number"]}},
    ]
    return Asked(body={"rows": [*whole, {**row(20_000), "applications": parts}]})


def _bank_account(b: Books) -> Asked:
    body = {
        "id": new_id("ban"),
        "name": b.name("bank"),
        "account": b.account("asset", "bank"),
        "currency": "USD",
        "masked_number": "****1234",
        "fee_account": b.account("expense", heard_by="banking"),
    }
    return Asked(body=body)


def _deposit(b: Books) -> dict[str, Any]:
    fee_account = b.account("expense", heard_by="banking")
    return {
        "bank_account_id": b.bank_account_id,
        "posting_on": DAY,
        "receipt_ids": [b.receipt(heard_by="banking")["id"]],
        "fee": {"amount": 100, "currency": "USD"},
        "fee_account": fee_account,
        "reference": b.name("reference"),
        "notes": b.name("notes"),
    }


def _deposit_of_a_group(b: Books) -> Asked:
    group = b.deposit_group()
    body = {
        "customer_id": b.customer_id,
        "received_on": DAY,
        "payment_type": "Check",
        "check_number": b.code(),
        "amount": HUNDRED,
        "lines": [{"kind": "prepayment", "amount": HUNDRED}],
        "deposit_group": group,
    }
    b.post("/api/payments/receipts", body, heard_by="banking")
    wanted = {"bank_account_id": b.bank_account_id, "posting_on": DAY, "deposit_group": group, "received_through": DAY}
    return Asked(body={"id": new_id("dep"), **wanted})


def _manual_entry(b: Books) -> Asked:
    own = b.account()
    lines = [
        {"account": own, "side": "debit", "amount": HUNDRED, "memo": b.name("memo")},
        {"account": "4000", "side": "credit", "amount": HUNDRED, "memo": b.name("memo")},
    ]
    return Asked(body={"id": new_id("man"), "occurred_on": DAY, "description": b.name("entry"), "lines": lines})


def _close(b: Books) -> Asked:
    return Asked(body={"id": new_id("pcl"), "through": b.no_closing()})


def _of(values: Callable[[Books], dict[str, Any]], **query: Any) -> Example:
    return lambda b: Asked(values(b), query)


def _list(**query: Any) -> Example:
    return lambda b: Asked(query={name: value(b) if callable(value) else value for name, value in query.items()})


def _void(b: Books) -> dict[str, Any]:
    return {"voided_on": DAY, "reason": b.name("reason")}


CUSTOMER: Callable[[Books], str] = lambda b: b.customer_id  # noqa: E731 - one of the values that lists are asked for

EXAMPLES: dict[str, list[Example]] = {
    # identity
    "POST /api/identity/companies": [_company],
    "GET /api/identity/companies/<int:company_id>": [_of(lambda b: {"company_id": b.company.id})],
    "PATCH /api/identity/companies/<int:company_id>": [
        lambda b: Asked({"company_id": b.company.id}, body={"name": b.name("company"), "time_zone": "UTC"})
    ],
    "POST /api/identity/people": [_person],
    "GET /api/identity/people": [_list(role="viewer", active="true")],
    "GET /api/identity/people/<id>": [_of(lambda b: {"id": b.person()["id"]})],
    "PATCH /api/identity/people/<id>": [
        lambda b: Asked(
            {"id": b.person()["id"]},
            body={"name": b.name("person"), "role": b.role(), "active": True, "password": PASSWORD + " staples"},
        )
    ],
    "POST /api/identity/own-password": [_own_password],
    "GET /api/identity/permissions": [_list()],
    "GET /api/identity/roles": [_list()],
    "GET /api/identity/roles/<name>": [_of(lambda b: {"name": b.role()})],
    "POST /api/identity/roles": [lambda b: Asked(body={"name": b.code(), "permissions": ["billing.*"]})],
    "PATCH /api/identity/roles/<name>": [lambda b: Asked({"name": b.role()}, body={"permissions": ["ledger.*"]})],
    "POST /api/identity/api-keys": [
        lambda b: Asked(body={"name": b.name("program"), "role": b.role(), "expires_on": "2027-01-01"})
    ],
    "GET /api/identity/api-keys": [_list(role="viewer", revoked="false")],
    "POST /api/identity/api-keys/<id>/revoke": [_of(lambda b: {"id": b.api_key()})],
    "POST /api/identity/signing-keys/replace": [_list()],
    # ledger
    "GET /api/ledger/accounts": [_list(kind="revenue")],
    "POST /api/ledger/accounts": [
        lambda b: Asked(body={"code": b.code(), "name": b.name("account"), "kind": "asset", "control": "bank"})
    ],
    "PATCH /api/ledger/accounts/<code>": [
        lambda b: Asked({"code": b.account()}, body={"name": b.name("account"), "active": False})
    ],
    "GET /api/ledger/roles": [_list()],
    "PUT /api/ledger/roles/<role>": [lambda b: Asked({"role": "sales"}, body={"account": b.account()})],
    "GET /api/ledger/entries": [_list(document_id=lambda b: b.invoice()["id"], event_id=lambda b: b.posted()["event_id"])],
    "GET /api/ledger/entries/<entry_id>": [_of(lambda b: {"entry_id": b.posted()["entry_id"]})],
    "GET /api/ledger/trial-balance": [_list(as_of=DAY)],
    "GET /api/ledger/accounts/<code>": [_of(lambda b: {"code": b.account()}, as_of=DAY)],
    "GET /api/ledger/accounts/<code>/postings": [
        lambda b: Asked({"code": "1100"}, {"customer_id": b.customer_id, "document_id": b.invoice(heard_by="ledger")["id"]})
    ],
    "POST /api/ledger/manual-entries": [_manual_entry],
    "POST /api/ledger/manual-entries/<manual_entry_id>/reverse": [
        lambda b: Asked(
            {"manual_entry_id": b.manual_entry()["id"]}, body={"occurred_on": "2026-01-11", "reason": b.name("reason")}
        )
    ],
    "GET /api/ledger/manual-entries": [_list()],
    "GET /api/ledger/manual-entries/<manual_entry_id>": [_of(lambda b: {"manual_entry_id": b.manual_entry()["id"]})],
    "POST /api/ledger/period-closes": [_close],
    "GET /api/ledger/period-closes": [_list(state="cancelled")],
    "GET /api/ledger/period-closes/<close_id>": [_of(lambda b: {"close_id": b.closing()})],
    "POST /api/ledger/period-closes/<close_id>/cancel": [
        lambda b: Asked({"close_id": b.closing()}, body={"reason": b.name("reason")})
    ],
    "GET /api/ledger/proofs": [_list()],
    "GET /api/ledger/proofs/history": [_list(limit=5)],
    "GET /api/ledger/verification": [_list(after=0)],
    # billing
    "GET /api/billing/verification": [_list()],
    "GET /api/billing/customers": [_list(q=lambda b: b.mark), _list(code=lambda b: b.code())],
    "POST /api/billing/customers": [lambda b: Asked(body={"id": new_id("cus"), **_customer(b)})],
    "GET /api/billing/customers/<customer_id>": [_of(lambda b: {"customer_id": b.customer_id})],
    "PUT /api/billing/customers/<customer_id>": [
        lambda b: Asked({"customer_id": b.customer()}, body={**_customer(b), "version": 1})
    ],
    "GET /api/billing/terms": [_list(active="true")],
    "POST /api/billing/terms": [lambda b: Asked(body={"id": new_id("trm"), **_terms(b)})],
    "GET /api/billing/terms/<terms_id>": [_of(lambda b: {"terms_id": b.terms_id})],
    "PUT /api/billing/terms/<terms_id>": [lambda b: Asked({"terms_id": b.terms()["id"]}, body={**_terms(b), "version": 1})],
    "GET /api/billing/invoices": [_list(customer_id=CUSTOMER, number=lambda b: b.invoice()["number"], state="issued")],
    "POST /api/billing/invoices": [
        lambda b: Asked(body={"id": new_id("inv"), **_invoice(b)}),
        lambda b: Asked(body={"id": new_id("inv"), "issue": True, "number": b.code(), **_invoice(b)}),
    ],
    "GET /api/billing/invoices/<invoice_id>": [_of(lambda b: {"invoice_id": b.invoice()["id"]})],
    "PUT /api/billing/invoices/<invoice_id>": [
        lambda b: Asked({"invoice_id": b.invoice(issue=False)["id"]}, body={**_invoice(b), "version": 1})
    ],
    "DELETE /api/billing/invoices/<invoice_id>": [lambda b: Asked({"invoice_id": b.invoice(issue=False)["id"]}, {"version": 1})],
    "POST /api/billing/invoices/<invoice_id>/issue": [
        lambda b: Asked({"invoice_id": b.invoice(issue=False)["id"]}, body={"number": b.code()})
    ],
    "POST /api/billing/invoices/<invoice_id>/void": [lambda b: Asked({"invoice_id": b.invoice()["id"]}, body=_void(b))],
    "GET /api/billing/open-items": [_list(customer_id=CUSTOMER, currency="USD", as_of=DAY)],
    "GET /api/billing/aging": [_list(by="customer", as_of=DAY)],
    "GET /api/billing/customers/<customer_id>/ledger": [_of(lambda b: {"customer_id": b.customer_id}, as_of=DAY)],
    "GET /api/billing/customers/<customer_id>/balance": [_of(lambda b: {"customer_id": b.customer_id})],
    "GET /api/billing/roll-forward": [_list(**{"from": "2026-01", "to": "2026-01"})],
    "POST /api/billing/imports/invoices": [_invoices],
    # payments
    "GET /api/payments/verification": [_list()],
    "GET /api/payments/payment-types": [_list(active="true")],
    "POST /api/payments/payment-types": [
        lambda b: Asked(
            body={
                "id": new_id("pty"),
                "name": b.name("type"),
                "needs_deposit": False,
                "cash_account": b.account("asset", "clearing", heard_by="payments"),
                "deposit_group": None,
            }
        ),
        lambda b: Asked(
            body={"id": new_id("pty"), "name": b.name("type"), "needs_deposit": True, "deposit_group": b.deposit_group()}
        ),
    ],
    "GET /api/payments/payment-types/<payment_type_id>": [_of(lambda b: {"payment_type_id": b.payment_type()["id"]})],
    "PATCH /api/payments/payment-types/<payment_type_id>": [
        lambda b: Asked(
            {"payment_type_id": b.payment_type()["id"]},
            body={
                "version": 1,
                "name": b.name("type"),
                "needs_deposit": False,
                "deposit_group": None,
                "cash_account": b.account("asset", "clearing", heard_by="payments"),
            },
        ),
        lambda b: Asked({"payment_type_id": b.payment_type()["id"]}, body={"version": 1, "deposit_group": b.deposit_group()}),
    ],
    "GET /api/payments/receipts": [
        _list(customer_id=CUSTOMER),
        _list(invoice_id=lambda b: b.invoice()["id"]),
        _list(payment_type=lambda b: b.payment_type()["name"]),
        _list(check_number=lambda b: b.receipt()["check_number"]),
    ],
    "POST /api/payments/receipts": [
        _receipt,
        lambda b: Asked(
            body={
                "id": new_id("rct"),
                "customer_id": b.customer_id,
                "received_on": DAY,
                "payment_type": b.post(
                    "/api/payments/payment-types",
                    {
                        "name": b.name("type"),
                        "needs_deposit": False,
                        "cash_account": "1080",
                        "allows_cash_account_override": True,
                    },
                )["name"],
                "amount": HUNDRED,
                "lines": [{"kind": "prepayment", "amount": HUNDRED}],
                "cash_account": b.account("asset", "clearing", heard_by="payments"),
            }
        ),
    ],
    "GET /api/payments/receipts/<receipt_id>": [_of(lambda b: {"receipt_id": b.receipt()["id"]})],
    "POST /api/payments/receipts/<receipt_id>/void": [lambda b: Asked({"receipt_id": b.receipt()["id"]}, body=_void(b))],
    "GET /api/payments/prepayments": [_list(customer_id=CUSTOMER)],
    "GET /api/payments/prepayment-balances": [_list(customer_id=CUSTOMER)],
    "GET /api/payments/prepayment-applications": [_list(customer_id=CUSTOMER)],
    "POST /api/payments/prepayment-applications": [_prepayment_application],
    "GET /api/payments/prepayment-applications/<prepayment_application_id>": [
        _of(lambda b: {"prepayment_application_id": b.applied()["id"]})
    ],
    "GET /api/payments/open-invoices": [
        _list(customer_id=CUSTOMER),
        _list(invoice_number=lambda b: b.invoice()["number"]),
    ],
    "GET /api/payments/invoices/<invoice_id>": [_of(lambda b: {"invoice_id": b.invoice(heard_by="payments")["id"]})],
    "POST /api/payments/imports/receipts": [_receipts],
    # banking
    "POST /api/banking/bank-accounts": [_bank_account],
    "GET /api/banking/bank-accounts": [_list()],
    "GET /api/banking/bank-accounts/<bank_account_id>": [_of(lambda b: {"bank_account_id": b.bank_account_id}, as_of=DAY)],
    "PATCH /api/banking/bank-accounts/<bank_account_id>": [
        lambda b: Asked(
            {"bank_account_id": b.bank_account()},
            body={"name": b.name("bank"), "masked_number": "****9", "fee_account": b.account("expense", heard_by="banking")},
        )
    ],
    "GET /api/banking/bank-accounts/<bank_account_id>/postings": [_of(lambda b: {"bank_account_id": b.bank_account_id})],
    "POST /api/banking/deposit-groups": [lambda b: Asked(body={"id": new_id("dgr"), "description": b.name("group")})],
    "GET /api/banking/deposit-groups": [_list()],
    "GET /api/banking/undeposited-receipts": [
        _list(customer_id=CUSTOMER),
        _list(deposit_group=lambda b: b.deposit_group()),
    ],
    "POST /api/banking/deposits": [lambda b: Asked(body={"id": new_id("dep"), **_deposit(b)}), _deposit_of_a_group],
    "GET /api/banking/deposits": [
        _list(bank_account_id=lambda b: b.bank_account_id),
        _list(receipt_id=lambda b: b.receipt()["id"]),
        _list(reference=lambda b: b.deposit()["reference"]),
    ],
    "GET /api/banking/deposits/<deposit_id>": [_of(lambda b: {"deposit_id": b.deposit()["id"]})],
    "POST /api/banking/deposits/<deposit_id>/void": [lambda b: Asked({"deposit_id": b.deposit()["id"]}, body=_void(b))],
    "POST /api/banking/imports/deposits": [
        lambda b: Asked(body={"rows": [{"source": b.code(), "external_id": b.code(), **_deposit(b)}]})
    ],
    # notifications
    "GET /api/notifications/customers/<customer_id>/timeline": [_of(lambda b: {"customer_id": b.customer_id})],
}
for _name in ("identity", "ledger", "billing", "payments", "banking", "notifications"):
    EXAMPLES |= {
        f"GET /api/{_name}/status": [_list()],
        f"GET /api/{_name}/parked-events": [_list()],
        f"POST /api/{_name}/parked-events/retry": [lambda b: Asked(body={"subject": b.park("payments")})],
        f"GET /api/{_name}/events": [_list(subject=CUSTOMER)],
        f"GET /api/{_name}/changes": [_list(table="app.customer", key=CUSTOMER)],
    }
