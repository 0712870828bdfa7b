"""The fault matrix as data: what is done to the product, and which rows wait for a feature that is not there yet.

Faults have numbers, tests of what other ledgers promise begin with T, attacks with S.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`waits_for` names the feature without which the row cannot be met; empty where it can."""

    number: str
    what: str
    waits_for: str = ""


CARDS = "card payments by a provider"
MAIL = "sending mail"

MATRIX = (
    Row("1", "ledger killed between the commit of a page and its acknowledgement"),
    Row("2", "ledger killed before the commit of a page"),
    Row("3", "billing killed after the invoice's commit, before its event is published"),
    Row("4", "billing killed inside the allocation of numbers"),
    Row("5", "payments killed after the provider took the charge", CARDS),
    Row("6", "payments killed while one receipt is applied to 40 invoices"),
    Row("7", "banking killed in the middle of importing", "bank statements; the import of deposits stands in"),
    Row("8", "banking killed after the deposit's commit, before its event is published"),
    Row("9", "notifications killed after the mail server accepted", MAIL),
    Row("10", "all services killed at once"),
    Row("11", "ledger stopped for 30 seconds and continued"),
    Row("12", "one of two consumers stopped until the broker gives up on it"),
    Row("13", "two relays, two workers of a service at once"),
    Row("14", "PostgreSQL killed and started again"),
    Row("15", "random PostgreSQL sessions terminated"),
    Row("16", "PostgreSQL's disk full"),
    Row("17", "a hot row locked, the database slow"),
    Row("18", "serialization failures and deadlocks"),
    Row("19", "connection to PostgreSQL cut in the middle of COMMIT"),
    Row("20", "connection to RabbitMQ cut while confirms are outstanding"),
    Row("21", "packets vanish instead of a cut"),
    Row("22", "RabbitMQ killed and started again"),
    Row("23", "mail server drops the connection before its answer", MAIL),
    Row("24", "RabbitMQ's data wiped"),
    Row("25", "RabbitMQ's disk alarm"),
    Row("26", "binding or queue deleted"),
    Row("27", "every message delivered three times"),
    Row("28", "messages reordered"),
    Row("29", "old messages replayed"),
    Row("30", "poison messages"),
    Row("31", "the provider's webhooks replayed", CARDS),
    Row("32", "the provider answers with timeouts and errors", CARDS),
    Row("33", "the provider asked again after a day", CARDS),
    Row("34", "disputes and payouts in every order", CARDS),
    Row("35", "clocks of services apart by hours to a year"),
    Row("36", "daylight saving, month end, leap day", "recurring work by the calendar"),
    Row("37", "a period closed while postings are in flight"),
    Row("38", "two people at the same receipt, invoice or deposit"),
    Row("39", "two versions at once", "a second version"),
    Row("40", "one service's database restored to ten minutes ago"),
    Row("T1", "seeded runs of the whole system in one process"),
    Row("T2", "a client's own id makes a retry the same object"),
    Row("T3", "one key: same body, other body, 50 at once"),
    Row("T4", "one byte flipped in the journal is found and named"),
    Row("T5", "the provider's signatures", CARDS),
    Row("T6", "the provider's events in any order, several times", CARDS),
    Row("T7", "the provider's events before what they are about", CARDS),
    Row("T8", "webhooks answered while the broker is away", CARDS),
    Row("T9", "400 days of recurring work by a moved clock", "recurring work by the calendar"),
    Row("T10", "a charge whose outcome is unknown", CARDS),
    Row("T11", "a report as of a past day stays what it was"),
    Row("T12", "100 applications of one prepayment at once"),
    Row("T13", "killed between every two steps of an event's way"),
    Row("T14", "an old event taken in again has no effect"),
    Row("T15", "events that are not published show as a metric"),
    Row("T16", "queues, messages and confirms as they must be"),
    Row("T17", "one poison event among ten thousand"),
    Row("T18", "a binding deleted, all bindings deleted"),
    Row("T19", "transfers in the ledger, every whole reading sums up"),
    Row("T20", "receivables as transfers, reports tie at any moment"),
    Row("S1", "ids of other companies and customers on every route"),
    Row("S2", "fields beyond the role"),
    Row("S3", "every route by every role"),
    Row("S4", "forged webhooks", CARDS),
    Row("S5", "guessed and used payment links", "payment links"),
    Row("S6", "changed amounts of payments", CARDS),
    Row("S7", "formulas in exports", "exports to spreadsheets"),
    Row("S8", "hostile XML", "imports of XML"),
    Row("S9", "hostile bank files", "bank statements"),
    Row("S10", "templates in texts", "templates"),
    Row("S11", "files and addresses in documents that are drawn", "drawn documents"),
    Row("S12", "outgoing calls to inner addresses", "outgoing webhooks"),
    Row("S13", "scripts in stored texts", "pages that show documents"),
    Row("S14", "SQL in every filter, sort and parameter"),
    Row("S15", "rates and sizes"),
    Row("S16", "the audit trail: unchangeable, complete, its actor from the token"),
    Row("S17", "internal traffic from outside"),
    Row("S18", "one person on both sides of an approval", "approvals"),
    Row("S19", "secrets and personal data in logs, queues and errors"),
    Row("S20", "card data", CARDS),
    Row("S21", "hostile attachments", "attachments"),
    Row("S22", "sessions and forged cross-site requests", "pages that sign in"),
)
ROWS = {row.number: row for row in MATRIX}
