"""What a deposit asks of each receipt: known, whole, in the bank's currency, not banked already, not received later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from shared.errors import Conflict, Fault, Faults, Invalid, Refusal
from shared.money import CurrencyMismatch


class ReceiptUnknown(Invalid):
    """There is no such receipt that is to be taken to the bank; receipts of clearing payment types are not."""

    code = "receipt-unknown"


class ReceiptIsVoided(Invalid):
    """The receipt was voided; leave it out."""

    code = "receipt-voided"


class ReceiptRepeated(Invalid):
    """A receipt can be deposited once; it is named a second time here."""

    code = "receipt-repeated"


class DepositBeforeReceipt(Invalid):
    """A deposit cannot be dated before a receipt in it was received, or was released by a void; date it later or leave it out."""

    code = "deposit-before-receipt"


class ReceiptsTaken(Conflict):
    """A receipt is in another live deposit already, and it can be in one only; `errors` names each."""

    code = "receipt-already-deposited"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt and where its money lies: it waits, or it is in `deposit_id`, or it is gone (`voided`).

    `waits_from`: its posting day, or the day a deposit of it was voided, where that deposit had it for a day or more.
    """

    id: str
    currency: str
    amount: int
    waits_from: date
    deposit_id: str | None
    voided: bool

    @property
    def waits(self) -> bool:
        """For a deposit."""
        return self.deposit_id is None and not self.voided


@dataclass
class Findings:
    """What is wrong with the deposits of one request: `faults`, and apart from them what other deposits have (`taken`), since
    that alone is a conflict and no fault of the input. `seen`: receipts that were named so far."""

    faults: Faults = field(default_factory=Faults)
    taken: list[Fault] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def refuse(self) -> None:
        """Raises FaultsFound with everything that is wrong; ReceiptsTaken where others were faster and nothing else is."""
        if self.faults:
            self.faults.found += self.taken
            self.faults.refuse()
        if self.taken:
            raise ReceiptsTaken(errors=self.taken)


def check_receipts(
    receipt_ids: Sequence[str],
    known: Mapping[str, Receipt],
    currency: str | None,
    posting_on: date,
    pointer: str,
    findings: Findings,
) -> list[Receipt]:
    """Judges the receipts that one deposit of `posting_on` names, at `pointer`; answers those that it can take.

    `currency` None: the bank account itself is at fault.
    """
    fit: list[Receipt] = []
    for index, receipt_id in enumerate(receipt_ids):
        receipt, place = known.get(receipt_id), f"{pointer}/{index}"
        if receipt_id in findings.seen:
            findings.faults.add(place, ReceiptRepeated(receipt_id=receipt_id))
        elif receipt is None:
            findings.faults.add(place, ReceiptUnknown(receipt_id=receipt_id))
        elif receipt.voided:
            findings.faults.add(place, ReceiptIsVoided(receipt_id=receipt_id))
        elif receipt.deposit_id is not None:
            findings.taken.append(_taken(receipt).fault(place))
        else:
            faults = list(_misfits(receipt, currency, posting_on))
            for fault in faults:
                findings.faults.add(place, fault)
            if not faults:
                fit.append(receipt)
        findings.seen.add(receipt_id)
    return fit


def _taken(receipt: Receipt) -> ReceiptsTaken:
    return ReceiptsTaken(
        f"the receipt is in deposit {receipt.deposit_id} already", receipt_id=receipt.id, deposit_id=receipt.deposit_id
    )


def _misfits(receipt: Receipt, currency: str | None, posting_on: date) -> Iterator[Refusal]:
    if currency is not None and receipt.currency != currency:
        yield CurrencyMismatch(f"the receipt is in {receipt.currency}, the bank account in {currency}", receipt_id=receipt.id)
    if receipt.waits_from > posting_on:
        yield DepositBeforeReceipt(
            f"the receipt waits from {receipt.waits_from}, the deposit is dated {posting_on}",
            receipt_id=receipt.id,
            earliest=receipt.waits_from.isoformat(),
        )
