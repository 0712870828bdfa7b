"""Stored figures against the facts: what was changed behind the database's back is found and named."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from services.payments.tests.desk import Desk, from_prepayment, to_invoice, to_prepayment
from shared.testing import usd


def tamper(desk: Desk, statement: str) -> None:
    """Runs a statement as a superuser with triggers off, as somebody with the disk in his hands could."""
    database = desk.house.assembly.urls["payments"]["owner"].rpartition("/")[2]
    with psycopg.connect(desk.house.admin_url.rpartition("/")[0] + "/" + database) as admin:
        admin.execute("set session_replication_role = replica")
        done = admin.execute(f"{statement} and company_id = %s", (desk.id,))
        assert done.rowcount == 1


def faults(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.get("/api/payments/verification")["faults"]
    return found


@pytest.mark.parametrize(
    ("change", "named", "detail"),
    [
        (
            "update app.prepayment_balance set remaining = remaining - 1 where true",
            "prepayment",
            "1999 is stored as remaining, its applications leave 2000",
        ),
        ("update app.prepayment set customer_id = 'cus_other' where true", "prepayment", "2000 is stored as remaining"),
        ("update app.open_invoice set applied = applied + 1 where true", "invoice", "7001 is stored as applied to it"),
        ("update app.open_invoice set total = total + 1 where true", "invoice", "it counts as one of 10001, and is of 10000"),
        ("delete from app.open_invoice where true", "invoice", "nothing is stored as applied to it"),
        (
            "update app.application set amount = amount - 1 where prepayment_id is null",
            "invoice",
            "7000 is stored as applied to it, its live applications are 6999",
        ),
        ("delete from app.application where prepayment_id is not null", "prepayment", "its applications leave 3000"),
        ("update app.receipt set amount = amount + 1 where true", "receipt", "accounts have 9000 of it"),
    ],
)
def test_what_differs_is_found_and_its_document_named(desk: Desk, change: str, named: str, detail: str) -> None:
    invoice = desk.invoice(usd("100.00"))
    receipt = desk.receive(usd("90.00"), to_invoice(invoice, usd("60.00")), to_prepayment(usd("30.00")))
    desk.apply(from_prepayment(invoice, usd("10.00")))
    documents = {"invoice": invoice, "receipt": receipt["id"], "prepayment": receipt["prepayments"][0]["id"]}
    assert faults(desk) == []

    tamper(desk, change)

    of_document = [fault["detail"] for fault in faults(desk) if fault["document_id"] == documents[named]]
    assert len(of_document) == 1
    assert detail in of_document[0]


def test_it_takes_a_permission(desk: Desk) -> None:
    desk.may_only("payments.*").get("/api/payments/verification")
    desk.may_only("payments.receipt.read").refused(
        "/api/payments/verification", method="GET", status=403, problem="permission-missing"
    )
