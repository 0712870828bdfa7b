"""Six weeks of one company, in which every kind of document, and of change to one, happens at least once."""

from __future__ import annotations

from typing import Any

from shared.money import Money
from shared.testing import usd, wire
from tests.product import Company


def tell(company: Company) -> None:
    """Invoices with tax and freight, receipts of every kind, prepayments applied, voids, deposits and what becomes of them,
    manual entries, a month that is closed, and money for an invoice that was void by then. Today is January 15, 2026."""
    teller = Teller(company)
    greenfield, harbor, osaka = (teller.customer(*each) for each in (("Greenfield",), ("Harbor",), ("Osaka", "JPY")))
    teller.pump()
    teller.december(greenfield, harbor)
    teller.january(greenfield, harbor, osaka)
    teller.too_late(harbor)
    teller.other_ways(greenfield, harbor)


class Teller:
    """Speaks for a company's people. What is stated reaches the other services with `pump`."""

    def __init__(self, company: Company):
        self.company, self.pump = company, company.house.pump
        self.bank = company.get("/api/banking/bank-accounts")["items"][0]["id"]

    def december(self, greenfield: str, harbor: str) -> None:
        beams = self.issue(greenfield, "2025-12-03", ("Steel beams", "200", "85.00", "0"))
        boiler = self.issue(harbor, "2025-12-05", ("Boiler", "1", "840.00", "8.25"), freight=wire(usd("25.00")))
        self.enter("2025-12-31", "75.00")
        self.pump()
        whole = self.receive(greenfield, "2025-12-10", _to(beams, "17000.00"))
        part = self.receive(harbor, "2025-12-12", _to(boiler, "400.00"), _prepaid("100.00"))
        self.pump()
        self.deposit("2025-12-15", whole, part)
        self.pump()
        self.post("ledger/period-closes", {"through": "2025-12-31"})
        self.apply(harbor, "2026-01-09", boiler, "60.00")
        self.pump()

    def january(self, greenfield: str, harbor: str, osaka: str) -> None:
        lights = self.issue(greenfield, "2026-01-05", ("Lights", "14", "61.25", "8.25"), ("Labor", "3.5", "72.00", "0"))
        repair = self.issue(harbor, "2026-01-05", ("Repair", "1", "300.00", "0"))
        mistaken = self.issue(harbor, "2026-01-06", ("Entered twice", "1", "99.00", "0"))
        tour = self.issue(osaka, "2026-01-06", ("Tour", "2", "15000", "10"), currency="JPY")
        self.pump()
        self.post(f"billing/invoices/{mistaken}/void", {"reason": "entered twice", "voided_on": "2026-01-07"})
        self.receive(greenfield, "2026-01-08", _prepaid("1000.00"))
        self.receive(osaka, "2026-01-08", _to(tour, Money(20000, "JPY")), payment_type="Wire")
        self.receive(greenfield, "2026-01-08", _to(lights, "45.10"))
        bounced = self.receive(harbor, "2026-01-08", _to(repair, "300.00"))
        rebate = self.receive(harbor, "2026-01-08", {"kind": "account", "account": "4000", "amount": wire(usd("40.00"))})
        self.apply(greenfield, "2026-01-09", lights, "250.00")
        self.pump()
        self.deposit("2026-01-09", bounced)
        wrong = self.deposit("2026-01-09", rebate, fee="2.50")
        self.pump()
        self.post(f"banking/deposits/{wrong}/void", {"voided_on": "2026-01-10", "reason": "another bank"})
        self.post(f"payments/receipts/{bounced}/void", {"voided_on": "2026-01-12", "reason": "bounced"})
        entry = self.enter("2026-01-10", "12.00")
        self.pump()
        self.post(f"ledger/manual-entries/{entry}/reverse", {"occurred_on": "2026-01-11", "reason": "not ours"})
        self.pump()

    def too_late(self, harbor: str) -> None:
        """Money is set against an invoice that is void already, which its receiver does not know yet."""
        doubtful = self.issue(harbor, "2026-01-13", ("Doubtful", "1", "80.00", "0"))
        self.pump()
        self.post(f"billing/invoices/{doubtful}/void", {"reason": "never ordered"})
        self.receive(harbor, "2026-01-15", _to(doubtful, "80.00"))
        self.pump()

    def other_ways(self, greenfield: str, harbor: str) -> None:
        """Drafts, imports, a closing that is cancelled, and changes of what documents name."""
        self.send("POST", "ledger/accounts", {"code": "4010", "name": "Sales of 2026", "kind": "revenue"})
        self.send("PATCH", "ledger/accounts/4010", {"name": "Sales since 2026"})
        self.send("PUT", "ledger/roles/sales", {"account": "4010"})
        self.send("PUT", f"billing/customers/{greenfield}", {"code": "GREEN", "name": "Greenfield & Sons", "version": 1})
        self.send("PATCH", f"identity/companies/{self.company.id}", {"name": "Under a new name"})
        person = {"email": f"clerk{self.company.id}@example.com", "name": "Clerk", "role": "viewer", "password": "correct horse"}
        clerk = self.post("identity/people", person)
        self.send("PATCH", f"identity/people/{clerk}", {"active": False})
        cancelled = self.post("ledger/period-closes", {"through": "2026-01-02"})
        self.post(f"ledger/period-closes/{cancelled}/cancel", {"reason": "too early"})
        self.pump()
        self.issue(harbor, "2026-01-15", ("Not sure yet", "1", "5.00", "0"), issue=False)
        draft = self.issue(harbor, "2026-01-15", ("Sure by now", "1", "66.60", "8.25"), issue=False)
        self.post(f"billing/invoices/{draft}/issue", {})
        of_old = {"source": "old books", "external_id": "1"}
        invoice = {"customer": {"code": "OLD", "name": "Old customer"}, "issued_on": "2026-01-02", "due_on": "2026-02-01"}
        self.send(
            "POST", "billing/imports/invoices", {"rows": [{**of_old, **invoice, "number": "0001", "amount": wire(usd("55.94"))}]}
        )
        self.pump()
        receipt = {"invoice": {"number": "0001"}, "received_on": "2026-01-10", "payment_type": "Check", "check_number": "7"}
        paid = self.send("POST", "payments/imports/receipts", {"rows": [{**of_old, **receipt, "amount": wire(usd("55.94"))}]})
        self.pump()
        deposit = {"posting_on": "2026-01-12", "receipt_ids": [paid["items"][0]["id"]]}
        self.send("POST", "banking/imports/deposits", {"rows": [{**of_old, **deposit}]})
        self.pump()

    def customer(self, name: str, currency: str = "USD") -> str:
        return self.post("billing/customers", {"name": name, "currency": currency})

    def issue(self, customer: str, day: str, *lines: tuple[str, str, str, str], **more: Any) -> str:
        names = ("description", "quantity", "unit_price", "tax_rate")
        body = {
            "customer_id": customer,
            "issued_on": day,
            "issue": True,
            "lines": [dict(zip(names, line, strict=True)) for line in lines],
        }
        return self.post("billing/invoices", {**body, **more})

    def receive(self, customer: str, day: str, *lines: dict[str, Any], payment_type: str = "Check") -> str:
        total = {**lines[0]["amount"], "amount": sum(line["amount"]["amount"] for line in lines)}
        body = {"customer_id": customer, "received_on": day, "payment_type": payment_type, "amount": total, "lines": list(lines)}
        return self.post("payments/receipts", {**body, "check_number": "1001" if payment_type == "Check" else ""})

    def apply(self, customer: str, day: str, invoice: str, amount: str) -> str:
        body = {
            "customer_id": customer,
            "applied_on": day,
            "applications": [{"invoice_id": invoice, "amount": wire(usd(amount))}],
        }
        return self.post("payments/prepayment-applications", body)

    def deposit(self, day: str, *receipts: str, fee: str = "0.00") -> str:
        body = {"bank_account_id": self.bank, "posting_on": day, "receipt_ids": list(receipts), "fee": wire(usd(fee))}
        return self.post("banking/deposits", body)

    def enter(self, day: str, amount: str) -> str:
        lines = [
            {"account": account, "side": side, "amount": wire(usd(amount))}
            for account, side in (("5000", "debit"), ("3000", "credit"))
        ]
        return self.post("ledger/manual-entries", {"occurred_on": day, "description": "by hand", "lines": lines})

    def post(self, path: str, body: dict[str, Any]) -> str:
        """The id of what was made."""
        made: str = self.send("POST", path, body)["id"]
        return made

    def send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """The answer to a write that must succeed."""
        answer = self.company.call(method, f"/api/{path}", body)
        assert answer.is_success, answer.text
        return answer.json()


def _to(invoice: str, amount: str | Money) -> dict[str, Any]:
    return {"kind": "invoice", "invoice_id": invoice, "amount": wire(usd(amount) if isinstance(amount, str) else amount)}


def _prepaid(amount: str) -> dict[str, Any]:
    return {"kind": "prepayment", "amount": wire(usd(amount))}
