"""Every reason why a receipt is refused: which problem, at which place, and that nothing is left behind."""

from __future__ import annotations

from typing import Any

import pytest

from services.payments.tests.desk import Desk, to_account, to_invoice, to_prepayment
from shared.ids import new_id
from shared.money import Money
from shared.testing import usd, wire


def pointers(errors: list[dict[str, Any]]) -> list[str]:
    return [error["pointer"] for error in errors]


def test_lines_that_do_not_sum_to_the_amount_are_out_of_balance(desk: Desk) -> None:
    invoice = desk.invoice()

    (short,) = desk.refused_receipt("receipt-out-of-balance", usd("50.00"), to_invoice(invoice, usd("49.99")))
    (beyond,) = desk.refused_receipt("receipt-out-of-balance", usd("50.00"), to_invoice(invoice, usd("50.01")))
    desk.refused_receipt("receipt-out-of-balance", usd("50.00"), to_invoice(invoice, usd("50.01")), overpayment="prepayment")
    desk.refused_receipt("receipt-out-of-balance", usd("50.00"))

    assert (short["pointer"], short["detail"][:26]) == ("/lines", "Out of balance transaction")
    assert (beyond["lines"], beyond["amount"]) == (wire(usd("50.01")), wire(usd("50.00")))
    assert desk.open_on(invoice) == 10000


def test_an_invoice_is_on_one_line_only(desk: Desk) -> None:
    invoice = desk.invoice(number="TWICE")
    again = {"kind": "invoice", "invoice_number": "TWICE", "amount": wire(usd("10.00"))}

    errors = desk.refused_receipt("invoice-twice", usd("20.00"), to_invoice(invoice, usd("10.00")), again)

    assert pointers(errors) == ["/lines/1/invoice_number"]


