"""What a deposit asks of each receipt: known, whole, in the bank's currency, not banked already, not received later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from shared.errors import Conflict, Fault, Faults, Invalid


class ReceiptUnknown(Invalid):
    """There is no such receipt that is to be taken to the bank; receipts of clearing payment types are not."""

    code = "receipt-unknown"


class ReceiptIsVoided(Invalid):
    """The receipt was voided; leave it out."""

    code = "receipt-voided"


class ReceiptRepeated(Invalid):
    """A receipt can be deposited once; it is named a second time here."""

    code = "receipt-repeated"


class ReceiptCurrencyDiffers(Invalid):
    """A bank account takes receipts in its own currency only; deposit this one into an account of its currency."""

    code = "currency-mismatch"


class DepositBeforeReceipt(Invalid):
    """A deposit cannot be dated before a receipt in it was received, or was released by a void; date it later or leave it out."""

    code = "deposit-before-receipt"


class ReceiptAlreadyDeposited(Conflict):
    """A receipt is in another deposit already; a receipt is in one live deposit at most."""

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


def check_receipts(
    receipt_ids: Sequence[str],
    known: Mapping[str, Receipt],
    *,
    currency: str | None,
    posting_on: date,
    pointer: str,
    seen: set[str],
    faults: Faults,
) -> tuple[list[Receipt], list[Fault]]:
    """Judges the receipts of one deposit: those that it can take, and a fault for each that another deposit has.

    Anything else that is wrong goes to `faults`. `currency` None: the bank account itself is at fault. `seen` collects the
    ids over all deposits of one request.
    """
    fit: list[Receipt] = []
    taken: list[Fault] = []
    for index, receipt_id in enumerate(receipt_ids):
        place = f"{pointer}/{index}"
        found = known.get(receipt_id)
        if receipt_id in seen:
            faults.add(place, ReceiptRepeated(receipt_id=receipt_id))
        elif found is None:
            faults.add(place, ReceiptUnknown(receipt_id=receipt_id))
        elif found.voided:
            faults.add(place, ReceiptIsVoided(receipt_id=receipt_id))
        elif found.deposit_id is not None:
            refusal = ReceiptAlreadyDeposited(
                f"the receipt is in deposit {found.deposit_id} already", receipt_id=receipt_id, deposit_id=found.deposit_id
            )
            taken.append(refusal.fault(place))
        else:
            if currency is not None and found.currency != currency:
                faults.add(
                    place,
                    ReceiptCurrencyDiffers(
                        f"the receipt is in {found.currency}, the bank account in {currency}", receipt_id=receipt_id
                    ),
                )
            if found.waits_from > posting_on:
                faults.add(
                    place,
                    DepositBeforeReceipt(
                        f"the receipt waits from {found.waits_from}, the deposit is dated {posting_on}",
                        receipt_id=receipt_id,
                        earliest=found.waits_from.isoformat(),
                    ),
                )
            fit.append(found)
        seen.add(receipt_id)
    return fit, taken
