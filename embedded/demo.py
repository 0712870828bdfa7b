"""The demo company: three months of a small contractor, told through the API like anybody's books.

Dates are counted back from today, so that the aging always has something to show. Every fact carries the origin `demo`,
and nothing reacts to those outwardly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from embedded.client import Client
from embedded.companies import companies, token_for
from embedded.home import Home

CUSTOMERS = (
    ("GREEN", "Greenfield Construction", "Net 30"),
    ("HARBOR", "Harbor View Hotel", "Net 30"),
    ("LINDEN", "Linden Street School", "Net 60"),
    ("OAKRIDGE", "Oakridge Property Management", "Net 15"),
    ("RIVERA", "Rivera Family Bakery", "Due on receipt"),
    ("SUMMIT", "Summit Tours", "Net 30"),
)

INVOICES: tuple[tuple[str, int, tuple[tuple[str, str, str, str], ...]], ...] = (
    ("GREEN", 96, (("Steel beam W8x18", "200", "85.00", "0"),)),
    (
        "HARBOR",
        90,
        (("Boiler replacement, first stage", "1", "8400.00", "0"), ("Disposal of the old boiler", "1", "350.00", "8.25")),
    ),
    ("RIVERA", 84, (("Oven circuit, rewired", "1", "1260.00", "8.25"),)),
    ("OAKRIDGE", 75, (("Roof inspection", "6", "145.00", "0"), ("Gutter repair, per foot", "82.5", "11.40", "8.25"))),
    ("LINDEN", 70, (("Gym lighting, materials", "36", "94.50", "8.25"), ("Gym lighting, labor hours", "41.5", "72.00", "0"))),
    ("SUMMIT", 58, (("Charter coach bay, deposit stage", "1", "5000.00", "0"),)),
    ("GREEN", 51, (("HVAC installation, second milestone", "1", "12500.00", "0"),)),
    ("OAKRIDGE", 44, (("Stairwell lighting", "14", "61.25", "8.25"),)),
    ("HARBOR", 38, (("Boiler replacement, second stage", "1", "6200.00", "0"),)),
    ("RIVERA", 27, (("Quarterly maintenance", "1", "420.00", "8.25"),)),
    ("SUMMIT", 20, (("Charter coach bay, second stage", "1", "7500.00", "0"),)),
    ("LINDEN", 12, (("Emergency exits, signs", "9", "58.00", "8.25"),)),
    ("OAKRIDGE", 5, (("Leak repair, after hours", "3.5", "138.00", "0"),)),
    ("GREEN", 2, (("Steel beam W8x18", "60", "86.50", "0"),)),
)

RECEIPTS: tuple[tuple[int, str, str, tuple[tuple[int, int], ...]], ...] = (
    # days ago, payment type, check number, (invoice, percent of it) …
    (88, "Check", "1187", ((2, 100),)),
    (66, "Check", "8842", ((0, 100),)),
    (60, "Wire", "", ((1, 50),)),
    (59, "Check", "2203", ((3, 100),)),
    (31, "Check", "8860", ((6, 60),)),
    (29, "Check", "2231", ((7, 100),)),
    (18, "Cash", "", ((9, 100),)),
    (10, "Check", "5571", ((4, 40),)),
    (1, "Check", "5590", ((4, 20), (11, 100))),
)

DEPOSITS = ((87, "Checks"), (58, "Checks"), (28, "Checks"), (17, "Cash"))


@dataclass
class Story:
    client: Client
    today: date
    customers: dict[str, str] = field(default_factory=dict)
    invoices: list[dict[str, Any]] = field(default_factory=list)

    def day(self, ago: int) -> str:
        return (self.today - timedelta(days=ago)).isoformat()

    def tell(self) -> None:
        terms = {item["description"]: item["id"] for item in self.client.get("/api/billing/terms", limit=200)["items"]}
        for code, name, its_terms in CUSTOMERS:
            made = self.client.post("/api/billing/customers", {"code": code, "name": name, "terms_id": terms.get(its_terms)})
            self.customers[code] = made["id"]
        self.prepay("SUMMIT", 64, "3000.00", "7714")
        for code, ago, lines in INVOICES:
            self.bill(code, ago, lines)
        self.apply_prepayment("SUMMIT", 57, self.invoices[5], "3000.00")
        for receipt in RECEIPTS:
            self.receive(*receipt)
        mistaken = self.bill("HARBOR", 9, (("Entered twice by mistake", "1", "99.00", "0"),))
        self.client.post(
            f"/api/billing/invoices/{mistaken['id']}/void", {"voided_on": self.day(8), "reason": "entered twice by mistake"}
        )
        bank = self.client.get("/api/banking/bank-accounts", wait=True)["items"][0]["id"]
        for ago, group in DEPOSITS:
            body = {
                "bank_account_id": bank,
                "posting_on": self.day(ago),
                "deposit_group": group,
                "received_through": self.day(ago),
            }
            self.client.post("/api/banking/deposits", body)

    def bill(self, code: str, ago: int, lines: tuple[tuple[str, str, str, str], ...]) -> dict[str, Any]:
        made: dict[str, Any] = self.client.post(
            "/api/billing/invoices",
            {
                "customer_id": self.customers[code],
                "issued_on": self.day(ago),
                "issue": True,
                "lines": [
                    {"description": what, "quantity": quantity, "unit_price": price, "tax_rate": rate}
                    for what, quantity, price, rate in lines
                ],
            },
        )
        self.invoices.append(made)
        return made

    def receive(self, ago: int, payment_type: str, check: str, applied: tuple[tuple[int, int], ...]) -> None:
        lines = []
        for number, percent in applied:
            invoice = self.invoices[number]
            amount = {**invoice["total"], "amount": invoice["total"]["amount"] * percent // 100}
            lines.append({"kind": "invoice", "invoice_id": invoice["id"], "amount": amount})
        self._post_receipt(self.invoices[applied[0][0]]["customer_id"], ago, payment_type, check, lines)

    def prepay(self, code: str, ago: int, amount: str, check: str) -> None:
        minor = int(amount.replace(".", ""))
        line = {"kind": "prepayment", "amount": {"amount": minor, "currency": "USD"}}
        self._post_receipt(self.customers[code], ago, "Check", check, [line])

    def _post_receipt(self, customer: str, ago: int, payment_type: str, check: str, lines: list[dict[str, Any]]) -> None:
        total = sum(line["amount"]["amount"] for line in lines)
        self.client.post(
            "/api/payments/receipts",
            {
                "customer_id": customer,
                "received_on": self.day(ago),
                "payment_type": payment_type,
                "check_number": check,
                "amount": {"amount": total, "currency": "USD"},
                "lines": lines,
            },
        )

    def apply_prepayment(self, code: str, ago: int, invoice: dict[str, Any], amount: str) -> None:
        minor = int(amount.replace(".", ""))
        self.client.post(
            "/api/payments/prepayment-applications",
            {
                "customer_id": self.customers[code],
                "applied_on": self.day(ago),
                "applications": [{"invoice_id": invoice["id"], "amount": {"amount": minor, "currency": "USD"}}],
            },
        )


def load_demo(home: Home, url: str, company_id: int) -> None:
    """Tells the story to a running installation. Raises RequestRefused, Unreachable."""
    assembly = home.assembly(pool_size=2)
    try:
        known = next(company for company in companies(assembly) if company.id == company_id)
        client = Client(url, lambda: token_for(assembly, known))
        Story(client, assembly.clock.today("UTC")).tell()
        client.get("/api/ledger/status", wait=True)
    finally:
        assembly.close()