def test_a_receipt_cannot_be_applied_beyond_the_open_balance(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"), number="INV-1")
    desk.receive(usd("40.00"), to_invoice(invoice, usd("40.00")))

    (error,) = desk.refused_receipt("application-exceeds-balance", usd("60.01"), to_invoice(invoice, usd("60.01")), status=409)

    assert error["pointer"] == "/lines/0/amount"
    assert (error["rule"], error["open"], error["invoice_number"]) == ("BR-AR-C2", wire(usd("60.00")), "INV-1")
    assert desk.open_on(invoice) == 6000


def test_the_last_cent_can_be_applied(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    desk.receive(usd("99.99"), to_invoice(invoice, usd("99.99")))
    desk.receive(usd("0.01"), to_invoice(invoice, usd("0.01")))

    assert desk.open_on(invoice) == 0
    desk.refused_receipt("application-exceeds-balance", usd("0.01"), to_invoice(invoice, usd("0.01")), status=409)


def test_an_invoice_of_another_customer_is_refused(desk: Desk) -> None:
    invoice = desk.invoice(customer_id=desk.customer("OTHER"))

    errors = desk.refused_receipt("invoice-of-another-customer", usd("10.00"), to_invoice(invoice, usd("10.00")))

    assert pointers(errors) == ["/lines/0/invoice_id"]


def test_an_invoice_in_another_currency_is_refused(desk: Desk) -> None:
    invoice = desk.invoice(Money(10000, "EUR"))

    errors = desk.refused_receipt("currency-mismatch", usd("10.00"), to_invoice(invoice, usd("10.00")))

    assert pointers(errors) == ["/lines/0/amount/currency"]


def test_a_line_in_another_currency_than_its_receipt_is_refused(desk: Desk) -> None:
    errors = desk.refused_receipt("currency-mismatch", usd("10.00"), to_prepayment(Money(1000, "EUR")))

    assert pointers(errors) == ["/lines/0/amount/currency"]


def test_a_void_invoice_gets_nothing(desk: Desk) -> None:
    invoice = desk.invoice()
    desk.void_invoice(invoice)

    errors = desk.refused_receipt("invoice-void", usd("10.00"), to_invoice(invoice, usd("10.00")))

    assert pointers(errors) == ["/lines/0/invoice_id"]


def test_an_unknown_invoice_is_refused(desk: Desk) -> None:
    by_number = {"kind": "invoice", "invoice_number": "NONE", "amount": wire(usd("5.00"))}

    errors = desk.refused_receipt("invoice-unknown", usd("10.00"), to_invoice(new_id("inv"), usd("5.00")), by_number)

    assert pointers(errors) == ["/lines/0/invoice_id", "/lines/1/invoice_number"]


def test_a_number_that_several_invoices_have_is_refused_with_their_ids(desk: Desk) -> None:
    several = sorted((desk.invoice(number="SAME"), desk.invoice(number="SAME")))

    (error,) = desk.refused_receipt(
        "invoice-number-ambiguous", usd("5.00"), {"kind": "invoice", "invoice_number": "SAME", "amount": wire(usd("5.00"))}
    )

    assert (error["pointer"], error["invoice_ids"]) == ("/lines/0/invoice_number", several)


def test_an_invoice_of_another_company_is_as_unknown_as_none(desk: Desk, payments_house: Any) -> None:
    elsewhere = Desk(payments_house, payments_house.company().id, "USD").open(
        {"billing": desk.billing, "ledger": desk.ledger, "banking": desk.banking}
    )
    invoice = elsewhere.invoice()

    desk.refused_receipt("invoice-unknown", usd("5.00"), to_invoice(invoice, usd("5.00")))
    desk.refused_receipt("customer-unknown", usd("5.00"), to_prepayment(usd("5.00")), customer_id=elsewhere.acme)


def test_account_lines_name_active_accounts_that_are_no_control_accounts(desk: Desk) -> None:
    desk.deactivate("4200")

    def refused(problem: str, account: str) -> list[str]:
        return pointers(desk.refused_receipt(problem, usd("5.00"), to_account(account, usd("5.00"))))

    assert refused("account-unknown", "9999") == ["/lines/0/account"]
    assert refused("control-account", "1100") == ["/lines/0/account"]
    assert refused("account-inactive", "4200") == ["/lines/0/account"]


def test_nothing_is_received_into_a_closed_period(desk: Desk) -> None:
    desk.close_period("2026-01-10")

    (error,) = desk.refused_receipt("period-closed", usd("5.00"), to_prepayment(usd("5.00")))

    assert (error["pointer"], error["first_open_day"]) == ("/received_on", "2026-01-11")
    desk.receive(usd("5.00"), to_prepayment(usd("5.00")), received_on="2026-01-11")


def test_money_is_not_received_in_the_future(desk: Desk) -> None:
    errors = desk.refused_receipt("dated-in-future", usd("5.00"), to_prepayment(usd("5.00")), received_on="2026-01-16")

    assert pointers(errors) == ["/received_on"]
    desk.receive(usd("5.00"), to_prepayment(usd("5.00")), received_on="2026-01-15")


def test_an_unknown_customer_is_refused(desk: Desk) -> None:
    errors = desk.refused_receipt("customer-unknown", usd("5.00"), to_prepayment(usd("5.00")), customer_id=new_id("cus"))

    assert pointers(errors) == ["/customer_id"]


def test_a_check_needs_its_number_and_a_wire_none(desk: Desk) -> None:
    errors = desk.refused_receipt("check-number-missing", usd("5.00"), to_prepayment(usd("5.00")), check_number="")

    assert pointers(errors) == ["/check_number"]


def test_an_unknown_or_inactive_payment_type_is_refused(desk: Desk) -> None:
    wire_type = next(item for item in desk.get("/api/payments/payment-types")["items"] if item["name"] == "Wire")
    desk.call("PATCH", f"/api/payments/payment-types/{wire_type['id']}", {"version": 1, "active": False})

    unknown = desk.refused_receipt("payment-type-unknown", usd("5.00"), to_prepayment(usd("5.00")), payment_type="Barter")
    inactive = desk.refused_receipt("payment-type-inactive", usd("5.00"), to_prepayment(usd("5.00")), payment_type="Wire")

    assert pointers(unknown) == pointers(inactive) == ["/payment_type"]


def test_a_deposit_group_is_refused_where_no_deposit_is_needed(desk: Desk) -> None:
    errors = desk.refused_receipt(
        "deposit-group-not-needed", usd("5.00"), to_prepayment(usd("5.00")), payment_type="Wire", deposit_group="Checks"
    )

    assert pointers(errors) == ["/deposit_group"]


def test_another_cash_account_is_refused_unless_the_type_allows_a_clearing_account(desk: Desk) -> None:
    def refused(problem: str, account: str, payment_type: str) -> list[str]:
        more: dict[str, Any] = {"payment_type": payment_type, "cash_account": account}
        return pointers(desk.refused_receipt(problem, usd("5.00"), to_prepayment(usd("5.00")), **more))

    assert refused("cash-account-fixed", "1081", "Wire") == ["/cash_account"]
    assert refused("cash-account-fixed", "1081", "Check") == ["/cash_account"]
    free = {"name": "Gateway", "needs_deposit": False, "cash_account": "1080", "allows_cash_account_override": True}
    desk.write("payment-types", free)
    assert refused("clearing-account-needed", "1010", "Gateway") == ["/cash_account"]
    assert refused("account-unknown", "9999", "Gateway") == ["/cash_account"]
    made = desk.receive(usd("5.00"), to_prepayment(usd("5.00")), payment_type="Gateway", cash_account="1081")
    assert made["cash_account"] == "1081"


def test_a_type_whose_clearing_account_is_not_active_takes_nothing(desk: Desk) -> None:
    desk.deactivate("1080")

    errors = desk.refused_receipt("account-inactive", usd("5.00"), to_prepayment(usd("5.00")), payment_type="Wire")

    assert pointers(errors) == ["/payment_type"]


def test_all_faults_are_named_at_once_and_nothing_is_written(desk: Desk) -> None:
    small, others = desk.invoice(usd("10.00")), desk.invoice(customer_id=desk.customer("OTHER"))
    desk.close_period("2026-01-31")

    errors = desk.refused_receipt(
        "invalid-input",
        usd("500.00"),
        to_invoice(small, usd("20.00")),
        to_invoice(others, usd("20.00")),
        to_invoice(new_id("inv"), usd("20.00")),
        to_account("1100", usd("20.00")),
        received_on="2026-01-16",
        customer_id=desk.acme,
        check_number="",
    )

    assert sorted(pointers(errors)) == [
        "/check_number",
        "/lines",
        "/lines/0/amount",
        "/lines/1/invoice_id",
        "/lines/2/invoice_id",
        "/lines/3/account",
        "/received_on",
        "/received_on",
    ]
    assert desk.get("/api/payments/receipts")["items"] == []
    assert desk.open_on(small) == 1000


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"amount": {"amount": 0, "currency": "USD"}}, "/amount/amount"),
        ({"amount": {"amount": -1, "currency": "USD"}}, "/amount/amount"),
        ({"amount": {"amount": 10.5, "currency": "USD"}}, "/amount/amount"),
        ({"amount": {"amount": 2**53, "currency": "USD"}}, "/amount/amount"),
        ({"amount": {"amount": 10, "currency": "ZZZ"}}, "/amount/currency"),
        ({"customer_id": "acme"}, "/customer_id"),
        ({"customer_id": None}, "/customer_id"),
        ({"received_on": "2026-02-30"}, "/received_on"),
        ({"unheard_of": 1}, "/unheard_of"),
        ({"overpayment": "keep"}, "/overpayment"),
        ({"lines": [{"kind": "invoice", "amount": {"amount": 1, "currency": "USD"}}]}, "/lines/0/invoice_id"),
        ({"lines": [{"kind": "account", "amount": {"amount": 1, "currency": "USD"}}]}, "/lines/0/account"),
        ({"lines": [{"kind": "prepayment", "account": "4000", "amount": {"amount": 1, "currency": "USD"}}]}, "/lines/0/account"),
        ({"lines": [{"kind": "tip", "amount": {"amount": 1, "currency": "USD"}}]}, "/lines/0/kind"),
        ({"lines": [{"kind": "prepayment", "amount": {"amount": 1, "currency": "USD"}}] * 501}, "/lines"),
    ],
)
def test_a_receipt_of_the_wrong_shape_is_refused_at_its_place(desk: Desk, change: dict[str, Any], pointer: str) -> None:
    body = {**desk.asked(usd("5.00"), to_prepayment(usd("5.00"))), **change}

    answer = desk.call("POST", "/api/payments/receipts", body)

    assert answer.status_code == 422, answer.text
    assert pointer in pointers(answer.json()["errors"])


def test_a_receipt_needs_an_idempotency_key(desk: Desk) -> None:
    body = desk.asked(usd("5.00"), to_prepayment(usd("5.00")))

    desk.refuse("receipts", body, "idempotency-key-missing", status=400, key="")


def test_posting_voiding_and_reading_are_rights_of_their_own(desk: Desk) -> None:
    made = desk.receive(usd("5.00"), to_prepayment(usd("5.00")))
    poster = desk.may_only("payments.receipt.post", "payments.receipt.read")
    void = f"/api/payments/receipts/{made['id']}/void"

    poster.refused(void, {"reason": "no"}, status=403, problem="permission-missing")
    desk.may_only("payments.receipt.read").refused("/api/payments/receipts", {}, status=403, problem="permission-missing")
    desk.may_only("payments.receipt.void").refused(
        "/api/payments/receipts", None, method="GET", status=403, problem="permission-missing"
    )
    assert desk.may_only("payments.receipt.void").call("POST", void, {"reason": "yes"}).status_code == 200
