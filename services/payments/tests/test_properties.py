"""Whatever is asked for, in whatever order: no lot below zero, no more live than was received, balances as the facts say."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.payments.tests.desk import Desk, Producer, from_prepayment, to_invoice, to_prepayment
from shared.clock import MovedClock
from shared.money import Money
from tests.product import House, iso

SEATS = 3
"""How many invoices there are to choose from."""

amounts = st.integers(1, 12_000)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.lists(st.tuples(st.integers(0, SEATS - 1), amounts), max_size=3), st.integers(0, 6_000)),
        st.tuples(st.just("apply"), st.lists(st.tuples(st.integers(0, SEATS - 1), amounts), min_size=1, max_size=2), st.just(0)),
        st.tuples(st.just("void"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("displace"), st.integers(0, 8), amounts),
        st.tuples(st.just("void invoice"), st.integers(0, SEATS - 1), st.just(0)),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(asked=steps)
def test_money_is_in_one_place_at_a_time_and_all_of_it(
    payments_house: House, producers: dict[str, Producer], clock: MovedClock, asked: list[tuple[str, Any, Any]]
) -> None:
    clock.move_to(iso("2026-01-15"))
    desk = Desk(payments_house, payments_house.company().id, "USD").open(producers)
    invoices = [desk.invoice(Money(10_000, "USD")) for _ in range(SEATS)]
    receipts: list[str] = []
    applications: list[str] = []
    for step, first, second in asked:
        if step == "receive":
            lines = [to_invoice(invoices[seat], Money(amount, "USD")) for seat, amount in first]
            total = sum(amount for _, amount in first) + second
            if second:
                lines.append(to_prepayment(Money(second, "USD")))
            if total:
                answer = desk.call("POST", "/api/payments/receipts", desk.asked(Money(total, "USD"), *lines))
                assert answer.status_code in (201, 409, 422), answer.text
                if answer.status_code == 201:
                    receipts.append(answer.json()["id"])
                    applications += [each["id"] for each in answer.json()["applications"]]
        elif step == "apply":
            parts = [from_prepayment(invoices[seat], Money(amount, "USD")) for seat, amount in first]
            answer = desk.call("POST", "/api/payments/prepayment-applications", desk.asked_application(*parts, on="2026-01-15"))
            assert answer.status_code in (201, 409, 422), answer.text
            if answer.status_code == 201:
                applications += [each["id"] for each in answer.json()["applications"]]
        elif step == "void" and first < len(receipts):
            answer = desk.call("POST", f"/api/payments/receipts/{receipts[first]}/void", {"reason": "x"})
            assert answer.status_code in (200, 409), answer.text
        elif step == "displace" and first < len(applications):
            desk.displace(applications[first], Money(second, "USD"))
        elif step == "void invoice":
            desk.void_invoice(invoices[first])
    _check(desk)
    assert desk.parked() == []


def _check(desk: Desk) -> None:
    by_receipt: dict[str, int] = defaultdict(int)
    by_invoice: dict[str, int] = defaultdict(int)
    live = desk.sql(
        "select a.receipt_id, a.invoice_id, a.amount - coalesce(d.amount, 0) from app.application a "
        "left join app.displacement d on d.company_id = a.company_id and d.application_id = a.id "
        "where not exists (select from app.receipt_void v where v.company_id = a.company_id and v.receipt_id = a.receipt_id)"
    )
    for receipt_id, invoice_id, amount in live:
        assert amount >= 0
        by_receipt[receipt_id] += amount
        by_invoice[invoice_id] += amount
    lots = desk.sql(
        "select p.receipt_id, b.remaining from app.prepayment_balance b join app.prepayment p on p.id = b.prepayment_id"
    )
    for receipt_id, remaining in lots:
        assert remaining >= 0
        by_receipt[receipt_id] += remaining
    received = desk.sql(
        "select r.id, r.amount, v.receipt_id is not null from app.receipt r left join app.receipt_void v on v.receipt_id = r.id"
    )
    for receipt_id, amount, voided in received:
        assert by_receipt[receipt_id] == (0 if voided else amount)
    for invoice_id, applied, total in desk.sql("select invoice_id, applied, total from app.open_invoice"):
        assert applied == by_invoice[invoice_id] <= total
    assert sum(remaining for _, remaining in lots) == _prepaid_as_stated(desk)


def _prepaid_as_stated(desk: Desk) -> int:
    """Customer prepayments as the ledger works them out from the log (P3)."""
    rows = desk.sql("select type, body::jsonb -> 'data' from log.event")
    total = 0
    for kind, fact in rows:
        if kind in ("payments.receipt.posted", "payments.receipt.voided"):
            sign = 1 if kind.endswith("posted") else -1
            total += sign * sum(line["amount"] for line in fact["lines"] if line["kind"] == "prepayment")
        elif kind == "payments.prepayment.applied":
            total -= fact["amount"]
        elif kind == "payments.application.displaced":
            total += fact["amount"]
    return total
