"""The checker finds nothing in sound books, and each of its questions turns red at the smallest harm."""

from __future__ import annotations

import pytest

from tests.product import Company, House
from tests.rig.checker import check
from tests.rig.conftest import settle
from tests.rig.harm import behind_the_back


def test_sound_books_have_no_breach(books: House, told: tuple[Company, Company]) -> None:
    settle(books)

    assert check(books.assembly.urls, settled=True) == []


def test_books_that_are_not_at_rest_are_sound_too(books: House, told: tuple[Company, Company]) -> None:
    company = told[1]
    company.post("/api/billing/customers", {"name": "Underway"}, pump=False)

    assert check(books.assembly.urls, settled=False) == []
    assert [breach.rule for breach in check(books.assembly.urls, settled=True, companies=[company.id])] != []
    settle(books)


MINE = "company_id = %(company)s"
FIRST_INVOICE = f"select min(id) from app.invoice where {MINE} and number is not null"
ONE_RECEIPT = f"select min(id) from app.receipt where {MINE}"

HARMS = {
    # the journal
    "ledger app.journal_entry": [
        (f"update app.journal_entry set posting_count = posting_count + 1 where {MINE} and number = 2", "A1", "entry 2 "),
        (f"delete from app.journal_entry where {MINE} and number = 2", "A1", "of entry 2, which is not there"),
        (f"update app.journal_entry set hash = sha256(hash) where {MINE} and number = 2", "A4", "entry 2 "),
        (f"update app.journal_entry set subject = 'x' where {MINE} and number = 2", "A6", "subject is x, its event says"),
        (f"update app.journal_entry set event_id = 'evt_x' where {MINE} and number = 2", "A6", "0 entries for"),
        (f"update app.journal_entry set sequence = sequence + 1 where {MINE} and number = 2", "A6", "sequence is"),
    ],
    "ledger app.posting": [
        (f"update app.posting set currency = 'EUR' where {MINE} and entry_number = 2 and line = 1", "A1", "is in EUR"),
        (f"update app.posting set account = '9999' where {MINE} and entry_number = 2 and line = 1", "A1", "names account 9999"),
        (f"update app.posting set amount = amount + 1 where {MINE} and entry_number = 2 and line = 1", "A1", "off by 1"),
        (f"update app.posting set customer_id = 'cus_x' where {MINE} and customer_id is not null", "E1", "customer cus_x"),
        (f"update app.posting set amount = amount + 1 where {MINE} and account = '2200'", "E6", "invoice"),
    ],
    "ledger app.chain_head": [
        (f"update app.chain_head set number = number + 1 where {MINE}", "A3", "the chain's head says"),
        (f"update app.chain_head set hash = sha256(hash) where {MINE}", "A4", "head is not the hash"),
    ],
    "ledger app.chain_checkpoint": [
        (f"update app.chain_checkpoint set hash = sha256(hash) where {MINE}", "A4", "a proof found it whole"),
    ],
    "ledger app.manual_entry": [
        (f"update app.manual_entry set description = 'x' where {MINE}", "A6", "description is x"),
        (
            f"update app.manual_entry set event_id = event_id || 'x' where {MINE}",
            "A6",
            "0 documents of ledger.manual_entry.posted",
        ),
    ],
    "ledger app.period_close": [
        (
            f"update app.period_close set state = 'closing', ended_at = null where {MINE} and state = 'closed'",
            "E10",
            "waits since",
        ),
    ],
    # billing
    "billing app.ar_posting": [
        (f"update app.ar_posting set customer_id = 'cus_x' where {MINE} and kind = 'invoice'", "A2", "is of customer cus_x"),
        (f"update app.ar_posting set amount = amount - 1 where {MINE} and kind = 'application'", "A6", "1 posting is missing"),
        (f"delete from app.ar_posting where {MINE} and kind = 'displacement'", "A2", "its postings are"),
    ],
    "billing app.open_item": [
        (f"update app.open_item set balance = -1 where {MINE} and invoice_id = ({FIRST_INVOICE})", "A2", "in conflict 0"),
        (f"delete from app.open_item where {MINE} and invoice_id = ({FIRST_INVOICE})", "A2", "open balance missing"),
    ],
    "billing app.invoice_void": [
        (f"delete from app.invoice_void where {MINE}", "A2", "voided by nobody"),
        (f"update app.invoice_void set reason = 'x' where {MINE}", "A6", "reason is x"),
    ],
    "billing app.invoice_line": [
        (f"update app.invoice_line set amount = amount + 1 where {MINE} and line = 1", "A2", "lines sum to"),
        (f"update app.invoice_line set line = 7 where {MINE} and line = 1", "A2", "lines sum to"),
    ],
    "billing app.invoice": [
        (f"update app.invoice set number = 'INV-7' where {MINE} and id = ({FIRST_INVOICE})", "A3", "invoice INV-7"),
        (f"update app.invoice set due_on = due_on + 1 where {MINE} and id = ({FIRST_INVOICE})", "A6", "due_on is"),
        (f"update app.invoice set customer_id = 'cus_x' where {MINE} and id = ({FIRST_INVOICE})", "A7", "customer_id cus_x"),
    ],
    "billing app.document_series": [
        (f"update app.document_series set last_number = last_number + 1 where {MINE}", "A3", "its counter at"),
    ],
    "billing copies.account": [
        (f"update copies.account set name = 'x' where {MINE} and code = '4000'", "E9", "account 4000: name is x"),
        (f"delete from copies.account where {MINE} and code = '4000'", "E9", "account 4000: it is missing"),
    ],
    "billing copies.role": [(f"update copies.role set account = '4000' where {MINE} and role = 'ar'", "E9", "role ar")],
    "billing copies.company": [(f"update copies.company set name = 'x' where {MINE}", "E9", "name is x")],
    "identity copies.principal": [
        (
            "insert into copies.principal (company_id, principal, valid_after) values (%(company)s, 'usr_x', now())",
            "E9",
            "principal usr_x: no event says so",
        )
    ],
    # logs
    "billing log.event": [
        ("update log.event set seq = 100000 where seq = (select max(seq) from log.event)", "E7", "the head says"),
        ("update log.event set recorded_at = recorded_at - interval '1 day' where seq = 5", "E7", "recorded before"),
        ("update log.event set type = 'billing.x.y' where seq = 5", "E7", "has body of"),
        ("update log.event set event_id = 'evt_x' where seq = (select max(seq) from log.event)", "E7", "is evt_x in that log"),
        (f"update log.event set seq = null, recorded_at = null where {MINE}", "E7", "has no number"),
    ],
    "billing log.head": [
        ("update log.head set published_through = 1", "E7", "published through 1 of"),
        ("update log.head set epoch = gen_random_uuid()", "E7", "is of epoch"),
        ("update log.head set seq = 5, published_through = 5", "A6", "is beyond that log, which ends at 5"),
    ],
    "payments log.position": [
        ("update log.position set forked = 'log forked' where producer = 'billing'", "E7", "marked as forked"),
        ("update log.position set seq = seq - 1 where producer = 'billing'", "E7", "has taken in"),
    ],
    "payments log.parked": [
        (
            "insert into log.parked (company_id, producer, seq, subject, event_id, type, body, error) "
            "values (%(company)s, 'billing', 3, 's', 'evt_x', 't', '{}', '')",
            "E7",
            "parked without a cause",
        ),
        (
            "insert into log.parked (company_id, producer, seq, subject, event_id, type, body, error) "
            "values (%(company)s, 'billing', 3, 's', 'evt_x', 't', '{}', 'why')",
            "E7",
            "waits for a person: why",
        ),
    ],
    # payments
    "payments app.receipt": [
        (f"update app.receipt set amount = amount + 1 where {MINE} and id = ({ONE_RECEIPT})", "A2", "its lines sum to"),
        (f"update app.receipt set posting_on = posting_on + 1 where {MINE} and id = ({ONE_RECEIPT})", "A6", "posting_on is"),
        (f"delete from app.receipt where {MINE} and id = ({ONE_RECEIPT})", "A7", "receipt_id"),
    ],
    "payments app.receipt_line": [
        (f"update app.receipt_line set amount = amount + 1 where {MINE} and kind = 'invoice'", "A2", " is "),
        (f"delete from app.receipt_line where {MINE} and kind = 'invoice'", "A2", "is on no line of receipt"),
        (f"delete from app.receipt_line where {MINE} and kind = 'account'", "A2", "to accounts 0"),
    ],
    "payments app.receipt_void": [
        (f"delete from app.receipt_void where {MINE}", "A2", "applied, it is"),
        (f"update app.receipt_void set posting_on = posting_on + 1 where {MINE}", "A6", "posting_on is"),
    ],
    "payments app.application": [
        (f"update app.application set invoice_id = 'inv_x' where {MINE} and prepayment_id is null", "A7", "invoice_id inv_x"),
        (f"update app.application set amount = amount + 1 where {MINE} and prepayment_id is not null", "A2", "sum to"),
    ],
    "payments app.prepayment": [
        (f"update app.prepayment set amount = amount + 1 where {MINE} and origin = 'line'", "A2", "from its applications"),
        (f"update app.prepayment set customer_id = 'cus_x' where {MINE}", "A2", "is of customer cus_x"),
        (f"delete from app.prepayment where {MINE} and origin = 'displacement'", "A2", "displaced 8000 into prepayment"),
    ],
    "payments app.open_invoice": [
        (f"update app.open_invoice set applied = 0 where {MINE} and applied > 0", "A2", "0 stored as applied"),
        (f"update app.open_invoice set due_on = due_on + 1 where {MINE}", "E9", "due_on is"),
    ],
    "payments app.displacement": [
        (f"update app.displacement set caused_by = 'evt_x' where {MINE}", "A6", "displaced by evt_x"),
        (f"update app.displacement set amount = amount - 1 where {MINE}", "A6", "amount is 7999"),
    ],
    "payments copies.customer": [(f"update copies.customer set code = 'x' where {MINE}", "E9", "code is x")],
    "payments copies.invoice": [(f"update copies.invoice set voided = not voided where {MINE}", "E9", "voided is")],
    "payments copies.deposited_receipt": [
        (f"update copies.deposited_receipt set returned = not returned where {MINE}", "E9", "returned is"),
        (f"delete from copies.deposited_receipt where {MINE}", "E9", "it is missing"),
    ],
    # banking
    "banking app.deposit_item": [
        (f"update app.deposit_item set amount = amount + 1 where {MINE}", "E4", "took receipt"),
        (f"update app.deposit_item set receipt_id = 'rct_x' where {MINE} and amount = 1700000", "A7", "receipt_id rct_x"),
    ],
    "banking app.deposit_void": [
        (f"delete from app.deposit_void where {MINE}", "E4", "it should by nothing"),
        (f"update app.deposit_void set reason = 'x' where {MINE}", "A6", "reason is x"),
    ],
    "banking app.bank_posting": [
        (f"delete from app.bank_posting where {MINE} and kind = 'deposit_voided'", "E4", "deposit_voided moved the bank account"),
        (f"delete from app.bank_posting where {MINE} and kind = 'item_returned'", "E3", "its live deposit is"),
        (f"update app.bank_posting set posting_on = posting_on + 1 where {MINE} and kind = 'item_returned'", "A6", "posting_on"),
    ],
    "banking app.receipt_place": [
        (
            f"update app.receipt_place set voided = true where {MINE} and deposit_id is null and not voided",
            "E9",
            "voided is True",
        ),
        (f"delete from app.receipt_place where {MINE} and voided", "E3", "has no place"),
    ],
    "banking copies.receipt": [
        (f"update copies.receipt set amount = amount + 1 where {MINE}", "E9", "amount is"),
        (f"delete from copies.receipt where {MINE}", "E9", "it is missing"),
    ],
    # notifications
    "notifications copies.timeline": [
        (f"update copies.timeline set amount = amount + 1 where {MINE} and kind like 'banking.%%'", "E9", "amount is"),
        (f"update copies.timeline set event_id = event_id || 'x' where {MINE}", "E9", "no event says so"),
    ],
    "notifications copies.receipt_customer": [
        (f"update copies.receipt_customer set customer_id = 'cus_x' where {MINE}", "E9", "customer_id is cus_x"),
    ],
    "notifications copies.unplaced_item": [
        (
            "insert into copies.unplaced_item values "
            "(%(company)s, 'rct_x', 'evt_x', now(), '2026-01-01', 'k', 'd', '', 1, 'USD', 'a')",
            "E9",
            "unplaced item rct_x evt_x: no event says so",
        )
    ],
    "notifications app.job": [
        (
            "insert into app.job (company_id, id, kind, key, payload, run_after, last_error) "
            "values (%(company)s, 'job_x', 'k', 'x', '{}', now() + interval '1 hour', 'why')",
            "E10",
            "why",
        )
    ],
}
"""Service and table -> statements, each with the rule that must find it and what the breach says."""


