"""The journal: what the worker writes, and what the database refuses from anybody."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from services.ledger.accounts.usecases import open_books
from services.ledger.entries.domain import Entry, canonical, instant
from services.ledger.tests.books import Books
from shared.contracts import Event
from shared.contracts.banking import ItemReturned
from shared.contracts.identity import CompanyCreated
from shared.ids import new_id
from shared.log.consumer import Taken
from shared.testing import usd, wire
from tests.product import iso


def test_an_invoice_becomes_an_entry_with_its_postings(books: Books) -> None:
    invoice = books.invoice(usd("100.00"), number="INV-7")
    event_id = books.told("billing", invoice.invoice_id, invoice)

    entry = books.company.get(f"/api/ledger/entries/je_{event_id[4:]}")

    assert (entry["number"], entry["kind"], entry["document"], entry["event_id"]) == (1, "invoice issued", "INV-7", event_id)
    assert entry["document_link"] == f"/api/billing/invoices/{invoice.invoice_id}"
    assert entry["event_link"] == f"/api/billing/events?subject={invoice.invoice_id}"
    assert [
        (line["account"], line["account_name"], line["side"], line["amount"], line["customer_id"]) for line in entry["postings"]
    ] == [
        ("1100", "Accounts receivable", "debit", wire(usd("100.00")), invoice.customer_id),
        ("4000", "Sales", "credit", wire(usd("100.00")), None),
    ]


def test_a_void_and_its_invoice_point_to_each_other(books: Books) -> None:
    invoice = books.invoice(usd("100.00"))
    event_id = books.told("billing", invoice.invoice_id, invoice)
    issued = f"je_{event_id[4:]}"

    void = books.voided(invoice, event_id)

    assert books.company.get(f"/api/ledger/entries/{void}")["reverses"] == issued
    assert books.company.get(f"/api/ledger/entries/{issued}")["reversed_by"] == void
    assert books.balance("1100") == books.balance("4000") == 0


def test_a_page_that_comes_twice_posts_once(books: Books) -> None:
    billing = books.producers["billing"]
    before = billing.position()
    invoice = books.invoice(usd("100.00"))
    billing.state(books.company.id, invoice.invoice_id, invoice)
    page = billing.page(before)

    assert books.house.consumers["ledger"].take(page) is Taken.ALL
    assert books.house.consumers["ledger"].take(page) is Taken.NOTHING_NEW

    assert len(books.entries()) == 1
    assert books.balance("1100") == usd("100.00").minor


def test_an_invoice_of_zero_has_no_entry(books: Books) -> None:
    books.issued(usd("0.00"))
    books.issued(usd("5.00"))

    assert [entry["number"] for entry in books.entries()] == [1]


def test_a_document_that_comes_before_its_company_opens_the_books(books: Books) -> None:
    stranger = books.company.id + 100_000
    invoice = books.invoice(usd("10.00"))
    books.producers["billing"].state(stranger, invoice.invoice_id, invoice)
    books.producers["billing"].deliver()

    books.company.id = stranger
    assert books.as_worker("select count(*) from app.account") == [(20,)]
    assert books.as_worker("select number, document_id from app.journal_entry") == [(1, invoice.invoice_id)]
    assert books.as_worker(
        "select count(*) from log.event where company_id = %s and type = 'ledger.account.created'", [stranger]
    ) == [(20,)]


def test_the_news_of_a_company_does_not_open_its_books_twice(books: Books) -> None:
    event = Event(
        id=new_id("evt"),
        source="identity",
        type=CompanyCreated.type,
        subject="cmp",
        company_id=books.company.id,
        actor="",
        correlation_id="",
        origin="live",
        sequence=1,
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        data=CompanyCreated(name="Again", time_zone="UTC", currency="USD"),
    )
    with books.house.databases["ledger"].worker.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s::bigint[], '', '')", ([books.company.id],))
        ctx = books.house.consumers["ledger"].context(session)
        open_books(ctx, [event])

        assert ctx.stated == []


def test_an_unbalanced_event_is_parked_and_the_rest_goes_on(books: Books) -> None:
    wrong = books.invoice(usd("100.00"))
    wrong = type(wrong)(**{**{name: getattr(wrong, name) for name in wrong.__struct_fields__}, "total": 10001})
    books.producers["billing"].state(books.company.id, wrong.invoice_id, wrong)
    right = books.invoice(usd("30.00"))
    books.producers["billing"].state(books.company.id, right.invoice_id, right)
    books.producers["billing"].deliver()

    assert [entry["document_id"] for entry in books.entries()] == [right.invoice_id]
    assert "off by 1" in books.company.get("/api/ledger/parked-events")["items"][0]["error"]


def test_two_consumers_at_once_leave_no_gap_and_no_fork(books: Books) -> None:
    invoices = [books.invoice(usd("10.00")) for _ in range(40)]
    for invoice in invoices:
        books.producers["billing"].state(books.company.id, invoice.invoice_id, invoice)
    for _ in range(40):
        returned = _item_returned()
        books.producers["banking"].state(books.company.id, returned.deposit_id, returned)

    def consume(name: str) -> None:
        producer = books.producers[name]
        while (after := producer.position()) < len(producer.log):
            books.house.consumers["ledger"].take(producer.page(after, after + 3))

    threads = [threading.Thread(target=consume, args=(name,)) for name in ("billing", "banking")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    numbers = [entry["number"] for entry in books.entries(limit=200)]
    assert numbers == list(range(1, 81))
    assert books.company.get("/api/ledger/verification") == {"checked": 80, "through": 80, "next_after": None, "faults": []}
    assert books.balance("1100") == usd("400.00").minor
    assert books.balance("1010") == -usd("40.00").minor


def _item_returned() -> ItemReturned:
    return ItemReturned(
        deposit_id=new_id("dep"),
        receipt_id=new_id("rct"),
        bank_account_id="ban",
        account="1010",
        currency="USD",
        occurred_on=iso("2026-01-12"),
        posting_on=iso("2026-01-12"),
        amount=100,
    )


@pytest.mark.parametrize("role", ["owner", "api", "worker"])
@pytest.mark.parametrize(
    "change",
    [
        "update app.posting set amount = amount + 1",
        "delete from app.posting",
        "truncate app.posting",
        "update app.journal_entry set description = 'x'",
        "delete from app.journal_entry",
        "truncate app.journal_entry",
    ],
)
def test_nobody_changes_the_journal(books: Books, role: str, change: str) -> None:
    books.issued()

    with psycopg.connect(books.house.assembly.urls["ledger"][role]) as connection:
        connection.execute(f"set app.companies = '{{{books.company.id}}}'")
        with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)):
            connection.execute(change)


ENTRY = (
    "insert into app.journal_entry (company_id, number, event_id, producer, sequence, kind, document_id, document, subject, "
    "currency, occurred_on, posting_on, recorded_at, description, posting_count, hash) values (%(company)s, %(number)s, "
    "%(event)s, 'billing', 1, 'k', 'd', '', 's', 'USD', '2026-01-01', '2026-01-01', now(), '', %(count)s, "
    "decode(repeat('00', 32), 'hex'))"
)
POSTINGS = (
    "insert into app.posting (company_id, entry_number, line, account, side, amount, currency, posting_on) "
    "select %(company)s, %(entry)s, * from (values {}) given"
)


def _add(
    books: Books,
    lines: str,
    *,
    number: int = 1,
    entry: int | None = None,
    count: int = 2,
    header: bool = True,
    postings: bool = True,
) -> None:
    """An entry and these lines of it, written by the worker's role; `entry` is the one that the lines name."""
    values = {"company": books.company.id, "number": number, "entry": entry or number, "event": new_id("evt"), "count": count}
    parts = [f"with e as ({ENTRY}) " if postings else ENTRY] if header else []
    parts += [POSTINGS.format(lines)] if postings else []
    with books.house.databases["ledger"].worker.begin() as session:
        session.exec_driver_sql("select app.enter_companies(%s::bigint[], 'test', '')", ([books.company.id],))
        session.exec_driver_sql("".join(parts), values)


