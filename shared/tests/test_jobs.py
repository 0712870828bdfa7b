"""Jobs: each in a transaction of its own, and none that fails holds up another."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from shared.context import Context
from shared.ids import new_id
from shared.jobs import enqueue, run_due
from tests.product import Company, House


@pytest.fixture
def company(house: House) -> Company:
    return house.company()


@pytest.fixture
def kind() -> str:
    """A kind of job that nobody else runs."""
    return new_id("kind")


def queue(house: House, company_id: int, kind: str, *keys: str) -> None:
    with house.databases["identity"].api.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s::bigint[], 't', 't')", ([company_id],))
        for key in keys:
            enqueue(Context(session, house.clock, "identity", company_id, "t", "t"), kind, key, {"name": key})


def waiting(house: House, kind: str) -> list[tuple[str, int, str]]:
    """Key, attempts and last error of what is not done."""
    with house.owner("identity") as owner:
        query = "select key, attempts, last_error from app.job where kind = %s and done_at is null order by key"
        return owner.execute(query, (kind,)).fetchall()


def run(house: House, kind: str, job: Any) -> int:
    return run_due(house.databases["identity"].worker, "identity", house.clock, {kind: job})


def test_a_job_of_a_company_that_has_not_arrived_holds_up_no_other(house: House, company: Company, kind: str) -> None:
    queue(house, 99_999_999, kind, "unheard of")
    queue(house, company.id, kind, "sound")
    done: list[str] = []

    assert run(house, kind, lambda ctx, payload: done.append(payload["name"])) == 2

    assert done == ["sound"]
    assert [(key, attempts) for key, attempts, _ in waiting(house, kind)] == [("unheard of", 1)]


def test_a_job_whose_payload_is_broken_holds_up_no_other(house: House, company: Company, kind: str) -> None:
    queue(house, company.id, kind, "broken", "sound")
    with house.owner("identity") as owner:
        owner.execute("update app.job set payload = '[1]', run_after = run_after - interval '1 s' where key = 'broken'")
    done: list[str] = []

    run(house, kind, lambda ctx, payload: done.append(payload["name"]))

    assert done == ["sound"]
    assert "TypeError" in waiting(house, kind)[0][2]


def test_a_job_that_loses_its_connection_every_time_holds_up_no_other(house: House, company: Company, kind: str) -> None:
    queue(house, company.id, kind, "a", "b")
    with house.owner("identity") as owner:
        owner.execute("update app.job set run_after = run_after - interval '1 s' where key = 'a'")
    done: list[str] = []

    def job(ctx: Context, payload: dict[str, str]) -> None:
        if payload["name"] == "a":
            pid = ctx.session.exec_driver_sql("select pg_backend_pid()").scalar_one()
            with psycopg.connect(house.admin_url, autocommit=True) as admin:
                admin.execute("select pg_terminate_backend(%s)", (pid,))
            ctx.session.exec_driver_sql("select 1")
        done.append(payload["name"])

    run(house, kind, job)

    assert done == ["b"]
    ((key, attempts, error),) = waiting(house, kind)
    assert (key, attempts) == ("a", 0)
    assert "OperationalError" in error


def test_what_a_failed_job_wrote_is_undone(house: House, company: Company, kind: str) -> None:
    queue(house, company.id, kind, "a")

    def job(ctx: Context, payload: dict[str, str]) -> None:
        enqueue(ctx, kind, "left behind", payload)
        raise ValueError

    run(house, kind, job)

    assert [key for key, _, _ in waiting(house, kind)] == ["a"]


def test_a_job_of_an_unknown_kind_stays_and_holds_up_no_other(house: House, company: Company, kind: str) -> None:
    queue(house, company.id, f"{kind}-unknown", "a")
    queue(house, company.id, kind, "b")

    assert run(house, kind, lambda ctx, payload: None) == 1

    assert [key for key, _, _ in waiting(house, f"{kind}-unknown")] == ["a"]