@pytest.mark.parametrize(
    ("place", "statement", "rule", "said"),
    [pytest.param(place, *harm, id=f"{place} {number}") for place, harms in HARMS.items() for number, harm in enumerate(harms)],
)
def test_the_smallest_harm_is_a_breach(
    books: House, told: tuple[Company, Company], place: str, statement: str, rule: str, said: str
) -> None:
    service, table = place.split()
    company, other = told
    with behind_the_back(books, service, [table], company, other) as harm:
        harm.do(statement)

        breaches = check(books.assembly.urls, settled=True, companies=[company.id])

    assert [breach for breach in breaches if breach.rule == rule and said in breach.what], breaches


UNGUARDED = [
    ("billing", "alter table app.invoice disable row level security", "alter table app.invoice enable row level security", "off"),
    (
        "billing",
        "alter policy company on app.customer using (true)",
        "alter policy company on app.customer using (company_id = (select (nullif(current_setting('app.companies', true), "
        "'')::bigint[])[1]))",
        "a request sees every company in app.customer",
    ),
    (
        "billing",
        "alter table app.ar_posting disable trigger append_only",
        "alter table app.ar_posting enable trigger append_only",
        "trigger append_only on app.ar_posting is switched off",
    ),
    (
        "payments",
        "alter trigger counted on app.application rename to gone",
        "alter trigger gone on app.application rename to counted",
        "app.application has no trigger counted",
    ),
    (
        "payments",
        "alter table app.open_invoice rename constraint never_over_applied to gone",
        "alter table app.open_invoice rename constraint gone to never_over_applied",
        "app.open_invoice has no constraint never_over_applied",
    ),
    (
        "ledger",
        "alter index app.journal_entry_event rename to gone",
        "alter index app.gone rename to journal_entry_event",
        "app.journal_entry may hold twice what is unique by journal_entry_event",
    ),
    ("ledger", "grant delete on app.posting to {worker}", "revoke delete on app.posting from {worker}", "may delete app.posting"),
    (
        "banking",
        "grant insert on copies.receipt to {api}",
        "revoke insert on copies.receipt from {api}",
        "may insert copies.receipt",
    ),
]
"""Service, what takes a guard away, what puts it back, and what the breach says."""


