"""Money applied by many at once, events that cross on their way, and reports of the past that do not change."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from shared.testing import usd, wire
from tests.integration.faults.business import (
    Office,
    application_of,
    at_once,
    deposit_of,
    invoice_of,
    prepaid,
    receipt_of,
    seeded,
    to_invoice,
)

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def customer(office: Office) -> str:
    """Known to all."""
    made = office.customer()
    office.settle()
    return made


@pytest.fixture
def bank(office: Office) -> str:
    return str(office.company.get("/api/banking/bank-accounts")["items"][0]["id"])


def receipt(office: Office, customer: str, amount: str, *lines: dict[str, Any], day: str = "2026-01-06") -> str:
    return str(office.post("payments/receipts", receipt_of(customer, amount, *lines, day=day))["id"])


def void(office: Office, path: str, day: str = "2026-01-09") -> Any:
    return office.post(f"{path}/void", {"reason": "wrong", "voided_on": day})


@pytest.mark.matrix("T12")
def test_of_a_hundred_at_once_who_take_thirty_from_a_thousand_thirty_three_get_it(office: Office, customer: str) -> None:
    drained = "select min(remaining), sum(remaining) from app.prepayment_balance where company_id = %s"
    invoices = at_once(*(partial(office.until_answered, "billing/invoices", invoice_of(customer, "30.00")) for _ in range(20)))
    while len(invoices) < 100:
        invoices.append(office.until_answered("billing/invoices", invoice_of(customer, "30.00")))
    receipt(office, customer, "1000.00", prepaid("1000.00"))
    office.settle()
    path = "payments/prepayment-applications"

    asked = [partial(office.until_answered, path, application_of(customer, (made.json["id"], "30.00"))) for made in invoices]
    answers = at_once(*asked)

    assert Counter((answer.status, answer.problem) for answer in answers) == {(201, ""): 33, (409, "prepayment-exceeded"): 67}
    with office.house.owner("payments") as owner:
        assert owner.execute(drained, (office.company.id,)).fetchall() == [(1000, 1000)]
    office.sound()
    balances = office.company.get("/api/payments/prepayment-balances")["items"]
    assert [item["remaining"] for item in balances] == [wire(usd("10.00"))]


def paid_after_its_void(office: Office, customer: str, bank: str) -> Counter[str]:
    """Two receipts for an invoice that was void when they were posted."""
    invoice = office.invoice(customer, "50.00")
    office.settle()
    void(office, f"billing/invoices/{invoice}")
    receipt(office, customer, "30.00", to_invoice(invoice, "30.00"))
    receipt(office, customer, "20.00", to_invoice(invoice, "20.00"))
    return Counter(displacement=2)


def voided_before_it_was_displaced(office: Office, customer: str, bank: str) -> Counter[str]:
    """The receipt is void before payments hears that its money did not fit."""
    invoice = office.invoice(customer, "50.00")
    office.settle()
    void(office, f"billing/invoices/{invoice}")
    paying = receipt(office, customer, "50.00", to_invoice(invoice, "50.00"))
    void(office, f"payments/receipts/{paying}")
    return Counter()


def voided_after_it_was_displaced(office: Office, customer: str, bank: str) -> Counter[str]:
    """The displaced money is applied elsewhere, and then the receipt is void: that other invoice is open again."""
    invoice, other = office.invoice(customer, "50.00"), office.invoice(customer, "70.00")
    office.settle()
    void(office, f"billing/invoices/{invoice}")
    paying = receipt(office, customer, "50.00", to_invoice(invoice, "50.00"))
    office.settle()
    office.post("payments/prepayment-applications", application_of(customer, (other, "40.00"), day="2026-01-10"))
    void(office, f"payments/receipts/{paying}", day="2026-01-11")
    return Counter(displacement=1)


def prepayment_of_a_void_receipt(office: Office, customer: str, bank: str) -> Counter[str]:
    """A prepayment goes to an invoice that is being voided, and its receipt is voided before anybody hears of either."""
    invoice = office.invoice(customer, "50.00")
    kept = receipt(office, customer, "60.00", prepaid("60.00"))
    office.settle()
    void(office, f"billing/invoices/{invoice}")
    office.post("payments/prepayment-applications", application_of(customer, (invoice, "50.00"), day="2026-01-09"))
    void(office, f"payments/receipts/{kept}")
    return Counter(line=1)


def banked_twice_around_a_void(office: Office, customer: str, bank: str) -> Counter[str]:
    """A receipt is voided; banking, which has not heard, voids its deposit and banks it again."""
    one = receipt(office, customer, "25.00", prepaid("25.00"))
    office.settle()
    first = office.post("banking/deposits", deposit_of(bank, one))["id"]
    void(office, f"payments/receipts/{one}")
    void(office, f"banking/deposits/{first}", day="2026-01-08")
    office.post("banking/deposits", deposit_of(bank, one, day="2026-01-10"))
    return Counter(line=1)


def displaced_and_banked(office: Office, customer: str, bank: str) -> Counter[str]:
    """Where its money counts and where it lies are two things: a displaced receipt is banked like any other."""
    invoice = office.invoice(customer, "50.00")
    office.settle()
    paying = receipt(office, customer, "50.00", to_invoice(invoice, "50.00"))
    void(office, f"billing/invoices/{invoice}")
    office.settle()
    office.post("banking/deposits", deposit_of(bank, paying))
    return Counter(displacement=1)


CROSSINGS = (
    paid_after_its_void,
    voided_before_it_was_displaced,
    voided_after_it_was_displaced,
    prepayment_of_a_void_receipt,
    banked_twice_around_a_void,
    displaced_and_banked,
)


@pytest.mark.matrix("28", times=len(CROSSINGS))
@pytest.mark.matrix("38", times=len(CROSSINGS))
@pytest.mark.parametrize("first", [(), ("payments", "banking"), ("billing", "ledger")], ids=["all", "payers", "billers"])
def test_facts_that_cross_are_settled_whoever_hears_of_them_first(office: Office, bank: str, first: tuple[str, ...]) -> None:
    expected: Counter[str] = Counter()
    for cross in CROSSINGS:
        customer = office.customer(cross.__name__)
        office.settle()
        expected += cross(office, customer, bank)
        if first:
            office.house.pump(only=first)
        office.settle()

        with office.house.owner("payments") as owner:
            query = "select origin from app.prepayment where company_id = %s"
            found = Counter(row[0] for row in owner.execute(query, (office.company.id,)).fetchall())
        assert found == expected, cross.__doc__
    office.sound()


LAST_DAY, DAYS, ASKED = date(2026, 1, 4), 400, 40
REPORTS = (
    "/api/billing/aging?as_of={day}",
    "/api/billing/aging?as_of={day}&basis=invoice&by=customer",
    "/api/billing/open-items?as_of={day}&limit=200",
    "/api/ledger/trial-balance?as_of={day}",
    "/api/banking/bank-accounts/{bank}?as_of={day}",
)


def month_of_business(office: Office, customers: list[str], bank: str, days: list[date]) -> list[tuple[str, date]]:
    """Documents on these days. Returns what can be voided, each with its day."""
    made: list[tuple[str, date]] = []
    invoices: list[str] = []
    for number, day in enumerate(sorted(days)):
        one = customers[number % len(customers)]
        invoices.append(office.invoice(one, f"{100 + number}.00", day.isoformat()))
        made.append((f"billing/invoices/{office.invoice(one, '11.00', day.isoformat())}", day))
        office.settle()
        lines = [to_invoice(invoices[-1], "60.00"), prepaid("8.00")]
        banked, waiting = (
            receipt(office, one, "68.00", line, *rest, day=day.isoformat()) for line, *rest in (lines, [prepaid("68.00")])
        )
        office.post("payments/prepayment-applications", application_of(one, (invoices[-1], "5.00"), day=day.isoformat()))
        office.settle()
        office.post("banking/deposits", deposit_of(bank, banked, day=day.isoformat()))
        made += [(f"payments/receipts/{each}", day) for each in (banked, waiting)]
    return made


@pytest.mark.matrix("T11", times=ASKED)
def test_reports_of_past_days_are_the_same_to_the_byte_after_later_postings_and_voids(
    office: Office, customer: str, bank: str
) -> None:
    chance, company = seeded(), office.company
    customers = [customer, office.customer("Harbor")]
    office.settle()
    past = [LAST_DAY - timedelta(days=chance.randrange(DAYS)) for _ in range(8)]
    made = month_of_business(office, customers, bank, past)
    office.settle()
    asked = [LAST_DAY, *(LAST_DAY - timedelta(days=chance.randrange(DAYS)) for _ in range(ASKED - 1))]

    def reports() -> dict[str, bytes]:
        found = {}
        for day in asked:
            for report in REPORTS:
                path = report.format(day=day, bank=bank)
                answer = company.call("GET", path)
                assert answer.status_code == 200, answer.text
                found[path] = answer.content
        return found

    before = reports()
    month_of_business(office, customers, bank, [LAST_DAY + timedelta(days=more) for more in (1, 3, 5)])
    for path, _ in made:
        void(office, path, day="2026-01-12")
    office.settle()
    after = reports()

    changed = [path for path in before if before[path] != after[path]]
    assert changed == []
    assert len(set(before.values())) > len(REPORTS)
    office.sound()
