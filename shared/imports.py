"""Bulk imports, which may be sent again at any time, also while the first is still running."""

from __future__ import annotations

from shared.context import Context


def one_import_at_a_time(ctx: Context) -> None:
    """Makes the imports of one company wait for each other, so that the second finds what the first added.

    Call it before anything is read. Two that bring the same rows would otherwise both find them missing, and two that bring
    them in different orders would wait for each other's rows.
    """
    ctx.session.exec_driver_sql("select pg_advisory_xact_lock(hashtextextended('import', %s))", (ctx.company_id,))
