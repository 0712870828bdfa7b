"""What bulk work reads follows what it is asked for, also right after an installation, when no table has statistics yet.

The planner takes an unknown company for a handful of rows, and a session keeps the plan that it made while tables were small. A
lookup that is written as a join then reads the company's rows again for every key, which grows with the square of an import.
The servers themselves say what each statement read (auto_explain), so no clock is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import event

from shared.testing import usd, wire
from tests.product import House, build_databases, drop_databases, random_prefix

ROWS, AT_ONCE, BEFORE = 1500, 300, 7
MOST = 300 * AT_ONCE + 10 * ROWS
"""Rows that a statement may read. A company of up to 300 rows in a table is a handful to the planner, whichever index it takes; a
few passes over a table are cheaper than so many lookups. Reading the company for each key comes to AT_ONCE * ROWS."""
EXPLAIN = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_level": "notice",
}
READ = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")

pytestmark = pytest.mark.timeout(300)


def rows_read(node: dict[str, Any]) -> int:
    """Rows that a plan's nodes gave or threw away, all together."""
    own = sum(node.get(name, 0) for name in READ) * node["Actual Loops"]
    return int(own) + sum(rows_read(child) for child in node.get("Plans", ()))


class Watched:
    """A company in a house of its own, whose databases tell of every statement that they run."""

    def __init__(self, house: House):
        self.house = house
        self.plans: list[str] = []
        for name in house.services:
            for database in (house.databases[name], house.assembly.app(name).extensions["duebook"].database):
                for engine in (database.api, database.worker):
                    event.listen(engine, "connect", self._listen)
        self.company = house.company()

    def _listen(self, connection: psycopg.Connection, _: object) -> None:
        connection.add_notice_handler(lambda notice: self.plans.append(notice.message_primary or ""))

    def reads_little(self, work: Callable[[], None]) -> None:
        """Runs the work; none of its statements may read more rows than MOST."""
        self.plans.clear()
        work()
        assert self.plans, "the server says nothing of its plans"
        found: dict[str, int] = {}
        for text in self.plans:
            if "{" in text:
                plan = json.loads(text[text.index("{") :])
                query = " ".join(plan["Query Text"].split())
                found[query] = max(found.get(query, 0), rows_read(plan["Plan"]))
        worst = sorted(((rows, query[:300]) for query, rows in found.items() if rows > MOST), reverse=True)
        assert not worst, "\n".join(f"{rows} rows: {query}" for rows, query in worst)

    def bring(self, path: str, rows: list[dict[str, Any]]) -> None:
        for first in range(0, len(rows), AT_ONCE):
            answer = self.company.call("POST", path, {"rows": rows[first : first + AT_ONCE]})
            assert answer.status_code == 200, answer.text

    def receipts_that_wait(self) -> list[str]:
        with self.house.owner("banking") as owner:
            rows = owner.execute("select receipt_id from app.receipt_place where deposit_id is null and not voided")
            return [row[0] for row in rows]


@pytest.fixture(scope="module")
def watched(admin_url: str) -> Iterator[Watched]:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        try:
            admin.execute("load 'auto_explain'")
        except psycopg.Error as missing:
            pytest.skip(f"this server has no auto_explain to say what is read: {missing}")
    prefix = random_prefix()
    try:
        urls = build_databases(admin_url, prefix)
        with psycopg.connect(admin_url, autocommit=True) as admin:
            for service in urls:
                for role in ("api", "worker"):
                    for name, value in EXPLAIN.items():
                        statement = sql.SQL("alter role {} set {} = {}").format(
                            sql.Identifier(f"{prefix}{service}_{role}"), sql.Identifier(*name.split(".")), sql.Literal(value)
                        )
                        admin.execute(statement)
        house = House(urls, admin_url=admin_url)
        try:
            yield Watched(house)
        finally:
            house.close()
    finally:
        drop_databases(admin_url, prefix)


def invoice_rows(source: str, how_many: int) -> list[dict[str, Any]]:
    return [
        {
            "source": source,
            "external_id": f"{source} {number}",
            "customer": {"code": f"C{number % 40}", "name": f"Customer {number % 40}"},
            "number": f"{source}-{number}",
            "issued_on": "2026-01-05",
            "amount": wire(usd("100.00")),
        }
        for number in range(how_many)
    ]


