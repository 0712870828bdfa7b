"""Two at once: one wins, and the other is told so, or a further fact settles it. Money is never in two places."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from shared.ids import new_id
from shared.testing import usd, wire
from tests.integration.faults.business import (
    TIMES,
    Answer,
    Office,
    application_of,
    at_once,
    deposit_of,
    deposit_rows,
    invoice_of,
    invoice_rows,
    prepaid,
    receipt_of,
    receipt_rows,
    seeded,
    to_invoice,
    wait_for,
)

PAIRS = 3 * TIMES
CLIENTS, EACH, CUSTOMERS = 20, 15 * TIMES, 3

pytestmark = pytest.mark.timeout(120 + 60 * TIMES)


@pytest.fixture
def bank(office: Office) -> str:
    return str(office.company.get("/api/banking/bank-accounts")["items"][0]["id"])


@pytest.fixture
def customer(office: Office) -> str:
    """Known to all."""
    made = office.customer()
    office.settle()
    return made


def receipt(office: Office, customer: str, amount: str, *lines: dict[str, Any]) -> str:
    return str(office.post("payments/receipts", receipt_of(customer, amount, *lines))["id"])


def void(office: Office, path: str, day: str = "2026-01-09") -> Callable[[], Answer]:
    return partial(office.until_answered, f"{path}/void", {"reason": "wrong", "voided_on": day})


def outcome(answers: list[Answer]) -> list[Any]:
    """How each was answered: its status where it was done, its problem where it was refused."""
    return [answer.status if answer.status in (200, 201) else answer.problem for answer in answers]


@pytest.mark.matrix("38", times=PAIRS)
def test_of_two_deposits_of_one_receipt_one_is_refused(office: Office, customer: str, bank: str) -> None:
    for _ in range(PAIRS):
        one = receipt(office, customer, "50.00", prepaid("50.00"))
        office.settle()

        made = partial(office.until_answered, "banking/deposits", deposit_of(bank, one))
        answers = at_once(made, made)

        assert sorted(map(str, outcome(answers))) == ["201", "receipt-already-deposited"]
    office.sound()


@pytest.mark.matrix("38", times=PAIRS)
def test_of_two_receipts_that_pay_one_invoice_one_is_refused(office: Office, customer: str) -> None:
    for _ in range(PAIRS):
        invoice = office.invoice(customer, "50.00")
        office.settle()

        body = receipt_of(customer, "50.00", to_invoice(invoice, "50.00"))
        answers = at_once(*(partial(office.until_answered, "payments/receipts", body) for _ in range(2)))

        assert sorted(map(str, outcome(answers))) == ["201", "application-exceeds-balance"]
    office.sound()


@pytest.mark.matrix("38", times=PAIRS)
def test_an_invoice_is_voided_while_it_is_paid(office: Office, customer: str) -> None:
    """Both are right by what they know; the money becomes a prepayment."""
    for _ in range(PAIRS):
        invoice = office.invoice(customer, "50.00")
        office.settle()

        pay = partial(office.until_answered, "payments/receipts", receipt_of(customer, "50.00", to_invoice(invoice, "50.00")))
        answers = at_once(void(office, f"billing/invoices/{invoice}"), pay)
        office.settle()

        assert outcome(answers) == [200, 201]
        assert office.company.get(f"/api/billing/invoices/{invoice}")["balance"]["amount"] == 0
        found = office.company.get(f"/api/payments/receipts/{answers[1].json['id']}")
        assert [lot["origin"] for lot in found["prepayments"]] == ["displacement"]
    office.sound()


@pytest.mark.matrix("38", times=PAIRS)
def test_an_invoice_is_voided_while_a_prepayment_is_applied_to_it(office: Office, customer: str) -> None:
    for _ in range(PAIRS):
        invoice = office.invoice(customer, "50.00")
        kept = receipt(office, customer, "50.00", prepaid("50.00"))
        office.settle()

        apply = partial(office.until_answered, "payments/prepayment-applications", application_of(customer, (invoice, "50.00")))
        answers = at_once(void(office, f"billing/invoices/{invoice}"), apply)
        office.settle()

        assert outcome(answers) == [200, 201]
        found = office.company.get(f"/api/payments/receipts/{kept}")
        assert sorted((lot["origin"], lot["remaining"]["amount"]) for lot in found["prepayments"]) == [
            ("displacement", 5000),
            ("line", 0),
        ]
        void(office, f"payments/receipts/{kept}", day="2026-01-15")()
    office.sound()


@pytest.mark.matrix("38", times=PAIRS)
def test_a_receipt_is_voided_while_it_is_banked(office: Office, customer: str, bank: str) -> None:
    """The bank has the slip with it: it comes back as a returned item."""
    for _ in range(PAIRS):
        one = receipt(office, customer, "50.00", prepaid("50.00"))
        office.settle()

        answers = at_once(
            void(office, f"payments/receipts/{one}"), partial(office.until_answered, "banking/deposits", deposit_of(bank, one))
        )
        office.settle()

        assert outcome(answers) == [200, 201]
        deposit = office.company.get(f"/api/banking/deposits/{answers[1].json['id']}")
        assert deposit["returned"] == wire(usd("50.00"))
    office.sound()


@pytest.mark.matrix("38", times=PAIRS)
def test_a_receipt_is_voided_while_the_deposit_that_it_is_in_is_voided(office: Office, customer: str, bank: str) -> None:
    for _ in range(PAIRS):
        both = [receipt(office, customer, "50.00", prepaid("50.00")) for _ in range(2)]
        office.settle()
        deposit = office.post("banking/deposits", deposit_of(bank, *both))["id"]

        answers = at_once(void(office, f"payments/receipts/{both[0]}"), void(office, f"banking/deposits/{deposit}"))
        office.settle()

        assert outcome(answers) == [200, 200]
        waiting = office.company.get("/api/banking/undeposited-receipts", limit=200)["items"]
        assert both[0] not in {item["receipt_id"] for item in waiting}
        assert both[1] in {item["receipt_id"] for item in waiting}
    office.sound()


@pytest.mark.matrix("38", times=PAIRS)
def test_a_receipt_is_voided_while_its_prepayment_is_applied(office: Office, customer: str) -> None:
    for _ in range(PAIRS):
        invoice = office.invoice(customer, "50.00")
        one = receipt(office, customer, "50.00", prepaid("50.00"))
        office.settle()

        apply = partial(office.until_answered, "payments/prepayment-applications", application_of(customer, (invoice, "50.00")))
        answers = at_once(void(office, f"payments/receipts/{one}"), apply)
        office.settle()

        assert outcome(answers) in ([200, 201], [200, "prepayment-exceeded"])
        assert office.company.get(f"/api/billing/invoices/{invoice}")["balance"]["amount"] == 5000
    office.sound()


@pytest.mark.matrix("38", times=PAIRS)
@pytest.mark.parametrize("what", ["invoices", "receipts", "deposits"])
def test_of_two_voids_of_one_document_one_counts(office: Office, customer: str, bank: str, what: str) -> None:
    for _ in range(PAIRS):
        if what == "invoices":
            path, refused = f"billing/invoices/{office.invoice(customer, '50.00')}", "invoice-already-void"
        else:
            one = receipt(office, customer, "50.00", prepaid("50.00"))
            path, refused = f"payments/receipts/{one}", "receipt-voided-already"
        office.settle()
        if what == "deposits":
            deposit = office.post("banking/deposits", deposit_of(bank, one))["id"]
            path, refused = f"banking/deposits/{deposit}", "deposit-already-voided"

        answers = at_once(void(office, path), void(office, path))

        assert sorted(map(str, outcome(answers))) == ["200", refused]
    office.sound()


@pytest.mark.matrix("7", times=TIMES)
@pytest.mark.matrix("38", times=TIMES)
def test_the_same_import_twice_at_once_neither_doubles_nor_deadlocks(office: Office) -> None:
    """The second one's rows are in the opposite order, which is how two imports would wait for each other."""
    how_many = 400
    for first in range(0, how_many * TIMES, how_many):
        assert added(office, "billing/imports/invoices", invoice_rows(how_many, first)) == [0, how_many]
        office.settle()
        assert added(office, "payments/imports/receipts", receipt_rows(how_many, first)) == [0, how_many]
        office.settle()
        with office.house.owner("banking") as owner:
            query = "select receipt_id from app.receipt_place where company_id = %s and deposit_id is null order by 1"
            waiting = [row[0] for row in owner.execute(query, (office.company.id,)).fetchall()]
        assert added(office, "banking/imports/deposits", deposit_rows(waiting)) == [0, how_many]
    office.sound()