@pytest.mark.parametrize(("service", "take", "put_back", "said"), UNGUARDED, ids=[each[3] for each in UNGUARDED])
def test_a_guard_that_is_gone_is_a_breach(
    books: House, told: tuple[Company, Company], service: str, take: str, put_back: str, said: str
) -> None:
    company, other = told
    with behind_the_back(books, service, [], company, other) as harm:
        database = harm.connection.info.dbname
        roles = {role: f'"{database}_{role}"' for role in ("api", "worker")}
        harm.connection.execute(take.format(**roles))
        try:
            breaches = check(books.assembly.urls, settled=False, companies=[])
        finally:
            harm.connection.execute(put_back.format(**roles))

    assert [breach for breach in breaches if breach.rule == "guard" and said in breach.what], breaches
    assert check(books.assembly.urls, settled=False, companies=[]) == []


def test_one_number_on_two_invoices_is_a_breach_also_where_the_index_is_gone(books: House, told: tuple[Company, Company]) -> None:
    company, other = told
    definition = "select pg_get_indexdef('app.invoice_number'::regclass)"
    with behind_the_back(books, "billing", ["app.invoice"], company, other) as harm:
        one, two = harm.rows("select id, number from app.invoice where company_id = %(company)s order by id limit 2")
        ((index,),) = harm.connection.execute(definition).fetchall()
        harm.connection.execute("drop index app.invoice_number")
        harm.do("update app.invoice set number = %(number)s where id = %(id)s", number=one.number, id=two.id)
        breaches = check(books.assembly.urls, settled=True, companies=[company.id])
        harm.do("update app.invoice set number = %(number)s where id = %(id)s", number=two.number, id=two.id)
        harm.connection.execute(index)

    assert [breach for breach in breaches if breach.rule == "A3" and f"{one.id}, {two.id}" in breach.what], breaches
