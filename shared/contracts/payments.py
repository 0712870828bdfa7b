"""Facts that payments publishes."""

from datetime import date
from typing import Literal

import msgspec

from shared.contracts import Fact, fact


class ReceiptLine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a part of a receipt's money went.

    kind `invoice`: `application_id` and `invoice_id`. kind `prepayment`: `prepayment_id`. kind `account`: `account`.
    In a void an `invoice` line may also carry the `prepayment_id` whose money was applied.
    """

    kind: Literal["invoice", "prepayment", "account"]
    amount: int
    application_id: str | None = None
    invoice_id: str | None = None
    prepayment_id: str | None = None
    account: str | None = None


class ReceiptContent(Fact, frozen=True, kw_only=True):
    receipt_id: str
    customer_id: str
    currency: str
    occurred_on: date
    posting_on: date
    amount: int
    needs_deposit: bool
    cash_account: str | None
    """None stands for the role `undeposited`; else the clearing account of a payment type that needs no deposit."""
    lines: list[ReceiptLine]


@fact("payments.receipt.posted")
class ReceiptPosted(ReceiptContent, frozen=True, kw_only=True):
    """Money was received and set against invoices, prepayments or accounts; the lines sum to `amount`.

    Subject: the receipt's id, `rct_…`.
    """

    payment_type: str
    deposit_group: str | None = None
    check_number: str = ""


@fact("payments.receipt.voided")
class ReceiptVoided(ReceiptContent, frozen=True, kw_only=True):
    """The receipt counts no longer. `lines` say where its money is at this moment (live applications, also of its
    prepayments, what is left of its prepayments, accounts) and sum to `amount`; `reverses` is the event that posted it."""

    reverses: str
    reason: str


class PrepaymentApplication(msgspec.Struct, frozen=True, kw_only=True):
    application_id: str
    prepayment_id: str
    receipt_id: str
    invoice_id: str
    amount: int


@fact("payments.prepayment.applied")
class PrepaymentApplied(Fact, frozen=True, kw_only=True):
    """Prepaid money of one customer was set against invoices. Subject: `pra_…`."""

    prepayment_application_id: str
    customer_id: str
    currency: str
    occurred_on: date
    posting_on: date
    amount: int
    applications: list[PrepaymentApplication]


@fact("payments.application.displaced")
class ApplicationDisplaced(Fact, frozen=True, kw_only=True):
    """`amount` of an application did not fit its invoice and is a prepayment (`prepayment_id`) of the customer again."""

    application_id: str
    receipt_id: str
    invoice_id: str
    prepayment_id: str
    customer_id: str
    currency: str
    occurred_on: date
    posting_on: date
    amount: int
