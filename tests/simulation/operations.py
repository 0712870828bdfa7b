"""What people do all day with one company's books, by chance, and what is known to them of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from shared import ids
from shared.money import exponent
from tests.simulation.client import Asked, Client

REASONS = ("wrong customer", "entered twice", "returned by the bank")
REVENUE, EXPENSE, EQUITY = ("4000", "4100", "4900"), ("6100", "6900", "5000"), "3000"
TYPES = ("Check", "Cash", "Cash", "Wire", "Card")
STRANGER = "cus_" + "0" * 26
UNKNOWN_INVOICE = "inv_" + "0" * 26


class Person:
    """Works on one company through its client. `act` does one thing, by weight, and says what came of it."""

    def __init__(self, client: Client, chance: Random):
        self.client, self.chance = client, chance
        self.currency = client.home.currency
        self.customers: list[str] = []
        self.drafts: list[dict[str, Any]] = []
        self.invoices: list[dict[str, Any]] = []
        self.receipts: list[dict[str, Any]] = []
        self.prepaid: list[str] = []
        self.deposits: list[dict[str, Any]] = []
        self.entries: list[dict[str, Any]] = []
        self.closings: list[str] = []
        self.bank: str | None = None
        self.keys = self._keys()
        self.acts: list[Callable[[], str]] = []
        self.weights: list[int] = []
        for act, weight in (
            (self.create_customer, 3),
            (self.draft_invoice, 4),
            (self.issue_draft, 4),
            (self.issue_invoice, 20),
            (self.void_invoice, 5),
            (self.receive, 22),
            (self.prepay, 8),
            (self.apply_prepayment, 12),
            (self.void_receipt, 5),
            (self.deposit, 9),
            (self.void_deposit, 4),
            (self.post_entry, 4),
            (self.reverse_entry, 2),
            (self.change_settings, 5),
            (self.close_period, 4),
            (self.cancel_closing, 1),
            (self.prove, 2),
            (self.read, 5),
            (self.repeat, 5),
            (self.repeat_unanswered, 6),
            (self.ask_wrongly, 8),
        ):
            self.acts.append(act)
            self.weights.append(weight)

    def begin(self) -> Iterator[str]:
        """What every company has before anything goes wrong."""
        for act in (self.create_customer, self.create_customer, self.issue_invoice, self.issue_invoice, self.issue_invoice):
            yield act()
        yield self._learn_bank()

    def act(self) -> str:
        return self.chance.choices(self.acts, self.weights)[0]()

    # what is asked

    def create_customer(self) -> str:
        body = {"id": ids.new_id("cus"), "name": f"Customer {len(self.customers) + 1}"}
        return self._post("/api/billing/customers", body, lambda answer: self._once(self.customers, answer["id"]), key="")

    def draft_invoice(self) -> str:
        return self._post("/api/billing/invoices", self._invoice(issue=False), self.drafts.append)

    def issue_invoice(self) -> str:
        return self._post("/api/billing/invoices", self._invoice(issue=True), self.invoices.append)

    def issue_draft(self) -> str:
        if not self.drafts:
            return self.issue_invoice()
        draft = self._one(self.drafts)
        if self.chance.random() < 0.15:
            return self._ask("DELETE", f"/api/billing/invoices/{draft['id']}?version={draft['version']}", None, lambda _: None)
        return self._post(f"/api/billing/invoices/{draft['id']}/issue", {}, self.invoices.append)

    def void_invoice(self) -> str:
        if not self.invoices:
            return self.issue_invoice()
        body = {"reason": self.chance.choice(REASONS), **self._maybe(voided_on=self._day())}
        return self._post(f"/api/billing/invoices/{self._one(self.invoices)['id']}/void", body)

    def receive(self) -> str:
        """A receipt over one or several invoices, with what is left over as a prepayment or on an account."""
        if not self.invoices:
            return self.issue_invoice()
        first = self._one(self.invoices)
        currency, customer = first["total"]["currency"], first["customer_id"]
        others = [each for each in self.invoices if each["customer_id"] == customer and each["total"]["currency"] == currency]
        chosen = {first["id"]: first} | {each["id"]: each for each in self._some(others, 2)}
        lines: list[dict[str, Any]] = []
        for invoice in chosen.values():
            amount = self._part(invoice["total"]["amount"])
            lines.append({"kind": "invoice", "invoice_id": invoice["id"], "amount": self._money(amount, currency)})
        if self.chance.random() < 0.3:
            lines.append({"kind": "prepayment", "amount": self._money(self._amount(), currency)})
        if self.chance.random() < 0.2:
            lines.append({"kind": "account", "account": self.chance.choice(REVENUE), "amount": self._money(7, currency)})
        return self._post("/api/payments/receipts", self._receipt(customer, currency, lines), self._received)

    def prepay(self) -> str:
        amount = self._money(self._amount() * 3, self.currency)
        body = self._receipt(self._one(self.customers), self.currency, [{"kind": "prepayment", "amount": amount}])
        return self._post("/api/payments/receipts", body, self._received)

    def _received(self, receipt: dict[str, Any]) -> None:
        self.receipts.append(receipt)
        self.prepaid += [receipt["customer_id"] for line in receipt["lines"] if line["kind"] == "prepayment"]

    def apply_prepayment(self) -> str:
        if not self.prepaid:
            return self.prepay()
        customer = self._one(self.prepaid)
        invoice = self._one([each for each in self.invoices if each["customer_id"] == customer] or self.invoices)
        body = {
            "customer_id": invoice["customer_id"],
            "applied_on": self._day(),
            "applications": [
                {
                    "invoice_id": invoice["id"],
                    "amount": self._money(self._part(min(self._amount(), invoice["total"]["amount"])), self.currency),
                }
            ],
            **self._maybe(id=ids.new_id("pra")),
        }
        return self._post("/api/payments/prepayment-applications", body)

    def void_receipt(self) -> str:
        if not self.receipts:
            return self.prepay()
        body = {"reason": self.chance.choice(REASONS), **self._maybe(voided_on=self._day())}
        return self._post(f"/api/payments/receipts/{self._one(self.receipts)['id']}/void", body)

    def deposit(self) -> str:
        if self.bank is None:
            return self._learn_bank()
        body: dict[str, Any] = {"bank_account_id": self.bank, "posting_on": self._today().isoformat()}
        fit = [each for each in self.receipts if each["needs_deposit"]]
        if fit and self.chance.random() < 0.7:
            body["receipt_ids"] = sorted({each["id"] for each in self._some(fit, 3)})
        else:
            body["deposit_group"] = self.chance.choice(("Checks", "Cash"))
        if self.chance.random() < 0.3:
            body["fee"] = self._money(self.chance.randrange(4))
        if self.chance.random() < 0.5:
            body["id"] = ids.new_id("dep")
        return self._post("/api/banking/deposits", body, self.deposits.append)

    def void_deposit(self) -> str:
        if not self.deposits:
            return self.deposit()
        body = {"reason": self.chance.choice(REASONS), **self._maybe(voided_on=self._day())}
        return self._post(f"/api/banking/deposits/{self._one(self.deposits)['id']}/void", body)

    def post_entry(self) -> str:
        amount, rest = self._amount(), self._amount()
        body = {
            "description": "by hand",
            "lines": [
                {"account": self.chance.choice(EXPENSE), "side": "debit", "amount": self._money(amount + rest)},
                {"account": self.chance.choice(REVENUE), "side": "credit", "amount": self._money(rest)},
                {"account": EQUITY, "side": "credit", "amount": self._money(amount)},
            ],
            **self._maybe(occurred_on=self._day()),
            **self._maybe(id=ids.new_id("man")),
        }
        return self._post("/api/ledger/manual-entries", body, self.entries.append)

    def reverse_entry(self) -> str:
        if not self.entries:
            return self.post_entry()
        body = {"reason": self.chance.choice(REASONS), **self._maybe(occurred_on=self._day())}
        return self._post(f"/api/ledger/manual-entries/{self._one(self.entries)['id']}/reverse", body)

    def change_settings(self) -> str:
        kind, number = self.chance.randrange(6), self.chance.randrange(1000)
        if kind == 0:
            account = {"code": f"4{number:03d}x", "name": f"Sales {number}", "kind": "revenue"}
            return self._post("/api/ledger/accounts", account, key="")
        if kind == 1:
            active = self.chance.random() < 0.7
            return self._ask("PATCH", "/api/ledger/accounts/4900", {"active": active, "name": f"Given {number}"}, key="")
        if kind == 2:
            terms = {"description": f"Net {number}", "kind": "net_days", "days": number % 90}
            return self._post("/api/billing/terms", terms, key="")
        if kind == 3:
            body = {"name": f"Company {number}", **self._maybe(time_zone=self.chance.choice(("UTC", "Asia/Tokyo")))}
            return self._ask("PATCH", f"/api/identity/companies/{self.client.home.id}", body, key="")
        if kind == 4:
            return self._ask("PUT", "/api/ledger/roles/freight", {"account": self.chance.choice(REVENUE[:2])}, key="")
        customer = self._one(self.customers)
        body = {"code": f"C{number}", "name": f"Renamed {number}", "version": 1}
        return self._ask("PUT", f"/api/billing/customers/{customer}", body, key="")

    def close_period(self) -> str:
        through = self._today() - timedelta(days=self.chance.randrange(1, 25))
        if self.chance.random() < 0.6:
            through = through.replace(day=1) - timedelta(days=1)  # the end of a month
        body = {"id": ids.new_id("pcl"), "through": through.isoformat()}
        return self._post("/api/ledger/period-closes", body, lambda answer: self._once(self.closings, answer["id"]), key="")

    def cancel_closing(self) -> str:
        if not self.closings:
            return self.close_period()
        return self._post(f"/api/ledger/period-closes/{self._one(self.closings)}/cancel", {"reason": "not yet"}, key="")

    def prove(self) -> str:
        """A proof may be asked for at any moment: green or unknown, never red."""
        status, answer = self.client.read("/api/ledger/proofs")
        if status == 200:
            assert answer["state"] != "red", f"a proof was red while the books were right: {answer['proofs']}"
        return f"prove {status} {answer['state'] if status == 200 else ''}"

    def read(self) -> str:
        day, customer = self._day(), self._one(self.customers)
        path, params = self.chance.choice(
            (
                ("/api/billing/aging", {"basis": "due", "as_of": day}),
                ("/api/billing/aging", {"basis": "invoice", "by": "customer"}),
                ("/api/ledger/trial-balance", {"as_of": day}),
                (f"/api/billing/customers/{customer}/ledger", {}),
                (f"/api/billing/customers/{customer}/balance", {}),
                (f"/api/notifications/customers/{customer}/timeline", {}),
                ("/api/billing/open-items", {}),
                ("/api/payments/prepayment-balances", {}),
                ("/api/payments/open-invoices", {}),
                ("/api/banking/undeposited-receipts", {}),
                ("/api/ledger/verification", {}),
            )
        )
        status, answer = self.client.read(path, **params)
        if status == 200 and path.endswith("trial-balance"):
            for total in answer["totals"]:
                assert total["debit_balances"] == total["credit_balances"], answer
        return f"read {path} {params} {status}"

    def repeat(self) -> str:
        if not self.client.answered:
            return self.read()
        which = self.chance.randrange(len(self.client.answered))
        asked = self.client.answered[which][0]
        return f"again {asked.path} {self.client.repeat_answered(which)}"

    def repeat_unanswered(self) -> str:
        if not self.client.unanswered:
            return self.receive()
        which = self.chance.randrange(len(self.client.unanswered))
        path = self.client.unanswered[which].path
        return f"retry {path} {self.client.repeat_unanswered(which)}"

    def ask_wrongly(self) -> str:
        """What must be refused, whatever the state of the books."""
        customer, day, one = self._one(self.customers), self._day(), self._money(100)
        line = {"description": "x", "quantity": "1", "unit_price": "1"}
        other = {"amount": 100, "currency": "EUR"}
        receipts, entries = "/api/payments/receipts", "/api/ledger/manual-entries"
        far = (self._today() + timedelta(days=40)).isoformat()
        path, body = self.chance.choice(
            (
                ("/api/billing/invoices", {"customer_id": STRANGER, "issue": True, "lines": [line]}),
                ("/api/billing/invoices", {"customer_id": customer, "issue": True, "lines": []}),
                ("/api/billing/invoices", {"customer_id": customer, "issue": True, "lines": [line | {"quantity": "-1"}]}),
                ("/api/billing/invoices", {"customer_id": customer, "issue": True, "lines": [line | {"account": "1100"}]}),
                (f"/api/billing/invoices/{UNKNOWN_INVOICE}/void", {"reason": "no such invoice"}),
                (receipts, self._exact(customer, self.currency, [])),
                (receipts, self._exact(STRANGER, self.currency, [{"kind": "prepayment", "amount": one}])),
                (receipts, self._exact(customer, self.currency, [{"kind": "prepayment", "amount": other}])),
                (receipts, self._exact(customer, self.currency, [{"kind": "account", "account": "1100", "amount": one}])),
                (
                    receipts,
                    self._exact(customer, self.currency, [{"kind": "prepayment", "amount": one}]) | {"received_on": far},
                ),
                (
                    receipts,
                    self._exact(customer, self.currency, [{"kind": "prepayment", "amount": one}]) | {"amount": self._money(101)},
                ),
                ("/api/payments/prepayment-applications", {"customer_id": customer, "applied_on": day, "applications": []}),
                ("/api/banking/deposits", {"bank_account_id": "ban_" + "0" * 26, "posting_on": day, "deposit_group": "Cash"}),
                (entries, {"description": "x", "lines": [{"account": "4000", "side": "debit", "amount": one}] * 2}),
                (
                    entries,
                    {
                        "description": "x",
                        "lines": [
                            {"account": "1100", "side": "debit", "amount": one},
                            {"account": "4000", "side": "credit", "amount": one},
                        ],
                    },
                ),
            )
        )
        if self.chance.random() < 0.1:
            path, body = receipts, self._exact(customer, self.currency, [{"kind": "prepayment", "amount": one}])
            return "wrongly " + self._ask("POST", path, body, key="", refused=True)
        return "wrongly " + self._ask("POST", path, body, refused=True)

    # how it is asked

    def _post(self, path: str, body: Any, then: Callable[[Any], None] = lambda _: None, key: str | None = None) -> str:
        return self._ask("POST", path, body, then, key)

    def _ask(
        self,
        method: str,
        path: str,
        body: Any,
        then: Callable[[Any], None] = lambda _: None,
        key: str | None = None,
        refused: bool = False,
    ) -> str:
        asked = Asked(method, path, body, next(self.keys) if key is None else key, then, refused)
        return f"{method} {path} {body} {self.client.write(asked)}"

    def _keys(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"key-{self.client.home.id}-{number}"

    def _learn_bank(self) -> str:
        status, answer = self.client.read("/api/banking/bank-accounts")
        if status == 200 and answer["items"]:
            self.bank = answer["items"][0]["id"]
        return f"read bank accounts {status}"

    def _invoice(self, issue: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "customer_id": self._one(self.customers),
            "issue": issue,
            "lines": [self._line() for _ in range(self.chance.randrange(1, 4))],
            **self._maybe(id=ids.new_id("inv")),
            **self._maybe(issued_on=self._day()),
        }
        if self.chance.random() < 0.2:
            body["freight"] = self._money(self._amount())
        if issue and self.chance.random() < 0.1:
            body["number"] = f"OUT-{self.chance.randrange(30)}"
        return body

    def _line(self) -> dict[str, Any]:
        line: dict[str, Any] = {
            "description": "Work",
            "quantity": self.chance.choice(("1", "2", "0.5", "3.333", "40")),
            "unit_price": self.chance.choice(("10", "85", "145", "1", "999")),
        }
        if self.chance.random() < 0.3:
            line["tax_rate"] = self.chance.choice(("8.25", "19", "0"))
        if self.chance.random() < 0.2:
            line["discount_percent"] = "12.5"
        if self.chance.random() < 0.3:
            line["account"] = self.chance.choice(REVENUE)
        return line

    def _exact(self, customer: str, currency: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
        return self._receipt(customer, currency, lines, over=0)

    def _receipt(self, customer: str, currency: str, lines: list[dict[str, Any]], over: int | None = None) -> dict[str, Any]:
        total = sum(line["amount"]["amount"] for line in lines)
        over = self.chance.choice((0, 0, 0, 5)) if over is None else over
        body = {
            "customer_id": customer,
            "received_on": self._day(),
            "payment_type": self.chance.choice(TYPES),
            "amount": self._money(total + over, currency),
            "lines": lines,
            **self._maybe(id=ids.new_id("rct")),
        }
        if over:
            body["overpayment"] = "prepayment"
        if body["payment_type"] == "Check":
            body["check_number"] = str(self.chance.randrange(1000, 9999))
        return body

    def _money(self, amount: int, currency: str | None = None) -> dict[str, Any]:
        return {"amount": amount, "currency": currency or self.currency}

    def _amount(self) -> int:
        return self.chance.randrange(1, 100) * 10 ** exponent(self.currency)

    def _part(self, whole: int) -> int:
        """All of it, some of it, and now and then more than all."""
        return max(1, self.chance.choice((whole, whole, whole // 2, whole // 3, whole + 1)))

    def _day(self) -> str:
        return (self._today() - timedelta(days=self.chance.choice((0, 0, 0, 1, 3, 9)))).isoformat()

    def _today(self) -> date:
        return self.client.world.clock.today(self.client.home.time_zone)

    def _one(self, of: list[Any]) -> Any:
        """Mostly something recent."""
        return self.chance.choice(of[-6:] if self.chance.random() < 0.7 else of)

    def _some(self, of: list[Any], most: int) -> list[Any]:
        return self.chance.sample(of, min(len(of), self.chance.randrange(1, most + 1)))

    def _maybe(self, **given: Any) -> dict[str, Any]:
        return given if self.chance.random() < 0.5 else {}

    @staticmethod
    def _once(known: list[str], new: str) -> None:
        if new not in known:
            known.append(new)
