"""The second wall: what the database itself refuses, whatever the code may do."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from services.payments.tests.desk import Desk, to_invoice, to_prepayment
from shared.db import constraint, sqlstate
from shared.ids import new_id
from shared.testing import usd

FACTS = ("receipt", "receipt_line", "application", "prepayment", "prepayment_application", "receipt_void", "displacement")


def refused(desk: Desk, statement: str, *values: Any, role: str = "worker") -> DBAPIError:
    with pytest.raises(DBAPIError) as caught:
        desk.sql(statement, *values, role=role)
    return caught.value


ADD_APPLICATION = (
    "insert into app.application (company_id, id, receipt_id, invoice_id, currency, amount, posting_on, event_id, line) "
    "values (%s, %s, %s, %s, 'USD', %s, '2026-01-10', 'evt', 1)"
)


def test_no_more_than_an_invoices_total_is_ever_applied(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    receipt = desk.receive(usd("60.00"), to_invoice(invoice, usd("60.00")))["id"]

    error = refused(desk, ADD_APPLICATION, desk.id, new_id("app"), receipt, invoice, 4001, role="api")

    assert constraint(error) == "never_over_applied"


def test_a_prepayment_is_never_negative(desk: Desk) -> None:
    made = desk.receive(usd("60.00"), to_prepayment(usd("60.00")))
    invoice = desk.invoice(usd("100.00"))
    lot = made["prepayments"][0]["id"]

    error = refused(
        desk,
        """
        with whole as (
            insert into app.prepayment_application (company_id, id, customer_id, currency, amount, applied_on, posting_on,
                content_hash, event_id, created_by)
            values (%s, %s, %s, 'USD', 6001, '2026-01-10', '2026-01-10', '', 'evt', 't') returning id)
        insert into app.application (company_id, id, receipt_id, invoice_id, prepayment_id, prepayment_application_id, currency,
            amount, posting_on, event_id, line)
        select %s, %s, %s, %s, %s, id, 'USD', 6001, '2026-01-10', 'evt', 1 from whole
        """,
        desk.id,
        new_id("pra"),
        desk.acme,
        desk.id,
        new_id("app"),
        made["id"],
        invoice,
        lot,
        role="api",
    )

    assert constraint(error) == "prepayment_never_negative"


def test_a_receipt_without_lines_or_with_one_line_more_is_out_of_balance(desk: Desk) -> None:
    made = desk.receive(usd("60.00"), to_prepayment(usd("60.00")))

    alone = refused(
        desk,
        """
        insert into app.receipt (company_id, id, customer_id, payer_name, received_on, posting_on, payment_type_id, payment_type,
            needs_deposit, deposit_group, check_number, currency, amount, notes, content_hash, event_id, created_by)
        select company_id, %s, customer_id, payer_name, received_on, posting_on, payment_type_id, payment_type, needs_deposit,
            deposit_group, check_number, currency, amount, notes, content_hash, event_id, created_by
        from app.receipt where id = %s
        """,
        new_id("rct"),
        made["id"],
        role="api",
    )
    more = refused(
        desk,
        "insert into app.receipt_line (company_id, receipt_id, line, kind, amount, account, notes) "
        "values (%s, %s, 2, 'account', 1, '4000', '')",
        desk.id,
        made["id"],
        role="api",
    )

    assert "is out of balance" in str(alone)
    assert "is out of balance" in str(more)


def test_no_more_is_displaced_than_was_applied_and_nothing_of_a_void_receipt(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    made = desk.receive(usd("160.00"), to_invoice(invoice, usd("60.00")), to_prepayment(usd("100.00")))
    lot, application = made["prepayments"][0]["id"], made["applications"][0]["id"]
    displace = (
        "insert into app.displacement (company_id, application_id, receipt_id, amount, prepayment_id, caused_by, occurred_on, "
        "posting_on, event_id) values (%s, %s, %s, %s, %s, 'evt', '2026-01-10', '2026-01-10', 'evt')"
    )

    too_much = refused(desk, displace, desk.id, application, made["id"], 6001, lot)
    desk.void(made["id"])
    of_void = refused(desk, displace, desk.id, application, made["id"], 1, lot)

    assert "no more can be displaced" in str(too_much)
    assert "no more can be displaced" in str(of_void)


def test_an_application_is_displaced_once_and_a_receipt_voided_once(desk: Desk) -> None:
    invoice = desk.invoice(usd("100.00"))
    made = desk.receive(usd("60.00"), to_invoice(invoice, usd("60.00")))
    desk.displace(made["applications"][0]["id"], usd("10.00"))
    desk.void(made["id"])

    again = refused(desk, "insert into app.displacement select * from app.displacement where company_id = %s", desk.id)
    void = refused(desk, "insert into app.receipt_void select * from app.receipt_void where company_id = %s", desk.id, role="api")

    assert constraint(again) == "displacement_pkey"
    assert constraint(void) == "receipt_void_pkey"


@pytest.mark.parametrize("table", FACTS)
def test_facts_are_neither_changed_nor_removed(desk: Desk, table: str) -> None:
    for role in ("api", "worker"):
        for statement in (f"update app.{table} set company_id = 0", f"delete from app.{table}", f"truncate app.{table}"):
            assert sqlstate(refused(desk, statement, role=role)) == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "update app.open_invoice set applied = 0",
        "update app.prepayment_balance set remaining = 1",
        "insert into app.prepayment_balance select * from app.prepayment_balance",
        "delete from app.open_invoice",
    ],
)
def test_balances_follow_the_facts_and_are_written_by_nobody(desk: Desk, statement: str) -> None:
    for role in ("api", "worker"):
        assert sqlstate(refused(desk, statement, role=role)) == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "update copies.invoice set voided = false",
        "update copies.customer set name = 'x'",
        "delete from copies.deposited_receipt",
        "insert into copies.customer (company_id, id, code, name) values (1, 'cus', 'c', 'n')",
    ],
)
def test_copies_are_written_by_the_worker_alone(desk: Desk, statement: str) -> None:
    assert sqlstate(refused(desk, statement, role="api")) == "42501"