def _line(line: int, side: str, amount: int, currency: str = "USD", day: str = "2026-01-01") -> str:
    return f"({line}, '1100', '{side}', {amount}, '{currency}', date '{day}')"


WHOLE = f"{_line(1, 'debit', 5)}, {_line(2, 'credit', 5)}"


def test_what_the_triggers_let_through(books: Books) -> None:
    _add(books, WHOLE)

    assert len(books.entries()) == 1


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        pytest.param(f"{_line(1, 'debit', 5)}, {_line(2, 'credit', 4)}", {}, id="debits and credits differ"),
        pytest.param(WHOLE, {"count": 3}, id="a posting is missing"),
        pytest.param(f"{WHOLE}, {_line(3, 'debit', 1)}, {_line(4, 'credit', 1)}", {}, id="a pair more than the entry says"),
        pytest.param(f"{_line(1, 'debit', 5)}, {_line(3, 'credit', 5)}", {}, id="a line number is left out"),
        pytest.param(
            f"{_line(1, 'debit', 5, 'EUR')}, {_line(2, 'credit', 5, 'EUR')}", {}, id="another currency than the entry's"
        ),
        pytest.param(f"{_line(1, 'debit', 5, 'EUR')}, {_line(2, 'credit', 5)}", {}, id="two currencies"),
        pytest.param(
            f"{_line(1, 'debit', 5, day='2026-01-02')}, {_line(2, 'credit', 5)}", {}, id="another date than the entry's"
        ),
        pytest.param(WHOLE, {"entry": 9}, id="postings of an entry that is not there"),
        pytest.param(WHOLE, {"number": 2}, id="a number is left out"),
        pytest.param(WHOLE, {"header": False}, id="postings without an entry"),
    ],
)
def test_the_database_refuses_an_entry_that_is_not_whole(books: Books, lines: str, more: dict[str, Any]) -> None:
    with pytest.raises(DBAPIError) as refused:
        _add(books, lines, **more)

    assert refused.value.orig is not None
    assert refused.value.orig.sqlstate == "23514"  # type: ignore[attr-defined]


