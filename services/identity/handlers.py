"""What identity takes in: its own facts of companies, like every other service."""

from shared.common_handlers import keep_identity
from shared.log.handlers import Handlers

handlers = Handlers()
keep_identity(handlers)
