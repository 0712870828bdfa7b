"""The proof over all services: exact while they run, red with the documents where they differ, never green by guess."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from services.ledger.proofs import usecases
from shared.context import Context
from shared.contracts.billing import InvoiceIssued, InvoiceLine
from shared.db import enter_companies
from shared.ids import new_id
from shared.peers import PeerUnreachable
from shared.testing import usd, wire
from tests.product import Company, House, iso


def issue(company: Company, customer_id: str, price: str, *, pump: bool = True) -> Any:
    line = {"description": "Work", "quantity": "1", "unit_price": price}
    return company.post("/api/billing/invoices", {"customer_id": customer_id, "issue": True, "lines": [line]}, pump=pump)


def proved(company: Company) -> dict[str, Any]:
    """Proof code -> proof, and the overall state under `all`."""
    answer = company.get("/api/ledger/proofs")
    return {"all": answer["state"], **{proof["code"]: proof for proof in answer["proofs"]}}


def states(found: dict[str, Any]) -> dict[str, str]:
    return {code: found[code]["state"] for code in ("P1", "P2", "P3", "P4", "P5")}


@pytest.fixture
def customer(company: Company) -> str:
    return str(company.post("/api/billing/customers", {"name": "Greenfield"})["id"])


def corrupt(house: House, service: str, statement: str) -> None:
    """Changes rows behind a service's back."""
    database = house.assembly.urls[service]["owner"].rpartition("/")[2]
    with psycopg.connect(house.admin_url.rpartition("/")[0] + "/" + database) as admin:
        admin.execute("set session_replication_role = replica")
        assert admin.execute(statement).rowcount >= 1


def test_an_invoice_is_proven_with_both_figures_and_the_clock(company: Company, customer: str) -> None:
    issue(company, customer, "100.00")

    found = proved(company)

    assert found["all"] == "green"
    assert found["P2"]["totals"] == [{"currency": "USD", "ledger": 10000, "owner": 10000}]
    assert found["P2"]["clock"]["billing"] > 0
    assert found["P1"]["clock"] == {"entry": 1}


