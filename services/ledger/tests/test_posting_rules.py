"""The accounting policy, rule by rule."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger import rules_page
from services.ledger.entries.usecases import postings_of
from services.ledger.posting_rules import RULES
from shared.contracts import Fact
from shared.contracts.banking import DepositItem, DepositPosted
from shared.contracts.billing import InvoiceIssued, InvoiceLine
from shared.contracts.ledger import ROLES
from shared.contracts.payments import PrepaymentApplication, PrepaymentApplied, ReceiptLine, ReceiptPosted

CHART = {role: role for role in ROLES}
EXAMPLES = {type(fact): fact for fact in rules_page.EXAMPLES}
AMOUNT = st.integers(1, 10**12)


def lines(fact: Fact) -> list[tuple[str, str, int, str | None]]:
    """Account, side, amount, document."""
    posted = postings_of(RULES[fact.type].lines(fact, CHART))
    return [(account, side, amount, document) for _, account, side, amount, _, document in posted]


def changed(kind: type[Fact], **fields: Any) -> Any:
    """The example event of a kind with other fields."""
    return msgspec.structs.replace(EXAMPLES[kind], **fields)


def test_every_rule_has_an_example_and_every_example_balances() -> None:
    assert {fact.type for fact in rules_page.EXAMPLES} == set(RULES)
    for fact in rules_page.EXAMPLES:
        assert lines(fact)


def test_the_page_of_the_posting_rules_is_current() -> None:
    assert rules_page.PAGE.read_text() == rules_page.page(), "run: python -m services.ledger.rules_page"


def test_an_invoice_debits_receivables_and_credits_each_line_freight_and_tax() -> None:
    assert lines(EXAMPLES[InvoiceIssued]) == [
        ("ar", "debit", 11450, None),
        ("sales", "credit", 8000, None),
        ("4300", "credit", 2000, None),
        ("freight", "credit", 600, None),
        ("sales_tax", "credit", 850, None),
    ]


def test_a_credit_line_of_an_invoice_changes_sides_and_a_line_of_zero_is_left_out() -> None:
    given_lines = [
        InvoiceLine(line=1, description="Steel", amount=8000),
        InvoiceLine(line=2, description="Loyalty", amount=-500, account="4900"),
        InvoiceLine(line=3, description="Gift", amount=0),
    ]

    assert lines(changed(InvoiceIssued, lines=given_lines, freight=0, tax=0, total=7500)) == [
        ("ar", "debit", 7500, None),
        ("sales", "credit", 8000, None),
        ("4900", "debit", 500, None),
    ]


@pytest.mark.parametrize(
    ("posted", "undone"),
    [
        ("billing.invoice.issued", "billing.invoice.voided"),
        ("payments.receipt.posted", "payments.receipt.voided"),
        ("banking.deposit.posted", "banking.deposit.voided"),
        ("ledger.manual_entry.posted", "ledger.manual_entry.reversed"),
    ],
)
def test_a_void_mirrors_what_it_undoes(posted: str, undone: str) -> None:
    of_type = {fact.type: fact for fact in rules_page.EXAMPLES}
    other = {"debit": "credit", "credit": "debit"}

    mirrored = [(account, other[side], amount, document) for account, side, amount, document in lines(of_type[posted])]

    assert lines(of_type[undone]) == mirrored


def test_a_receipt_goes_where_its_lines_say_and_names_what_they_pay() -> None:
    assert lines(EXAMPLES[ReceiptPosted]) == [
        ("undeposited", "debit", 15000, None),
        ("ar", "credit", 11450, "invoice"),
        ("prepayments", "credit", 3000, "prepayment"),
        ("4200", "credit", 550, None),
    ]


def test_a_receipt_of_a_type_that_needs_no_deposit_debits_its_clearing_account() -> None:
    receipt = changed(ReceiptPosted, cash_account="1080", needs_deposit=False)

    assert lines(receipt)[0] == ("1080", "debit", 15000, None)


def test_a_discount_that_a_receipt_gives_is_debited() -> None:
    given_lines = [
        ReceiptLine(kind="invoice", amount=11450, application_id="application", invoice_id="invoice"),
        ReceiptLine(kind="account", amount=-450, account="4900"),
    ]

    assert lines(changed(ReceiptPosted, amount=11000, lines=given_lines)) == [
        ("undeposited", "debit", 11000, None),
        ("ar", "credit", 11450, "invoice"),
        ("4900", "debit", 450, None),
    ]


def test_a_prepayment_is_applied_invoice_by_invoice() -> None:
    parts = [
        PrepaymentApplication(
            application_id=f"app_{n}", prepayment_id="lot", receipt_id="rct", invoice_id=f"inv_{n}", amount=n * 100
        )
        for n in (1, 2)
    ]

    assert lines(changed(PrepaymentApplied, amount=300, applications=parts)) == [
        ("prepayments", "debit", 100, "lot"),
        ("ar", "credit", 100, "inv_1"),
        ("prepayments", "debit", 200, "lot"),
        ("ar", "credit", 200, "inv_2"),
    ]


def test_a_deposit_debits_the_bank_less_the_fee_and_credits_each_receipt() -> None:
    items = [DepositItem(receipt_id="first", amount=10000), DepositItem(receipt_id="second", amount=5000)]

    assert lines(changed(DepositPosted, items=items, total=15000, fee=150)) == [
        ("1010", "debit", 14850, None),
        ("bank_fees", "debit", 150, None),
        ("undeposited", "credit", 10000, "first"),
        ("undeposited", "credit", 5000, "second"),
    ]


def test_a_fee_goes_to_the_account_that_the_deposit_names() -> None:
    assert ("6150", "debit", 150, None) in lines(changed(DepositPosted, fee_account="6150"))


def test_an_entry_that_is_off_is_never_made() -> None:
    with pytest.raises(AssertionError, match="off by 1"):
        lines(changed(InvoiceIssued, total=11451))


@given(
    net=st.lists(st.integers(-(10**9), 10**12), min_size=1, max_size=8), freight=st.integers(0, 10**6), tax=st.integers(0, 10**9)
)
def test_every_invoice_balances(net: list[int], freight: int, tax: int) -> None:
    sold = [InvoiceLine(line=place, description="", amount=amount) for place, amount in enumerate(net, 1)]

    lines(changed(InvoiceIssued, lines=sold, freight=freight, tax=tax, total=sum(net) + freight + tax))


@given(amounts=st.lists(st.tuples(st.sampled_from(["invoice", "prepayment", "account"]), AMOUNT), min_size=1, max_size=8))
def test_every_receipt_balances(amounts: list[tuple[Any, int]]) -> None:
    parts = [ReceiptLine(kind=kind, amount=amount, invoice_id="i", prepayment_id="p", account="4200") for kind, amount in amounts]

    lines(changed(ReceiptPosted, lines=parts, amount=sum(amount for _, amount in amounts)))


@given(amounts=st.lists(AMOUNT, min_size=1, max_size=8), data=st.data())
def test_every_deposit_balances(amounts: list[int], data: Any) -> None:
    fee = data.draw(st.integers(0, sum(amounts)))
    items = [DepositItem(receipt_id=str(place), amount=amount) for place, amount in enumerate(amounts)]

    posted = lines(changed(DepositPosted, items=items, total=sum(amounts), fee=fee))

    assert all(amount > 0 for _, _, amount, _ in posted)


def test_a_rule_knows_whether_its_event_reverses_another() -> None:
    assert {event_type for event_type, rule in RULES.items() if rule.reverses} == {
        "billing.invoice.voided",
        "payments.receipt.voided",
        "banking.deposit.voided",
        "ledger.manual_entry.reversed",
    }
