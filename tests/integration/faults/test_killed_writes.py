"""Services that are killed in the middle of a write: all of it is there or nothing, and sent again it is there once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from shared.ids import new_id
from tests.integration.faults.business import (
    TIMES,
    Answer,
    Apis,
    Office,
    at_once,
    deposit_of,
    deposit_rows,
    invoice_of,
    invoice_rows,
    receipt_of,
    receipt_rows,
    seeded,
    to_invoice,
)
from tests.product import House

Clerks = Callable[..., Office]
ISSUES, INVOICES = 20, 40
ROWS = 10_000 if TIMES > 1 else 2_000
AT_ONCE = 1_000 if TIMES > 1 else 500

pytestmark = pytest.mark.timeout(120 + 60 * TIMES)


def rows_of(house: House, service: str, query: str, *values: Any) -> list[Any]:
    with house.owner(service) as owner:
        return owner.execute(query, values).fetchall()


@pytest.mark.matrix("4", times=2 * TIMES)
def test_numbers_have_no_gap_and_no_double_where_billing_dies_in_the_middle_of_twenty_issues(clerks: Clerks, apis: Apis) -> None:
    office, chance = clerks("billing"), seeded()
    customer = office.customer()
    series = "select from app.document_series where company_id = %s for update"
    office.invoice(customer, "10.00")
    numbers: set[str] = set()
    for attempt in range(2 * TIMES):
        keys = [new_id("idk") for _ in range(ISSUES)]
        issues = [partial(office.send, "billing/invoices", invoice_of(customer, "10.00"), key) for key in keys]
        if attempt % 2:
            with apis.killed_after("billing", chance.uniform(0, 0.05)):
                at_once(*issues)
        else:
            with apis.killed_while_it_waits("billing", series, (office.company.id,), sessions=5):
                lost = at_once(*issues)
            assert {answer.status for answer in lost} == {None}
        apis.start("billing")

        answers = [office.until_answered("billing/invoices", invoice_of(customer, "10.00"), key) for key in keys]

        assert {answer.status for answer in answers} == {201}
        assert not numbers & {answer.json["number"] for answer in answers}
        numbers |= {answer.json["number"] for answer in answers}
    assert numbers == {f"INV-{number:06}" for number in range(2, 2 + ISSUES * 2 * TIMES)}
    office.sound()


@pytest.mark.matrix("6", times=2 * TIMES)
def test_a_receipt_over_forty_invoices_is_applied_to_all_or_to_none_where_payments_dies(clerks: Clerks, apis: Apis) -> None:
    office, chance = clerks("billing", "payments"), seeded()
    customer = office.customer()
    company = office.company.id
    applied = "select count(*) from app.application where company_id = %s and receipt_id = %s"
    for attempt in range(2 * TIMES):
        made = at_once(*(partial(office.until_answered, "billing/invoices", invoice_of(customer, "9.00")) for _ in range(8)))
        while len(made) < INVOICES:
            made.append(office.until_answered("billing/invoices", invoice_of(customer, "9.00")))
        invoices = sorted(answer.json["id"] for answer in made)
        office.settle()
        receipt, key = new_id("rct"), new_id("idk")
        body = receipt_of(customer, "360.00", *(to_invoice(invoice, "9.00") for invoice in invoices), id=receipt)
        if attempt % 2:  # all is written, its event is not
            lock: tuple[str, Sequence[Any]] = ("lock table log.event in share mode", ())
        else:  # some of the invoices are locked, one of them by another
            one = invoices[chance.randrange(0, INVOICES, 5)]
            lock = ("select from app.open_invoice where company_id = %s and invoice_id = %s for update", (company, one))
        with apis.killed_while_it_waits("payments", *lock):
            assert office.send("payments/receipts", body, key).status is None
        assert rows_of(office.house, "payments", applied, company, receipt) == [(0,)]
        apis.start("payments")

        assert office.until_answered("payments/receipts", body, key).status == 201

        assert rows_of(office.house, "payments", applied, company, receipt) == [(INVOICES,)]
        office.sound()


@pytest.mark.matrix("7", times=3)
def test_an_import_that_dies_on_its_way_is_sent_again_and_brings_each_row_once(clerks: Clerks, apis: Apis) -> None:
    office, chance = clerks("billing", "payments", "banking"), seeded()
    known = "select count(*), count(distinct external_id) from app.{} where company_id = %s and source is not null"

    bring(office, apis, "billing/imports/invoices", invoice_rows(ROWS), chance.choice((0.1, 0.5, 0.9)))
    assert rows_of(office.house, "billing", known.format("invoice"), office.company.id) == [(ROWS, ROWS)]
    office.settle()
    bring(office, apis, "payments/imports/receipts", receipt_rows(ROWS), chance.choice((0.1, 0.5, 0.9)))
    assert rows_of(office.house, "payments", known.format("receipt"), office.company.id) == [(ROWS, ROWS)]
    office.settle()
    query = "select receipt_id from app.receipt_place where company_id = %s order by 1"
    receipts = [row[0] for row in rows_of(office.house, "banking", query, office.company.id)]
    bring(office, apis, "banking/imports/deposits", deposit_rows(receipts), chance.choice((0.1, 0.5, 0.9)))
    assert rows_of(office.house, "banking", known.format("deposit_import"), office.company.id) == [(ROWS, ROWS)]
    office.sound()


def bring(office: Office, apis: Apis, path: str, rows: list[dict[str, Any]], share: float) -> None:
    """Imports the rows; the service dies with the request that brings this share of them, and another client begins anew."""
    service = path.partition("/")[0]
    parts = [rows[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE)]
    last = int(share * len(parts))
    for part in parts[:last]:
        assert office.until_answered(path, {"rows": part}).json["added"] == len(part)
    with apis.killed_while_it_waits(service, "lock table log.event in share mode", ()):
        assert office.send(path, {"rows": parts[last]}).status is None
    apis.start(service)
    again = [office.until_answered(path, {"rows": part}) for part in parts]
    assert [(answer.status, answer.json["added"]) for answer in again] == [
        (200, 0 if place < last else len(part)) for place, part in enumerate(parts)
    ]


@pytest.mark.matrix("8", times=TIMES)
def test_receipts_of_a_deposit_that_nobody_has_heard_of_yet_are_not_free_for_a_second(clerks: Clerks, apis: Apis) -> None:
    office = clerks("billing", "payments", "banking")
    customer, bank = office.customer(), office.company.get("/api/banking/bank-accounts")["items"][0]["id"]
    office.settle()
    for _ in range(TIMES):
        receipts = [office.post("payments/receipts", receipt_of(customer, "5.00", PREPAID))["id"] for _ in range(2)]
        office.settle()
        apis.kill("banking")
        apis.start("banking", DUEBOOK_CRASH_AT="http.after_commit")
        key, body = new_id("idk"), deposit_of(bank, *receipts)
        assert office.send("banking/deposits", body, key).status is None
        apis.kill("banking")  # its web worker has died, and a new one would die too
        unpublished = rows_of(office.house, "banking", "select count(*) from log.event where seq is null")
        assert unpublished == [(1,)]
        apis.start("banking")

        second = office.until_answered("banking/deposits", deposit_of(bank, receipts[1]))
        group = {"bank_account_id": bank, "posting_on": "2026-01-08", "deposit_group": "Checks"}
        rest = office.until_answered("banking/deposits", group)
        retried = office.until_answered("banking/deposits", body, key)

        assert (second.status, second.problem) == (409, "receipt-already-deposited")
        assert (rest.status, rest.problem) == (422, "nothing-waits")
        assert (retried.status, retried.replayed) == (201, True)
        office.sound()


PREPAID = {"kind": "prepayment", "amount": {"amount": 500, "currency": "USD"}}


def test_what_kills_is_seen(clerks: Clerks, apis: Apis) -> None:
    """Else the rest of this file shows nothing."""
    office = clerks("billing")
    customer = office.customer()
    with apis.killed_while_it_waits("billing", "lock table log.event in share mode", ()):
        answer: Answer = office.send("billing/invoices", invoice_of(customer, "1.00"))
    assert answer == Answer(None, None)
    assert office.send("billing/invoices", invoice_of(customer, "1.00")).status is None
    apis.start("billing")
    assert office.send("billing/invoices", invoice_of(customer, "1.00")).status == 201
