"""What can go wrong in the databases, one smallest change each; a seed chooses the row.

`named` is what the checker's breach must contain, `finds` exactly what of the product's own checks turns red: the proofs P1 to
P5, and `verify` of ledger, billing and payments. Where it is empty, only the checker with all databases in hand can know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.ids import new_id
from tests.rig.harm import Harm

Apply = Callable[[Harm], str]
"""Does the harm; returns what names the row or document."""


@dataclass(frozen=True)
class Corruption:
    name: str
    service: str
    tables: tuple[str, ...]
    rule: str
    finds: frozenset[str]
    apply: Apply


CORRUPTIONS: list[Corruption] = []


def corruption(service: str, *tables: str, rule: str, finds: str = "") -> Callable[[Apply], Apply]:
    """Registers a change of these tables that the checker must find by this rule."""

    def register(apply: Apply) -> Apply:
        found = frozenset(finds.split())
        CORRUPTIONS.append(Corruption(apply.__name__, service, tables, rule, found, apply))
        return apply

    return register


# ledger

POSTING = "select * from app.posting where company_id = %(company)s order by entry_number, line"
OF_POSTING = "where company_id = %(company)s and entry_number = %(entry_number)s and line = %(line)s"
ENTRY = "select * from app.journal_entry where company_id = %(company)s order by number"
OF_ENTRY = "where company_id = %(company)s and number = %(number)s"
POSTINGS_OF_ENTRY = "where company_id = %(company)s and entry_number = %(number)s"


@corruption("ledger", "app.posting", rule="A1", finds="P1 ledger")
def a_posting_is_dropped(harm: Harm) -> str:
    row = harm.pick(POSTING)
    harm.do(f"delete from app.posting {OF_POSTING}", **row._asdict())
    return f"entry {row.entry_number} "


@corruption("ledger", "app.posting", rule="A1", finds="P1 ledger")
def a_posting_changes_by_one_cent(harm: Harm) -> str:
    row = harm.pick(POSTING)
    harm.do(f"update app.posting set amount = amount + 1 {OF_POSTING}", **row._asdict())
    return f"entry {row.entry_number} "


@corruption("ledger", "app.posting", "app.balance", rule="A6", finds="P1 ledger")
def both_sides_of_an_entry_change_by_one_cent(harm: Harm) -> str:
    row = harm.pick(
        "select e.number, e.event_id from app.journal_entry e where company_id = %(company)s and posting_count = 2 "
        "and kind like 'manual entry%%' order by number"
    )
    harm.do(f"update app.posting set amount = amount + 1 {POSTINGS_OF_ENTRY}", number=row.number)
    harm.do(
        "update app.balance b set debit = debit + (p.side = 'debit')::int, credit = credit + (p.side = 'credit')::int "
        "from app.posting p where p.company_id = b.company_id and p.account = b.account and p.currency = b.currency "
        "and p.posting_on = b.on_day and p.company_id = %(company)s and p.entry_number = %(number)s",
        number=row.number,
    )
    return f"entry {row.number} of {row.event_id}"


@corruption("ledger", "app.posting", rule="A6", finds="P1 ledger")
def a_posting_moves_to_another_account(harm: Harm) -> str:
    row = harm.pick("select * from app.posting where company_id = %(company)s and account <> '5000' order by entry_number, line")
    harm.do(f"update app.posting set account = '5000' {OF_POSTING}", **row._asdict())
    return f"entry {row.entry_number} "


@corruption("ledger", "app.journal_entry", "app.posting", rule="A4", finds="P1 ledger")
def an_entry_moves_into_a_closed_period(harm: Harm) -> str:
    row = harm.pick(
        "select * from app.journal_entry where company_id = %(company)s and posting_on > '2026-01-01' order by number"
    )
    harm.do(f"update app.journal_entry set posting_on = '2025-12-20' {OF_ENTRY}", number=row.number)
    harm.do(f"update app.posting set posting_on = '2025-12-20' {POSTINGS_OF_ENTRY}", number=row.number)
    return f"entry {row.number} "


@corruption("ledger", "app.journal_entry", rule="A4", finds="P1 ledger")
def two_entries_swap_their_hashes(harm: Harm) -> str:
    one, two = harm.random.sample(harm.rows(ENTRY), 2)
    for entry, hash_ in ((one, two.hash), (two, one.hash)):
        harm.do(f"update app.journal_entry set hash = %(hash)s {OF_ENTRY}", number=entry.number, hash=hash_)
    return f"entry {one.number} "


@corruption("ledger", "app.journal_entry", "app.posting", rule="A3", finds="P1 ledger")
def an_entry_is_removed(harm: Harm) -> str:
    row = harm.pick(f"{ENTRY} desc offset 1")
    harm.do(f"delete from app.journal_entry {OF_ENTRY}", number=row.number)
    harm.do(f"delete from app.posting {POSTINGS_OF_ENTRY}", number=row.number)
    return f"entry {row.number + 1} comes after entry {row.number - 1}"


@corruption("ledger", "app.journal_entry", "app.posting", "app.chain_head", rule="A6", finds="ledger")
def the_last_entry_is_cut_off_together_with_the_head(harm: Harm) -> str:
    last, before = harm.rows(f"{ENTRY} desc limit 2")
    harm.do(f"delete from app.journal_entry {OF_ENTRY}", number=last.number)
    harm.do(f"delete from app.posting {POSTINGS_OF_ENTRY}", number=last.number)
    harm.do(
        "update app.chain_head set number = %(number)s, hash = %(hash)s where company_id = %(company)s",
        number=before.number,
        hash=before.hash,
    )
    return last.event_id


@corruption("ledger", "app.balance", rule="A1", finds="P1 ledger")
def a_stored_balance_changes_by_one_cent(harm: Harm) -> str:
    row = harm.pick("select * from app.balance where company_id = %(company)s and account >= '4000' order by account, on_day")
    harm.do(
        "update app.balance set debit = debit + 1 where company_id = %(company)s and account = %(account)s "
        "and currency = %(currency)s and on_day = %(on_day)s",
        **row._asdict(),
    )
    return f"balance of account {row.account} in {row.currency} on {row.on_day}"


@corruption("ledger", "app.customer_balance", rule="A1", finds="P1 P2 ledger")
def a_customers_balance_changes_by_one_cent(harm: Harm) -> str:
    row = harm.pick("select * from app.customer_balance where company_id = %(company)s and account = '1100' order by customer_id")
    harm.do(
        "update app.customer_balance set debit = debit + 1 where company_id = %(company)s and account = '1100' "
        "and currency = %(currency)s and customer_id = %(customer_id)s",
        **row._asdict(),
    )
    return f"balance of customer {row.customer_id}"


# billing

ISSUED = "select * from app.invoice where company_id = %(company)s and number is not null order by id"
OF_OWN_SERIES = "select * from app.invoice where company_id = %(company)s and series = 'own' order by id"
OF_INVOICE = "where company_id = %(company)s and id = %(id)s"
SUB_LEDGER = "select * from app.ar_posting where company_id = %(company)s order by id"
APPLIED = "select * from app.ar_posting where company_id = %(company)s and kind = 'application' order by id"


@corruption("billing", "app.ar_posting", rule="A2", finds="billing")
def a_sub_ledger_posting_is_removed(harm: Harm) -> str:
    row = harm.pick(SUB_LEDGER)
    harm.do("delete from app.ar_posting where company_id = %(company)s and id = %(id)s", id=row.id)
    return row.invoice_id


@corruption("billing", "app.ar_posting", "app.open_item", rule="E1", finds="P2")
def money_is_taken_in_twice_and_the_open_item_with_it(harm: Harm) -> str:
    row = harm.pick(APPLIED)
    harm.do(
        "insert into app.ar_posting (company_id, invoice_id, customer_id, currency, kind, amount, occurred_on, posting_on, "
        "document_id, application_id, event_id, producer, sequence) select company_id, invoice_id, customer_id, currency, kind, "
        "amount, occurred_on, posting_on, document_id, application_id, %(event)s, producer, sequence from app.ar_posting "
        "where company_id = %(company)s and id = %(id)s",
        id=row.id,
        event=new_id("evt"),
    )
    harm.do(
        "update app.open_item set balance = balance + %(amount)s where company_id = %(company)s and invoice_id = %(invoice)s",
        amount=row.amount,
        invoice=row.invoice_id,
    )
    return f"invoice {row.invoice_id}"


@corruption("billing", "app.open_item", rule="A2", finds="P2 billing")
def an_open_balance_changes_by_one_cent(harm: Harm) -> str:
    row = harm.pick("select * from app.open_item where company_id = %(company)s and balance > 1 order by invoice_id")
    harm.do(
        "update app.open_item set balance = balance - 1 where company_id = %(company)s and invoice_id = %(invoice)s",
        invoice=row.invoice_id,
    )
    return row.invoice_id


@corruption("billing", "app.invoice", rule="A3")
def an_invoice_skips_numbers(harm: Harm) -> str:
    row = harm.pick(OF_OWN_SERIES)
    number = row.series_number + 1000
    harm.do(
        f"update app.invoice set series_number = %(number)s, number = %(text)s {OF_INVOICE}",
        id=row.id,
        number=number,
        text=f"INV-{number:06}",
    )
    return f"invoice INV-{number:06} ({row.id})"


@corruption("billing", "app.invoice", rule="A3")
def two_invoices_have_one_number_of_the_series(harm: Harm) -> str:
    one, two = harm.random.sample(harm.rows(OF_OWN_SERIES), 2)
    harm.do(f"update app.invoice set series_number = %(number)s {OF_INVOICE}", id=one.id, number=two.series_number)
    return f"invoice {one.number} ({one.id}) is number {two.series_number}"


@corruption("billing", "app.invoice", rule="A2", finds="billing")
def the_tax_of_an_invoice_changes_by_one_cent(harm: Harm) -> str:
    row = harm.pick(ISSUED)
    harm.do(f"update app.invoice set tax = tax + 1, total = total + 1 {OF_INVOICE}", id=row.id)
    return row.id


@corruption("billing", "app.invoice_line", rule="A7")
def a_line_moves_to_another_company(harm: Harm) -> str:
    row = harm.pick("select * from app.invoice_line where company_id = %(company)s order by invoice_id, line")
    harm.do(
        "update app.invoice_line set company_id = %(other)s "
        "where company_id = %(company)s and invoice_id = %(invoice)s and line = %(line)s",
        invoice=row.invoice_id,
        line=row.line,
    )
    return f"{row.invoice_id}, which its company does not have but company {harm.company}"


@corruption("billing", "log.event", rule="E7")
def an_event_is_deleted_from_the_log(harm: Harm) -> str:
    row = harm.pick("select * from log.event where company_id = %(company)s order by id")
    (after,) = harm.rows("select event_id from log.event where seq = %(seq)s", seq=row.seq + 1) or [row]
    harm.do("delete from log.event where event_id = %(id)s", id=row.event_id)
    return after.event_id


@corruption("billing", "log.event", rule="A6")
def an_events_amount_is_edited(harm: Harm) -> str:
    row = harm.pick(
        "select event_id from log.event where company_id = %(company)s and type like 'billing.invoice.%%' order by id"
    )
    harm.do(
        "update log.event set body = jsonb_set(body::jsonb, '{data,total}', "
        "to_jsonb((body::jsonb -> 'data' ->> 'total')::bigint + 1))::text where event_id = %(id)s",
        id=row.event_id,
    )
    return row.event_id


@corruption("billing", "copies.period", rule="E9")
def a_closed_period_is_open_again(harm: Harm) -> str:
    harm.do("update copies.period set closed_through = '2025-11-30' where company_id = %(company)s")
    return "closed_through is 2025-11-30, its events say 2025-12-31"


@corruption("billing", "app.job", rule="E10")
def a_job_is_left_undone(harm: Harm) -> str:
    harm.do(
        "insert into app.job (company_id, id, kind, key, payload, run_after) "
        "values (%(company)s, %(id)s, 'forgotten', 'by all', '{}', now() - interval '2 minutes')",
        id=new_id("job"),
    )
    return "job forgotten by all"


# payments

LIVE_APPLICATION = (
    "select a.* from app.application a where company_id = %(company)s and not exists (select from app.receipt_void v "
    "where v.company_id = a.company_id and v.receipt_id = a.receipt_id) and not exists (select from app.displacement d "
    "where d.company_id = a.company_id and d.application_id = a.id) order by id"
)


@corruption("payments", "app.application", rule="A2", finds="payments")
def an_application_is_there_twice(harm: Harm) -> str:
    row, again = harm.pick(LIVE_APPLICATION), new_id("app")
    harm.do(
        "insert into app.application (company_id, id, receipt_id, invoice_id, prepayment_id, prepayment_application_id, "
        "currency, amount, posting_on, event_id, line) select company_id, %(again)s, receipt_id, invoice_id, prepayment_id, "
        "prepayment_application_id, currency, amount, posting_on, event_id, line + 1 from app.application "
        "where company_id = %(company)s and id = %(id)s",
        id=row.id,
        again=again,
    )
    return row.invoice_id if row.prepayment_id is None else row.prepayment_id


@corruption("payments", "app.application", rule="A2", finds="payments")
def an_application_is_removed(harm: Harm) -> str:
    row = harm.pick(LIVE_APPLICATION)
    harm.do("delete from app.application where company_id = %(company)s and id = %(id)s", id=row.id)
    return row.invoice_id


@corruption("payments", "app.receipt", rule="A6")
def a_receipt_moves_to_another_customer(harm: Harm) -> str:
    row = harm.pick(
        "select r.* from app.receipt r where company_id = %(company)s and not exists ("
        "select from app.prepayment p where p.company_id = r.company_id and p.receipt_id = r.id) order by id"
    )
    other = harm.pick("select id from copies.customer where company_id = %(company)s and id <> %(id)s", id=row.customer_id)
    harm.do("update app.receipt set customer_id = %(to)s where company_id = %(company)s and id = %(id)s", id=row.id, to=other.id)
    return f"receipt {row.id}"


@corruption("payments", "app.prepayment", "app.prepayment_balance", rule="E2", finds="P3 payments")
def a_prepayment_moves_to_another_customer(harm: Harm) -> str:
    row = harm.pick(
        "select p.id, p.customer_id from app.prepayment p join app.prepayment_balance b on b.company_id = p.company_id "
        "and b.prepayment_id = p.id and b.remaining > 0 where p.company_id = %(company)s order by p.id"
    )
    other = harm.pick("select id from copies.customer where company_id = %(company)s and id <> %(id)s", id=row.customer_id)
    for table, key in (("prepayment", "id"), ("prepayment_balance", "prepayment_id")):
        harm.do(
            f"update app.{table} set customer_id = %(to)s where company_id = %(company)s and {key} = %(id)s",
            id=row.id,
            to=other.id,
        )
    return f"customer {other.id}"


@corruption("payments", "app.prepayment_balance", rule="A2", finds="P3 payments")
def a_prepayments_remainder_changes_by_one_cent(harm: Harm) -> str:
    row = harm.pick(
        "select * from app.prepayment_balance where company_id = %(company)s and remaining > 1 order by prepayment_id"
    )
    harm.do(
        "update app.prepayment_balance set remaining = remaining - 1 where company_id = %(company)s and prepayment_id = %(id)s",
        id=row.prepayment_id,
    )
    return f"prepayment {row.prepayment_id}"


@corruption("payments", "app.displacement", rule="E10", finds="payments")
def money_that_did_not_fit_is_applied_again(harm: Harm) -> str:
    row = harm.pick("select * from app.displacement where company_id = %(company)s order by application_id")
    harm.do("delete from app.displacement where company_id = %(company)s and application_id = %(id)s", id=row.application_id)
    return f"application {row.application_id}"


@corruption("payments", "copies.invoice", rule="E9")
def a_copy_of_an_invoice_is_lost(harm: Harm) -> str:
    row = harm.pick("select id from copies.invoice where company_id = %(company)s order by id")
    harm.do("delete from copies.invoice where company_id = %(company)s and id = %(id)s", id=row.id)
    return f"invoice {row.id}: it is missing"


@corruption("payments", "log.position", rule="E7")
def a_position_is_lost(harm: Harm) -> str:
    row = harm.pick("select producer from log.position where seq > 0 order by producer")
    harm.do("delete from log.position where producer = %(producer)s", producer=row.producer)
    return "has taken in 0 of "


# banking


@corruption("banking", "app.receipt_place", rule="E3", finds="P4")
def a_receipt_waits_for_a_second_deposit(harm: Harm) -> str:
    row = harm.pick(
        "select receipt_id from app.receipt_place where company_id = %(company)s and deposit_id is not null order by receipt_id"
    )
    harm.do(
        "update app.receipt_place set deposit_id = null where company_id = %(company)s and receipt_id = %(id)s", id=row.receipt_id
    )
    return f"receipt {row.receipt_id}"


@corruption("banking", "app.bank_posting", rule="E4", finds="P5")
def a_bank_posting_changes_by_one_cent(harm: Harm) -> str:
    row = harm.pick("select id, deposit_id from app.bank_posting where company_id = %(company)s order by id")
    harm.do("update app.bank_posting set amount = amount - 1 where company_id = %(company)s and id = %(id)s", id=row.id)
    return f"deposit {row.deposit_id}"


@corruption("banking", "app.deposit_item", rule="E4")
def a_deposit_item_is_dropped(harm: Harm) -> str:
    row = harm.pick("select * from app.deposit_item where company_id = %(company)s order by deposit_id, receipt_id")
    harm.do(
        "delete from app.deposit_item where company_id = %(company)s and deposit_id = %(deposit)s and receipt_id = %(receipt)s",
        deposit=row.deposit_id,
        receipt=row.receipt_id,
    )
    return f"deposit {row.deposit_id}"


# notifications


@corruption("notifications", "copies.timeline", rule="E9")
def a_row_of_a_timeline_is_lost(harm: Harm) -> str:
    row = harm.pick("select id, event_id from copies.timeline where company_id = %(company)s order by id")
    harm.do("delete from copies.timeline where company_id = %(company)s and id = %(id)s", id=row.id)
    return f"timeline {row.event_id}"