def added(office: Office, path: str, rows: list[dict[str, Any]]) -> list[int]:
    sent = ({"rows": rows}, {"rows": rows[::-1]})
    answers = at_once(*(partial(office.until_answered, path, body) for body in sent))
    assert [answer.status for answer in answers] == [200, 200], answers
    ids = [{item["external_id"]: item["id"] for item in answer.json["items"]} for answer in answers]
    assert ids[0] == ids[1]
    return sorted(answer.json["added"] for answer in answers)


@pytest.mark.matrix("T3", times=PAIRS)
def test_one_write_sent_many_times_at_once_under_one_key_is_done_once(office: Office, customer: str) -> None:
    for _ in range(PAIRS):
        key = new_id("idk")
        sent = partial(office.until_answered, "billing/invoices", invoice_of(customer, "10.00"), key)

        answers = at_once(*([sent] * 10))

        assert {answer.status for answer in answers} == {201}
        assert len({answer.json["id"] for answer in answers}) == 1
        assert sum(not answer.replayed for answer in answers) == 1
    office.sound()


@pytest.mark.matrix("18", times=CLIENTS * EACH)
def test_twenty_clients_on_three_customers_hardly_ever_hear_of_each_other(office: Office) -> None:
    """None of what they do can be refused by a rule, so whatever is refused was the crowd's fault."""
    chance = seeded()
    customers = [office.customer(f"Customer {number}") for number in range(CUSTOMERS)]
    invoices = {one: sorted(office.invoice(one, "90000.00") for _ in range(4)) for one in customers}
    office.settle()
    for one in customers:
        receipt(office, one, "90000.00", prepaid("90000.00"))
    office.settle()
    seeds = [chance.randrange(2**32) for _ in range(CLIENTS)]
    first: Counter[int | None] = Counter()
    stop = threading.Event()

    def take_in() -> None:
        while not stop.wait(0.05):
            office.house.pump()

    def client(seed: int) -> Answer:
        rnd = type(chance)(seed)
        for _ in range(EACH):
            one = rnd.choice(customers)
            a, b = rnd.sample(invoices[one], 2)
            choice = rnd.random()
            if choice < 0.2:
                path, body = "billing/invoices", invoice_of(one, "7.00")
            elif choice < 0.6:
                body = receipt_of(one, "0.02", to_invoice(a, "0.01"), to_invoice(b, "0.01"))
                path = "payments/receipts"
            else:
                path, body = "payments/prepayment-applications", application_of(one, (a, "0.01"), (b, "0.02"))
            key = new_id("idk")
            answer = office.send(path, body, key)
            first[answer.status] += 1
            if answer.status == 201 and path == "payments/receipts" and rnd.random() < 0.5:
                answer = office.send(f"payments/receipts/{answer.json['id']}/void", {"reason": "x", "voided_on": "2026-01-09"})
                first[answer.status] += 1
            elif answer.status == 503:
                office.until_answered(path, body, key)
        return Answer(None, None)

    worker = threading.Thread(target=take_in)
    worker.start()
    try:
        at_once(*(partial(client, seed) for seed in seeds))
    finally:
        stop.set()
        worker.join()

    asked = sum(first.values())
    print(dict(first))
    assert set(first) <= {200, 201, 409, 503}
    assert first[409] == 0
    assert first[503] <= asked * 0.05  # a slow machine is busy; what is asked here is that nobody is told of a conflict
    office.sound()


