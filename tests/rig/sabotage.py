"""Guards of the product, each taken away for the length of a `with`: the rig must turn red without it.

Nothing of this is in the product: functions are patched, and functions of the database replaced, in one world's databases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import psycopg

from services.billing.invoices import store as invoices
from services.payments.invoices import store as payable
from services.payments.prepayments import store as prepayments
from shared.log import consumer
from shared.log.consumer import Consumer
from tests.simulation.bus import Publisher
from tests.simulation.run import Run

Urls = Mapping[str, Mapping[str, str]]


@contextmanager
def position_check_off(urls: Urls) -> Iterator[None]:
    """A page is taken in whatever was taken in before it."""
    with patch.object(consumer, "_fresh", lambda page, position: page.events):
        yield


@contextmanager
def gap_fetch_off(urls: Urls) -> Iterator[None]:
    """What did not come by the bus is not fetched from the producer's log."""
    with patch.object(Consumer, "catch_up", lambda *_: 0):
        yield


@contextmanager
def confirms_off(urls: Urls) -> Iterator[None]:
    """A page counts as published once it was sent, and nobody looks whether a silent producer has said something."""
    with patch.object(Publisher, "confirm", lambda self: None), patch.object(Run, "_look", lambda *_: 0):
        yield


@contextmanager
def lock_before_number_off(urls: Urls) -> Iterator[None]:
    """Events get their numbers in one statement, which chooses them before it has waited for whoever numbers too."""
    with _replaced(urls["billing"]["owner"], "log.number_events(int)", NUMBER_IN_ONE_STATEMENT):
        yield


@contextmanager
def row_lock_off(urls: Urls, meet: Callable[[], Any] = lambda: None) -> Iterator[None]:
    """Money is applied to what is read without a lock, and the database counts without a limit. `meet` is called after the
    reading."""

    def unlocked(function: Callable[..., Any]) -> Callable[..., Any]:
        def read(session: Any, *values: Any) -> Any:
            found = function(_Unlocked(session), *values)
            meet()
            return found

        return read

    with (
        psycopg.connect(urls["payments"]["owner"], autocommit=True) as owner,
        patch.object(payable, "lock", unlocked(payable.lock)),
        patch.object(prepayments, "lock_lots", unlocked(prepayments.lock_lots)),
    ):
        owner.execute("alter table app.open_invoice drop constraint never_over_applied")
        try:
            yield
        finally:
            owner.execute(
                "alter table app.open_invoice add constraint never_over_applied check (applied between 0 and total) not valid"
            )


class _Unlocked:
    """A session whose queries lock nothing."""

    def __init__(self, session: Any):
        self.session = session

    def exec_driver_sql(self, statement: str, values: Any) -> Any:
        return self.session.exec_driver_sql(_LOCKS.sub("", statement), values)


_LOCKS = re.compile(r" for update( of \w+)?")


@contextmanager
def numbers_from_a_sequence(urls: Urls) -> Iterator[None]:
    """Each company's invoices are numbered by a sequence, which does not take a number back. The function stays, for statements
    that are prepared; nothing calls it afterwards."""
    with psycopg.connect(urls["billing"]["owner"], autocommit=True) as owner:
        owner.execute(SEQUENCE)
        with patch.object(invoices, "NEXT_NUMBER", FROM_SEQUENCE):
            yield


SABOTAGES: dict[str, Callable[[Urls], AbstractContextManager[None]]] = {
    "position-check": position_check_off,
    "gap-fetch": gap_fetch_off,
    "confirms": confirms_off,
    "lock-before-number": lock_before_number_off,
    "row-lock": row_lock_off,
    "sequence": numbers_from_a_sequence,
}

NUMBER_IN_ONE_STATEMENT = """
create or replace function log.number_events(at_most int) returns bigint
    language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    with was as (select seq, recorded_at from log.head for update),
    chosen as (
        select id, event_id, row_number() over (order by id) as place
        from (select id, event_id from log.event where seq is null order by id limit at_most) waiting),
    done as (
        update log.event e set seq = was.seq + chosen.place, recorded_at = greatest(clock_timestamp(), was.recorded_at)
        from chosen, was where e.id = chosen.id and e.seq is null returning 1),
    moved as (
        update log.head h set seq = was.seq + n.count, recorded_at = clock_timestamp(), event_id = n.last_id
        from was, (select count(*) as count, (array_agg(event_id order by id desc))[1] as last_id from chosen) n
        where n.count > 0 returning h.seq)
    select coalesce((select seq from moved), (select seq from was)) $$
"""

SEQUENCE = """
create or replace function app.number_from_sequence(company bigint) returns bigint
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    number bigint;
begin
    execute format('create sequence if not exists app.sabotaged_%s', company);
    number := nextval(format('app.sabotaged_%s', company)::regclass);
    insert into app.document_series (company_id, series, last_number) values (company, 'invoice', number)
        on conflict (company_id, series) do update set last_number = excluded.last_number;
    return number;
end $$
"""

FROM_SEQUENCE = """
    select 'own' as series, n as series_number, 'INV-' || lpad(n::text, greatest(6, length(n::text)), '0') as number
    from app.number_from_sequence(%(company_id)s) n
"""


@contextmanager
def _replaced(url: str, function: str, definition: str) -> Iterator[None]:
    """Another body for a function of the database."""
    with psycopg.connect(url, autocommit=True) as owner:
        (was,) = owner.execute("select pg_get_functiondef(%s::regprocedure)", (function,)).fetchone() or ("",)
        owner.execute(definition)
        try:
            yield
        finally:
            owner.execute(was)
