"""What the ledger takes in: documents of every service become entries, companies get a chart, closings are answered.

The ledger follows its own log like any other: manual entries reach the journal by it.
"""

from __future__ import annotations

from services.ledger.accounts.usecases import open_books
from services.ledger.entries.usecases import post_entries
from services.ledger.periods.usecases import take_answer
from services.ledger.posting_rules import RULES
from shared.common_handlers import keep_identity, keep_periods
from shared.contracts import load_all
from shared.contracts.identity import CompanyCreated
from shared.contracts.periods import STOPPED_BY
from shared.log.handlers import Handlers

handlers = Handlers()
keep_identity(handlers)
keep_periods(handlers, answers=False)
handlers.react(CompanyCreated, batch=True)(open_books)
handlers.react(*(load_all()[event_type] for event_type in RULES), batch=True)(post_entries)
handlers.react(*STOPPED_BY.values())(take_answer)