def test_a_proof_takes_off_what_came_after_the_owners_clock(
    company: Company, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(company, customer, "100.00")
    ask = usecases._ask

    def ask_then_go_on(ctx: Any, peers: Any, owner: str, **params: str) -> Any:
        answer = ask(ctx, peers, owner, **params)
        if owner == "billing":
            issue(company, customer, "7.00")
        return answer

    monkeypatch.setattr(usecases, "_ask", ask_then_go_on)

    found = proved(company)

    assert states(found)["P2"] == "green"
    assert found["P2"]["totals"] == [{"currency": "USD", "ledger": 10000, "owner": 10000}]


def test_every_proof_is_exact_while_documents_are_written(house: House, company: Company, customer: str) -> None:
    done = threading.Event()
    failures: list[BaseException] = []

    def guarded(run: Any) -> threading.Thread:
        def loop() -> None:
            while not done.is_set():
                try:
                    run()
                except BaseException as failure:  # noqa: BLE001 - shown below
                    failures.append(failure)
                    done.set()

        return threading.Thread(target=loop)

    threads = [guarded(lambda: issue(company, customer, "3.00", pump=False)) for _ in range(2)]
    threads.append(guarded(lambda: house.pump(only=["ledger"])))
    for thread in threads:
        thread.start()
    found = [company.get("/api/ledger/proofs") for _ in range(10)]
    done.set()
    for thread in threads:
        thread.join()
    house.pump()

    assert failures == []
    # a busy machine may leave the ledger more than five seconds behind: that proof is unknown, but never red
    assert [proof for answer in found for proof in answer["proofs"] if proof["state"] == "red"] == []
    found = [answer for answer in found if answer["state"] == "green"]
    figures = [proof["proofs"][1]["totals"][0]["ledger"] for proof in found if proof["proofs"][1]["totals"]]
    assert figures == sorted(figures)
    assert len(set(figures)) > 1


def test_a_difference_is_red_and_named_by_customer_and_document(house: House, company: Company, customer: str) -> None:
    wrong = issue(company, customer, "100.00")
    issue(company, customer, "50.00")
    corrupt(
        house,
        "billing",
        f"update app.ar_posting set amount = 9999 where company_id = {company.id} and invoice_id = '{wrong['id']}'",
    )
    corrupt(
        house,
        "billing",
        f"update app.open_item set balance = 9999 where company_id = {company.id} and invoice_id = '{wrong['id']}'",
    )

    found = proved(company)

    assert states(found) == {"P1": "green", "P2": "red", "P3": "green", "P4": "green", "P5": "green"}
    assert found["all"] == "red"
    assert found["P2"]["differences"] == [
        {
            "key": customer,
            "currency": "USD",
            "ledger": 15000,
            "owner": 14999,
            "documents": [f"{wrong['id']} {wrong['number']}"],
        }
    ]


def test_a_posting_that_was_taken_away_is_found_by_the_chain(house: House, company: Company, customer: str) -> None:
    issue(company, customer, "100.00")
    corrupt(house, "ledger", f"delete from app.posting where company_id = {company.id} and line = 2")

    found = proved(company)

    assert (found["P1"]["state"], "entry 1" in found["P1"]["reason"]) == ("red", True)


CUT_OFF = (
    "delete from app.posting where company_id = {company} and entry_number > 1",
    "delete from app.journal_entry where company_id = {company} and number > 1",
)
HEAD_SET_BACK = (
    "update app.chain_head h set number = e.number, hash = e.hash from app.journal_entry e "
    "where h.company_id = {company} and e.company_id = h.company_id and e.number = 1"
)


def test_a_journal_that_was_cut_off_with_its_head_after_a_proof_is_red(house: House, company: Company, customer: str) -> None:
    for price in ("1.00", "2.00", "3.00"):
        issue(company, customer, price)
    assert proved(company)["P1"]["clock"] == {"entry": 3}
    for statement in (*CUT_OFF, HEAD_SET_BACK):
        corrupt(house, "ledger", statement.format(company=company.id))

    found = proved(company)

    ends = "the chain ends at entry 1, entry 3 was verified before"
    assert (found["P1"]["state"], found["P1"]["reason"].removeprefix("entry 3: ")) == ("red", ends)
    assert company.get("/api/ledger/verification")["faults"] == [{"number": 3, "detail": ends}]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "update app.journal_entry set hash = sha256(hash) where company_id = {company} and number = 1",
            "no longer has the hash",
        ),
        ("delete from app.journal_entry where company_id = {company} and number = 1", "is missing"),
    ],
)
def test_the_entry_at_which_the_last_proof_ended_must_still_be_the_one(
    house: House, company: Company, customer: str, statement: str, says: str
) -> None:
    issue(company, customer, "1.00")
    assert proved(company)["P1"]["clock"] == {"entry": 1}
    issue(company, customer, "2.00")
    corrupt(house, "ledger", statement.format(company=company.id))

    found = proved(company)

    assert found["P1"]["state"] == "red"
    assert found["P1"]["reason"].startswith("entry 1")
    assert says in found["P1"]["reason"]
    assert proved(company)["P1"]["state"] == "red", "a second proof does not begin after it"


@pytest.mark.parametrize("table", ["balance", "customer_balance"])
def test_a_stored_balance_that_was_changed_is_found(house: House, company: Company, customer: str, table: str) -> None:
    issue(company, customer, "100.00")
    assert proved(company)["all"] == "green"
    corrupt(house, "ledger", f"update app.{table} set debit = debit + 1 where company_id = {company.id} and account = '1100'")

    found = proved(company)

    assert found["P1"]["state"] == "red"
    assert "stored balances" in found["P1"]["reason"]


