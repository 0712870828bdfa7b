"""The answer that each posting service gives to a closing; one event type per service."""

from datetime import date

from shared.contracts import Fact, fact


class PeriodStopped(Fact, frozen=True, kw_only=True):
    """This service posts nothing more on or before `through`; its log up to this event holds all that it did post."""

    close_id: str
    through: date


@fact("billing.period.stopped")
class BillingPeriodStopped(PeriodStopped, frozen=True, kw_only=True):
    pass


@fact("payments.period.stopped")
class PaymentsPeriodStopped(PeriodStopped, frozen=True, kw_only=True):
    pass


@fact("banking.period.stopped")
class BankingPeriodStopped(PeriodStopped, frozen=True, kw_only=True):
    pass


STOPPED_BY: dict[str, type[PeriodStopped]] = {
    "billing": BillingPeriodStopped,
    "payments": PaymentsPeriodStopped,
    "banking": BankingPeriodStopped,
}