CREATED = ("/api/billing/customers", "/api/billing/terms", "/api/billing/invoices", "/api/payments/payment-types")
CREATED += ("/api/payments/receipts", "/api/payments/prepayment-applications", "/api/banking/bank-accounts")
CREATED += ("/api/banking/deposit-groups", "/api/banking/deposits", "/api/ledger/manual-entries")


def bodies(office: Office, customer: str, bank: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """For each route that makes something: a body under an id of the client's, and what differs in another content."""
    invoice = office.invoice(customer, "90.00")
    office.settle()
    kept = receipt(office, customer, "90.00", prepaid("90.00"))
    office.settle()
    account = {"code": "1015", "name": "Second bank", "kind": "asset", "control": "bank"}
    assert office.company.call("POST", "/api/ledger/accounts", account).status_code == 201
    office.settle()
    entry = [
        {"account": code, "side": side, "amount": wire(usd("3.00"))} for code, side in (("6100", "debit"), ("4000", "credit"))
    ]
    invoice_body, receipt_body = invoice_of(customer, "5.00"), receipt_of(customer, "5.00", prepaid("5.00"))
    groups = {"description": f"Group {new_id('dgr')}"}
    return {
        "/api/billing/customers": ({"id": new_id("cus"), "name": "Harbor"}, {"name": "Linden"}),
        "/api/billing/terms": ({"id": new_id("trm"), "description": "Net 12", "kind": "net_days", "days": 12}, {"days": 13}),
        "/api/billing/invoices": ({"id": new_id("inv"), **invoice_body}, {"notes": "other"}),
        "/api/payments/payment-types": (
            {"id": new_id("pty"), "name": "Money order", "needs_deposit": True, "deposit_group": "Checks"},
            {"deposit_group": "Cash"},
        ),
        "/api/payments/receipts": ({"id": new_id("rct"), **receipt_body}, {"notes": "other"}),
        "/api/payments/prepayment-applications": (
            {"id": new_id("pra"), **application_of(customer, (invoice, "1.00"))},
            {"applied_on": "2026-01-08"},
        ),
        "/api/banking/bank-accounts": ({"id": new_id("ban"), "name": "Second", "account": "1015"}, {"name": "Third"}),
        "/api/banking/deposit-groups": ({"id": new_id("dgr"), **groups}, {"description": "Other"}),
        "/api/banking/deposits": ({"id": new_id("dep"), **deposit_of(bank, kept)}, {"notes": "other"}),
        "/api/ledger/manual-entries": (
            {"id": new_id("man"), "description": "Correction", "occurred_on": "2026-01-07", "lines": entry},
            {"description": "Another"},
        ),
    }


@pytest.mark.matrix("T2", times=len(CREATED))
@pytest.mark.matrix("T3", times=len(CREATED))
def test_what_is_made_under_a_clients_id_is_made_once_and_the_retry_says_so(office: Office, customer: str, bank: str) -> None:
    found = bodies(office, customer, bank)
    assert found.keys() == set(CREATED)
    for path, (body, other) in found.items():
        key = new_id("idk")
        first = office.company.call("POST", path, body, key=key)
        same_key = office.company.call("POST", path, body, key=key)
        same_id = office.company.call("POST", path, body)
        differs = office.company.call("POST", path, body | other)

        assert first.status_code == 201, (path, first.text)
        assert (same_key.json(), same_id.json()["id"]) == (first.json(), body["id"]), path
        assert same_id.status_code == 200, path
        replayed = same_key.headers.get("Idempotency-Replayed") == "true"
        assert replayed or same_key.status_code == 200, path
        assert differs.status_code == 409, (path, differs.text)
        assert "/id" in differs.text, path
    office.sound()


UNKEYED = ("/api/billing/customers", "/api/billing/terms", "/api/payments/payment-types")
UNKEYED += ("/api/banking/bank-accounts", "/api/banking/deposit-groups")


@pytest.mark.matrix("T2", times=len(UNKEYED))
def test_two_requests_at_once_under_one_id_make_one_thing(office: Office, customer: str, bank: str) -> None:
    """Where no Idempotency-Key keeps them apart, the client's id does."""
    made = bodies(office, customer, bank)
    for path in UNKEYED:
        body, _ = made[path]
        answers = at_once(*(partial(office.company.call, "POST", path, body) for _ in range(2)))

        assert sorted(answer.status_code for answer in answers) == [200, 201], (path, [answer.text for answer in answers])
        assert {answer.json()["id"] for answer in answers} == {body["id"]}
    office.sound()


@pytest.mark.matrix("18")
def test_a_deadlock_is_settled_inside_and_the_client_hears_nothing_of_it(office: Office, customer: str, admin_url: str) -> None:
    """Somebody locks two invoices in the opposite order. Whose request the database breaks off, which it does once in a while,
    runs again by itself."""
    a, b = sorted(office.invoice(customer, "90.00") for _ in range(2))
    office.settle()
    database = conninfo_to_dict(office.house.assembly.urls["payments"]["api"])["dbname"]
    lock = "select from app.open_invoice where company_id = %s and invoice_id = %s for update"
    waits = "select count(*) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'"
    body = receipt_of(customer, "0.02", to_invoice(a, "0.01"), to_invoice(b, "0.01"))
    for _ in range(10):
        with (
            psycopg.connect(admin_url, autocommit=True) as admin,
            psycopg.connect(admin_url, dbname=database) as other,
            ThreadPoolExecutor(1) as threads,
        ):
            other.execute("set deadlock_timeout = '60s'")  # so that the request looks for a deadlock, and is the one that ends
            other.execute(lock, (office.company.id, b))
            asked = threads.submit(office.send, "payments/receipts", body)
            wait_for(lambda: admin.execute(waits, (database,)).fetchall() == [(1,)], "the request to wait")
            other.execute(lock, (office.company.id, a))
            assert not asked.done() or asked.result().status == 503, "the request had locked both"
            other.rollback()
            answer = asked.result()
        if answer.status == 201:  # 503 where a slow machine let the request look before there was a deadlock
            break
    assert answer.status == 201, answer
    office.sound()
