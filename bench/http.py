"""Invoices, receipts, balances and the bulk import over HTTP, beside Flask that does next to nothing and plain arrays.

    python -m bench.http

Both sides are gunicorn processes of the same settings, asked by the same eight clients on the same machine. No worker runs
meanwhile, so what is measured is the answer to a request. Everything is done by one company: its invoices share a series.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from bench.ledger_worker import Plain
from bench.load import Request, load
from bench.measure import Comparison, interleaved, table
from bench.stand import Stand, stand
from shared.ids import new_id
from tests.product import Company

CUSTOMERS, OPEN_INVOICES = 1_000, 10_000
IMPORT_ROWS = 1_000
TODAY = datetime.now(UTC).date().isoformat()
SERVICES = ("identity", "ledger", "billing", "payments")
Client = Callable[[int], Callable[[], Request]]


class Books:
    """A company with customers and open invoices, as the clients know them."""

    def __init__(self, at: Stand):
        self.at = at
        self.company: Company = at.house.company()
        self.imported = 0
        for _ in range(OPEN_INVOICES // IMPORT_ROWS):
            answer = self.company.call("POST", "/api/billing/imports/invoices", {"rows": self.rows()})
            assert answer.status_code == 200, answer.text
        at.house.pump(["payments"])
        with at.house.owner("billing") as owner:
            found = owner.execute("select id, customer_id from app.invoice order by id").fetchall()
        self.invoices: list[tuple[str, str]] = [(row[0], row[1]) for row in found]
        self.customers = sorted({customer for _, customer in self.invoices})

    def rows(self, how_many: int = IMPORT_ROWS) -> list[dict[str, Any]]:
        """Rows for the bulk import that were not imported before."""
        first, self.imported = self.imported, self.imported + how_many
        return [
            {
                "source": "bench",
                "external_id": f"{number}",
                "number": f"OLD-{number}",
                "customer": {"code": f"C-{number % CUSTOMERS}", "name": f"Customer {number % CUSTOMERS}"},
                "issued_on": TODAY,
                "amount": {"amount": 1_000_000_00, "currency": "USD"},
            }
            for number in range(first, first + how_many)
        ]

    def headers(self) -> dict[str, str]:
        """A fresh token: one lives for five minutes."""
        return {"Authorization": f"Bearer {self.at.house.token(self.company.id)}"}

    def picker(self) -> random.Random:
        return random.Random(time.time_ns())

    def invoice(self, pick: random.Random) -> dict[str, Any]:
        return {
            "customer_id": pick.choice(self.customers),
            "issue": True,
            "lines": [
                {"description": "Consulting", "quantity": "2.5", "unit_price": "120.00", "tax_rate": "8.25"},
                {"description": "Travel", "quantity": "1", "unit_price": f"{pick.randint(100, 99900) / 100:.2f}"},
            ],
        }

    def receipt(self, pick: random.Random) -> dict[str, Any]:
        invoice, customer = pick.choice(self.invoices)
        amount = {"amount": pick.randint(1, 99_00), "currency": "USD"}
        return {
            "customer_id": customer,
            "received_on": TODAY,
            "payment_type": "Check",
            "check_number": f"{pick.randint(1, 9999)}",
            "amount": amount,
            "lines": [{"kind": "invoice", "invoice_id": invoice, "amount": amount}],
        }

    def posting(self, path: str, body: Callable[[random.Random], dict[str, Any]]) -> Client:
        """Clients that post one new document after another."""
        headers = self.headers()

        def client(number: int) -> Callable[[], Request]:
            pick = random.Random(f"{number} {time.time_ns()}")
            return lambda: ("POST", path, {**headers, "Idempotency-Key": new_id("idk")}, body(pick))

        return client

    def reading(self) -> Client:
        headers = self.headers()

        def client(number: int) -> Callable[[], Request]:
            pick = random.Random(number)
            return lambda: ("GET", f"/api/billing/customers/{pick.choice(self.customers)}/balance", headers, None)

        return client


def bare_inserting(number: int) -> Callable[[], Request]:
    pick = random.Random(number)
    return lambda: (
        "POST",
        "/entries",
        {},
        {"customer_id": f"cus_{pick.randint(1, 1000)}", "document": f"INV-{pick.randint(1, 99999)}"},
    )


def bare_reading(number: int) -> Callable[[], Request]:
    pick = random.Random(number)
    return lambda: ("GET", f"/balances/{pick.randint(1, 1000)}", {}, None)


def imported_rows_per_second(books: Books, seconds: float) -> float:
    """One client that imports 1,000 rows after another for a while."""
    headers, done, spent = books.headers(), 0, 0.0
    with httpx.Client(base_url=books.at.base("billing"), timeout=30) as http:
        while spent < seconds:
            body = {"rows": books.rows()}
            began = time.perf_counter()
            answer = http.post("/api/billing/imports/invoices", json=body, headers={**headers, "Idempotency-Key": new_id("idk")})
            spent += time.perf_counter() - began
            assert answer.status_code == 200, answer.text
            done += answer.json()["added"]
    return done / spent


def plain_rows_per_second(plain: Plain, seconds: float) -> float:
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        done += plain.batch()
    return done / spent


def measure(rounds: int = 7, seconds: float = 5) -> list[Comparison]:
    with stand(SERVICES) as at, at.bare() as bare:
        print(f"HTTP: {at.postgres}; {rounds} rounds in turn, {seconds:g} s each")
        books = Books(at)
        at.api("identity", "billing", "payments")
        at.warm(books.headers(), "billing", "payments")
        plain = Plain(at.url("plain"))
        billing, payments = at.port("billing"), at.port("payments")

        def invoices() -> float:
            return load(billing, books.posting("/api/billing/invoices", books.invoice), seconds)[0]

        def receipts() -> float:
            return load(payments, books.posting("/api/payments/receipts", books.receipt), seconds)[0]

        found = interleaved(
            rounds,
            {
                "bare Flask: insert one entry": lambda: load(bare, bare_inserting, seconds)[0],
                "invoice created and issued": invoices,
                "receipt posted and applied": receipts,
                "bare Flask: read one balance": lambda: load(bare, bare_reading, seconds)[0],
                "balance of a customer read": lambda: load(billing, books.reading(), seconds)[0],
                "plain arrays in batches of 500": lambda: plain_rows_per_second(plain, seconds / 2),
                "invoices imported in bulk": lambda: imported_rows_per_second(books, seconds / 2),
            },
        )
        at.worker("identity", "billing", "payments", "ledger")
        at.api("ledger")
        at.until_taken_in("ledger", "billing")
        with_workers = interleaved(
            max(1, rounds // 2),
            {
                "bare Flask: insert one entry": lambda: load(bare, bare_inserting, seconds)[0],
                "invoice issued, workers running": invoices,
            },
        )
        plain.close()

    def beside(what: str, limit: str, target: float | None) -> Comparison:
        return Comparison(what, limit, found[limit].median, found[what].median, "/s", target)

    insert, workers = (with_workers[name].median for name in with_workers)
    return [
        beside("invoice created and issued", "bare Flask: insert one entry", 0.2),
        beside("receipt posted and applied", "bare Flask: insert one entry", 0.2),
        beside("balance of a customer read", "bare Flask: read one balance", 0.6),
        beside("invoices imported in bulk", "plain arrays in batches of 500", 0.1),
        Comparison("invoice issued, workers running", "bare Flask: insert one entry", insert, workers, "/s", None),
    ]


if __name__ == "__main__":
    print(table(measure()))