def test_the_database_refuses_an_entry_without_postings(books: Books) -> None:
    with pytest.raises(DBAPIError, match="has no postings"):
        _add(books, "", postings=False)


def test_the_database_refuses_postings_for_an_entry_that_has_its_own(books: Books) -> None:
    books.issued()

    with pytest.raises(DBAPIError) as refused:
        _add(books, WHOLE, header=False)

    assert refused.value.orig is not None
    assert refused.value.orig.sqlstate == "23505"  # type: ignore[attr-defined]


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=30)


@given(description=TEXT, document=TEXT, amount=st.integers(1, 2**53), reverses=st.none() | TEXT)
def test_the_canonical_text_is_what_json_writes(description: str, document: str, amount: int, reverses: str | None) -> None:
    moment = datetime(2026, 1, 31, 17, 5, tzinfo=UTC)
    day = date(2026, 1, 31)
    entry = Entry(7, 1, "evt_1", "billing", 3, "kind", "inv_1", document, "inv_1", "USD", day, day, moment, description, reverses)
    postings = [(1, "1100", "debit", amount, "cus_1", None), (2, "4000", "credit", amount, None, None)]

    by_json = ["duebook/1", 7, 1, "evt_1", "billing", 3, "kind", "inv_1", document, "inv_1", "USD", "2026-01-31", "2026-01-31"]
    by_json += ["2026-01-31T17:05:00.000000Z", description, reverses, postings]

    assert canonical(entry, instant(moment), postings) == json.dumps(by_json, ensure_ascii=False, separators=(",", ":")).encode()


def test_a_stranger_recomputes_the_chain_from_what_the_api_shows(books: Books) -> None:
    books.issued(usd("100.00"), number='INV-"1\\')
    books.issued(usd("30.00"))
    previous = bytes(32)

    for item in books.entries():
        entry = books.company.get(f"/api/ledger/entries/{item['id']}")
        postings = [
            [
                *(line[name] for name in ("line", "account", "side")),
                line["amount"]["amount"],
                line["customer_id"],
                None if line["document_id"] == entry["document_id"] else line["document_id"],
            ]
            for line in entry["postings"]
        ]
        recorded = datetime.fromisoformat(entry["recorded_at"]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        names = ("number", "event_id", "producer", "sequence", "kind", "document_id", "document")
        text = ["duebook/1", books.company.id, *(entry[name] for name in names), entry["document_id"], entry["currency"]]
        text += [entry["occurred_on"], entry["posting_on"], recorded, entry["description"], entry["reverses"], postings]
        previous = sha256(previous + json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()).digest()
        assert entry["hash"] == previous.hex()


def test_entries_are_found_by_document_event_and_date(books: Books) -> None:
    invoice = books.invoice(usd("100.00"))
    event_id = books.told("billing", invoice.invoice_id, invoice)
    receipt = books.received(usd("40.00"), invoice, "2026-02-03")
    books.issued(day="2026-03-01")

    of_invoice = [entry["id"] for entry in books.entries(document_id=invoice.invoice_id)]
    assert of_invoice == [f"je_{event_id[4:]}", receipt]
    assert [entry["event_id"] for entry in books.entries(event_id=event_id)] == [event_id]
    assert [entry["id"] for entry in books.entries(**{"from": "2026-02-01", "to": "2026-02-28"})] == [receipt]
    by_date = books.company.get("/api/ledger/entries", sort="posting_on", limit=2)
    rest = books.company.get("/api/ledger/entries", sort="posting_on", limit=2, cursor=by_date["next_cursor"])
    assert [item["number"] for item in by_date["items"] + rest["items"]] == [1, 2, 3]


def test_an_entry_that_is_not_there_is_not_found(books: Books) -> None:
    books.company.refused(f"/api/ledger/entries/{new_id('je')}", method="GET", status=404, problem="entry-not-found")


def test_another_companys_entry_is_not_found(books: Books) -> None:
    entry = books.issued()
    stranger = books.house.company()

    stranger.refused(f"/api/ledger/entries/{entry}", method="GET", status=404, problem="entry-not-found")


def test_reading_the_journal_needs_its_permission(books: Books) -> None:
    entry = books.issued()
    clerk = books.company.may_only("ledger.account.read")

    clerk.refused(f"/api/ledger/entries/{entry}", method="GET", status=403, problem="permission-missing")
    clerk.refused("/api/ledger/entries", method="GET", status=403, problem="permission-missing")
