"""How payments says no to an application of money; receipts, prepayments and imports share these."""

from __future__ import annotations

from datetime import date

from shared.context import Context
from shared.errors import Conflict, Faults, Invalid, Refusal
from shared.periods import require_open


class CustomerUnknown(Invalid):
    """There is no such customer; create it in billing or name another."""

    code = "customer-unknown"


class InvoiceUnknown(Invalid):
    """There is no such issued invoice; look at the customer's open invoices."""

    code = "invoice-unknown"


class InvoiceNumberAmbiguous(Invalid):
    """Several invoices have this number; name the one that is meant by its id."""

    code = "invoice-number-ambiguous"


class InvoiceVoid(Invalid):
    """The invoice is void, so nothing can be applied to it; apply to another or take the money as a prepayment."""

    code = "invoice-void"


class InvoiceOfAnotherCustomer(Invalid):
    """The invoice belongs to another customer than the money."""

    code = "invoice-of-another-customer"


class InvoiceTwice(Invalid):
    """An invoice may stand on one line only; put the amounts together."""

    code = "invoice-twice"


class ApplicationExceedsBalance(Conflict):
    """More would be applied to an invoice than is open on it; apply at most what is left, the rest can be a prepayment."""

    code = "application-exceeds-balance"
    rule = "BR-AR-C2"


class PrepaymentExceeded(Conflict):
    """More would be applied than is left of the customer's prepayments; apply at most what is left."""

    code = "prepayment-exceeded"
    rule = "BR-AR-C2"


class DatedInFuture(Invalid):
    """The date lies after today; money counts on the day on which it is there."""

    code = "dated-in-future"


LATE_COMERS: dict[str, type[Refusal]] = {kind.code: kind for kind in (ApplicationExceedsBalance, PrepaymentExceeded)}
"""What a request meets that is right by itself, where somebody else was there first: answered as a conflict."""


def refuse(faults: Faults) -> None:
    """Raises all faults together: as a conflict where every one of them is about a balance that is used up."""
    kinds = [LATE_COMERS.get(fault.code) for fault in faults.found]
    first = kinds[0] if kinds else None
    if first is not None and all(kinds):
        raise first(faults.found[0].detail, errors=faults.found)
    faults.refuse()


def check_date(ctx: Context, day: date, pointer: str, faults: Faults) -> date:
    """The posting date of a document of this day: the same. Adds a fault where it lies in the future or in a closed period."""
    if day > ctx.today():
        faults.add(pointer, DatedInFuture(f"{day} lies after today, {ctx.today()}", today=ctx.today().isoformat()))
    return require_open(ctx, day, pointer, faults)