def test_a_service_that_does_not_answer_makes_its_proofs_unknown(
    house: House, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers = house.assembly.app("ledger").extensions["duebook"].peers
    get = peers.get

    def away(peer: str, path: str, **params: Any) -> Any:
        if peer == "banking":
            raise PeerUnreachable("banking does not answer")
        return get(peer, path, **params)

    monkeypatch.setattr(peers, "get", away)

    found = proved(company)

    assert states(found) == {"P1": "green", "P2": "green", "P3": "green", "P4": "unknown", "P5": "unknown"}
    assert (found["all"], found["P4"]["reason"]) == ("unknown", "banking does not answer")


def test_what_the_ledger_has_not_taken_in_is_unknown(company: Company, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usecases.prove, "__defaults__", (0.05,))
    issue(company, customer, "100.00", pump=False)

    found = proved(company)

    assert states(found)["P2"] == "unknown"
    assert "from billing" in found["P2"]["reason"]


def park(house: House, company: Company, customer: str) -> str:
    """An invoice that is off by a cent reaches the ledger, which cannot post it. Returns the event's id."""
    day = iso("2026-01-10")
    off = InvoiceIssued(
        invoice_id=new_id("inv"),
        number="INV-1",
        customer_id=customer,
        currency="USD",
        occurred_on=day,
        posting_on=day,
        issued_on=day,
        due_on=day,
        total=10000,
        lines=[InvoiceLine(line=1, description="Work", amount=9999)],
    )
    with house.databases["billing"].api.begin() as session:
        enter_companies(session, [company.id], "test")
        ctx = Context(session, house.clock, "billing", company.id, "test", "test")
        event_id = ctx.state(off, off.invoice_id)
        ctx.write_stated()
    house.pump(only=["ledger"])
    return event_id


def test_an_event_that_waits_for_a_person_is_red(house: House, company: Company, customer: str) -> None:
    event_id = park(house, company, customer)

    found = proved(company)

    assert states(found) == {"P1": "red", "P2": "red", "P3": "green", "P4": "green", "P5": "green"}
    assert f"billing:{event_id}" in found["P2"]["reason"]


def test_an_owner_to_whom_a_log_has_forked_makes_its_proofs_unknown(
    house: House, company: Company, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(company, customer, "100.00")
    ask = usecases._ask

    def ask_one_that_sees_a_fork(ctx: Any, peers: Any, owner: str, **params: str) -> Any:
        answer = ask(ctx, peers, owner, **params)
        return {**answer, "forked": {"payments": "log forked: payments is in another epoch"}} if owner == "billing" else answer

    monkeypatch.setattr(usecases, "_ask", ask_one_that_sees_a_fork)

    found = proved(company)

    assert states(found) == {"P1": "green", "P2": "unknown", "P3": "green", "P4": "green", "P5": "green"}
    assert found["P2"]["reason"] == "log forked: payments is in another epoch (seen by billing)"


def test_a_log_that_has_forked_to_the_ledger_makes_what_depends_on_it_unknown(
    house: House, company: Company, customer: str
) -> None:
    issue(company, customer, "100.00")
    corrupt(house, "ledger", "update log.position set forked = 'billing is in another epoch' where producer = 'billing'")
    try:
        found = proved(company)
    finally:
        corrupt(house, "ledger", "update log.position set forked = null where producer = 'billing'")

    assert states(found) == {"P1": "green", "P2": "unknown", "P3": "green", "P4": "green", "P5": "green"}
    assert found["P2"]["reason"] == "log forked: billing is in another epoch (seen by ledger)"


def test_proofs_are_kept(company: Company) -> None:
    first = company.get("/api/ledger/proofs")
    second = company.get("/api/ledger/proofs")

    kept = company.get("/api/ledger/proofs/history")["items"]

    assert {item["id"] for item in kept} == {first["id"], second["id"]}
    assert kept[0]["proofs"] == first["proofs"]


def test_a_proof_needs_its_permission(company: Company) -> None:
    company.may_only("ledger.proof.read").get("/api/ledger/proofs")
    company.may_only("ledger.entry.read").refused("/api/ledger/proofs", method="GET", status=403, problem="permission-missing")


def test_a_receipt_and_its_deposit_are_proven_step_by_step(company: Company, customer: str) -> None:
    invoice = issue(company, customer, "100.00")
    receipt = company.post(
        "/api/payments/receipts",
        {
            "customer_id": customer,
            "amount": wire(usd("120.00")),
            "payment_type": "Check",
            "received_on": "2026-01-15",
            "check_number": "17",
            "lines": [
                {"kind": "invoice", "invoice_id": invoice["id"], "amount": wire(usd("100.00"))},
                {"kind": "prepayment", "amount": wire(usd("20.00"))},
            ],
        },
    )
    found = proved(company)
    assert states(found) == dict.fromkeys(("P1", "P2", "P3", "P4", "P5"), "green"), found
    assert found["P3"]["totals"] == [{"currency": "USD", "ledger": -2000, "owner": -2000}]
    assert found["P4"]["totals"] == [{"currency": "USD", "ledger": 12000, "owner": 12000}]

    company.post(f"/api/payments/receipts/{receipt['id']}/void", {"reason": "bounced"})
    found = proved(company)
    assert states(found) == dict.fromkeys(("P1", "P2", "P3", "P4", "P5"), "green"), found
    assert found["P2"]["totals"] == [{"currency": "USD", "ledger": 10000, "owner": 10000}]
    assert found["P4"]["totals"] == []
