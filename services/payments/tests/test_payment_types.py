"""Payment types: what a company begins with, what fits together, changes by version."""

from __future__ import annotations

from typing import Any

import pytest

from services.payments.tests.desk import Desk, to_prepayment
from shared.ids import new_id
from shared.testing import usd


def by_name(desk: Desk) -> dict[str, Any]:
    return {item["name"]: item for item in desk.get("/api/payments/payment-types")["items"]}


def test_a_new_company_has_the_usual_payment_types(desk: Desk) -> None:
    shown = {
        name: (item["needs_deposit"], item["cash_account"], item["deposit_group"], item["needs_check_number"])
        for name, item in by_name(desk).items()
    }

    assert shown == {
        "ACH": (False, "1080", None, False),
        "Card": (False, "1080", None, False),
        "Cash": (True, None, "Cash", False),
        "Check": (True, None, "Checks", True),
        "Wire": (False, "1080", None, False),
    }


@pytest.mark.parametrize(
    ("change", "pointer", "problem"),
    [
        ({"needs_deposit": True, "deposit_group": "Checks"}, "/cash_account", "cash-account-misplaced"),
        ({"needs_deposit": True, "cash_account": None, "deposit_group": None}, "/deposit_group", "deposit-group-misplaced"),
        ({"deposit_group": "Checks"}, "/deposit_group", "deposit-group-misplaced"),
        ({"cash_account": None}, "/cash_account", "clearing-account-needed"),
        ({"cash_account": "1010"}, "/cash_account", "clearing-account-needed"),
        ({"cash_account": "4000"}, "/cash_account", "clearing-account-needed"),
        ({"cash_account": "9999"}, "/cash_account", "account-unknown"),
        ({"name": ""}, "/name", "invalid-input"),
    ],
)
def test_a_payment_type_that_does_not_fit_together_is_refused(
    desk: Desk, change: dict[str, Any], pointer: str, problem: str
) -> None:
    body = {"name": "Stripe", "needs_deposit": False, "cash_account": "1081", **change}

    errors = desk.refuse("payment-types", body, problem)

    assert [error["pointer"] for error in errors] == [pointer]
    assert "Stripe" not in by_name(desk)


def test_money_that_needs_a_deposit_has_no_other_cash_account(desk: Desk) -> None:
    body = {"name": "Draft", "needs_deposit": True, "deposit_group": "Checks", "allows_cash_account_override": True}

    (error,) = desk.refuse("payment-types", body, "cash-account-misplaced")

    assert error["pointer"] == "/allows_cash_account_override"


def test_names_are_unique_whatever_their_case(desk: Desk) -> None:
    (error,) = desk.refuse(
        "payment-types", {"name": "CHECK", "needs_deposit": False, "cash_account": "1080"}, "payment-type-name-taken", status=409
    )

    assert error["pointer"] == "/name"


def test_a_change_counts_for_receipts_from_then_on(desk: Desk) -> None:
    before = desk.receive(usd("5.00"), to_prepayment(usd("5.00")), payment_type="Wire", check_number=None)
    wire_type = by_name(desk)["Wire"]

    changed = desk.call(
        "PATCH", f"/api/payments/payment-types/{wire_type['id']}", {"version": 1, "name": "Transfer", "cash_account": "1081"}
    ).json()
    after = desk.receive(usd("5.00"), to_prepayment(usd("5.00")), payment_type="Transfer", check_number=None)

    assert (changed["name"], changed["version"]) == ("Transfer", 2)
    assert after["cash_account"] == "1081"
    shown = desk.get(f"/api/payments/receipts/{before['id']}")
    assert (shown["payment_type"], shown["cash_account"]) == ("Wire", "1080")


def test_a_change_made_from_an_older_version_is_refused(desk: Desk) -> None:
    path = f"payment-types/{by_name(desk)['Wire']['id']}"
    desk.call("PATCH", "/api/payments/" + path, {"version": 1, "active": False})

    (error,) = desk.refuse(path, {"version": 1, "active": True}, "changed-meanwhile", status=409, method="PATCH")

    assert (error["pointer"], error["current_version"]) == ("/version", 2)


def test_a_payment_type_made_again_with_its_id_is_the_same(desk: Desk) -> None:
    body = {"id": new_id("pty"), "name": "Stripe", "needs_deposit": False, "cash_account": "1081"}

    assert desk.write("payment-types", body) == desk.write("payment-types", body)

    desk.refuse("payment-types", {**body, "name": "Other"}, "id-in-use", status=409)


def test_an_unknown_payment_type_is_not_found(desk: Desk) -> None:
    path = f"payment-types/{new_id('pty')}"

    desk.refuse(path, None, "payment-type-not-found", status=404, method="GET")
    desk.refuse(path, {"version": 1}, "payment-type-not-found", status=404, method="PATCH")


def test_changes_of_payment_types_are_audited(desk: Desk) -> None:
    wire_type = by_name(desk)["Wire"]
    desk.call("PATCH", f"/api/payments/payment-types/{wire_type['id']}", {"version": 1, "active": False})

    items = desk.get(f"/api/payments/changes?table=app.payment_type&key={wire_type['id']}")["items"]

    assert [(item["action"], item["actor"]) for item in items] == [("update", "usr_test"), ("insert", "service:payments")]
    assert (items[0]["before"]["active"], items[0]["after"]["active"]) == (True, False)


def test_who_may_read_payment_types_may_not_write_them(desk: Desk) -> None:
    desk.may_only("payments.payment_type.read").refused(
        "/api/payments/payment-types", {}, status=403, problem="permission-missing"
    )