def receipt_rows(source: str, how_many: int) -> list[dict[str, Any]]:
    return [
        {
            "source": source,
            "external_id": f"{source} {number}",
            "invoice": {"number": f"{source}-{number}"},
            "received_on": "2026-01-06",
            "amount": wire(usd("30.00")),
            "payment_type": "Check",
            "check_number": "1",
        }
        for number in range(how_many)
    ]


def deposit_rows(source: str, receipts: list[str]) -> list[dict[str, Any]]:
    return [
        {"source": source, "external_id": f"{source} {number}", "posting_on": "2026-01-07", "receipt_ids": [receipt]}
        for number, receipt in enumerate(receipts)
    ]


def one_of_each(watched: Watched, number: int) -> None:
    """One invoice from its issue to the void of its banked receipt."""
    company, house = watched.company, watched.house
    customer = company.post("/api/billing/customers", {"name": f"Single {number}"})["id"]
    lines = [{"description": "Work", "quantity": "1", "unit_price": "50.00"}]
    issue = {"customer_id": customer, "issued_on": "2026-01-05", "issue": True, "lines": lines}
    invoice, second = (company.post("/api/billing/invoices", issue)["id"] for _ in range(2))
    receipt = company.post(
        "/api/payments/receipts",
        {
            "customer_id": customer,
            "received_on": "2026-01-06",
            "payment_type": "Check",
            "check_number": "7",
            "amount": wire(usd("80.00")),
            "lines": [
                {"kind": "invoice", "invoice_id": invoice, "amount": wire(usd("50.00"))},
                {"kind": "prepayment", "amount": wire(usd("30.00"))},
            ],
        },
    )["id"]
    applied = [{"invoice_id": second, "amount": wire(usd("20.00"))}]
    company.post(
        "/api/payments/prepayment-applications", {"customer_id": customer, "applied_on": "2026-01-07", "applications": applied}
    )
    bank = company.get("/api/banking/bank-accounts")["items"][0]["id"]
    deposit = company.post(
        "/api/banking/deposits", {"bank_account_id": bank, "posting_on": "2026-01-08", "receipt_ids": [receipt]}
    )["id"]
    company.post(f"/api/payments/receipts/{receipt}/void", {"reason": "returned", "voided_on": "2026-01-09"})
    company.post(f"/api/billing/invoices/{second}/void", {"reason": "wrong", "voided_on": "2026-01-09"})
    watched.bring("/api/billing/imports/invoices", invoice_rows(f"single {number}", 1))
    house.pump()
    watched.bring("/api/payments/imports/receipts", receipt_rows(f"single {number}", 1))
    house.pump()
    watched.bring("/api/banking/imports/deposits", deposit_rows(f"single {number}", watched.receipts_that_wait()))
    house.pump()
    assert deposit


@pytest.mark.matrix("7")
def test_an_import_reads_what_it_names_and_not_the_company_for_each_row(watched: Watched) -> None:
    for number in range(BEFORE):  # so that sessions have prepared their statements while the tables were small
        one_of_each(watched, number)
    house, bring = watched.house, watched.bring
    invoices, receipts = invoice_rows("old", ROWS), receipt_rows("old", ROWS)

    watched.reads_little(lambda: bring("/api/billing/imports/invoices", invoices))
    watched.reads_little(lambda: bring("/api/billing/imports/invoices", invoices))
    watched.reads_little(house.pump)
    watched.reads_little(lambda: bring("/api/payments/imports/receipts", receipts))
    watched.reads_little(lambda: bring("/api/payments/imports/receipts", receipts))
    watched.reads_little(house.pump)
    waiting = watched.receipts_that_wait()
    deposits = deposit_rows("old", waiting)
    watched.reads_little(lambda: bring("/api/banking/imports/deposits", deposits))
    watched.reads_little(lambda: bring("/api/banking/imports/deposits", deposits))
    watched.reads_little(house.pump)
    for receipt in waiting[:AT_ONCE]:
        answer = watched.company.call("POST", f"/api/payments/receipts/{receipt}/void", {"reason": "returned"})
        assert answer.status_code == 200, answer.text
    watched.reads_little(house.pump)
    assert watched.company.get("/api/ledger/proofs")["state"] == "green"
