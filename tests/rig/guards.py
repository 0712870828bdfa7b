"""What the databases themselves refuse is still refused: policies, triggers, constraints, grants (S16 and the rest of A)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.rig.breach import Breach
from tests.rig.reading import Reading

ISOLATED = """
select 0, t.schemaname || '.' || t.tablename || case when c.relrowsecurity then ' has policies only for ' ||
    coalesce(p.policies, 'nobody') else ' has row-level security switched off' end
from pg_tables t join pg_class c on c.oid = format('%I.%I', t.schemaname, t.tablename)::regclass
join information_schema.columns k on k.table_schema = t.schemaname and k.table_name = t.tablename and k.column_name = 'company_id'
left join lateral (
    select string_agg(policyname, ', ' order by policyname) as policies,
        count(*) filter (where policyname in ('company', 'companies') and qual is not null and with_check is not null) as count
    from pg_policies p where p.schemaname = t.schemaname and p.tablename = t.tablename) p on true
where t.schemaname in ('app', 'copies', 'log', 'audit') and (not c.relrowsecurity or p.count <> 2)
"""

OPEN_TO_ALL = """
select 0, 'a request sees every company in ' || schemaname || '.' || tablename
from pg_policies where policyname = 'company' and (qual !~ 'company_id' or with_check !~ 'company_id')
"""

SWITCHED_OFF = """
select 0, 'trigger ' || tgname || ' on ' || tgrelid::regclass || ' is switched off'
from pg_trigger where tgenabled <> 'O' and not tgisinternal
"""

UNCHECKED = """
select 0, 'constraint ' || conname || ' on ' || conrelid::regclass || ' is not validated'
from pg_constraint where not convalidated
"""

MISSING_TRIGGERS = """
select 0, wanted.table_name || ' has no trigger ' || wanted.name
from unnest(%(tables)s::text[], %(names)s::text[]) as wanted (table_name, name)
where not exists (
    select from pg_trigger where tgrelid = to_regclass(wanted.table_name) and tgname = wanted.name)
"""

MISSING_KEYS = """
select 0, 'app.' || wanted.table_name || ' may hold twice what is unique by ' || wanted.name
from unnest(%(tables)s::text[], %(names)s::text[]) as wanted (table_name, name)
where not exists (
    select from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = to_regclass('app.' || wanted.table_name) and c.relname = wanted.name and i.indisunique and i.indisvalid)
"""

MISSING_CHECKS = """
select 0, 'app.' || wanted.table_name || ' has no constraint ' || wanted.name
from unnest(%(tables)s::text[], %(names)s::text[]) as wanted (table_name, name)
where not exists (
    select from pg_constraint where conrelid = to_regclass('app.' || wanted.table_name) and conname = wanted.name)
"""

MAY_TOO_MUCH = """
select 0, r.role || ' may ' || lower(right_.name) || ' ' || t.schemaname || '.' || t.tablename
from pg_tables t
cross join lateral (select current_database() || '_' || role as role from unnest(array['api', 'worker', 'log']) as role) r
cross join unnest(array['UPDATE', 'DELETE', 'TRUNCATE']) as right_ (name)
where (t.schemaname, t.tablename) in (
        select 'app', unnest(%(facts)s::text[]) union select 'audit', 'change' union select 'log', 'event')
    and has_table_privilege(r.role, format('%%I.%%I', t.schemaname, t.tablename), right_.name)
union all
select 0, current_database() || '_api may ' || lower(right_.name) || ' copies.' || t.tablename
from pg_tables t cross join unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) as right_ (name)
where t.schemaname = 'copies'
    and has_table_privilege(current_database() || '_api', format('copies.%%I', t.tablename), right_.name)
union all
select 0, rolname || ' may do everything' from pg_roles
where rolname like current_database() || '\\_%%' and (rolsuper or rolbypassrls or rolcreaterole)
"""

FACTS: dict[str, tuple[str, ...]] = {
    "ledger": (
        "journal_entry",
        "posting",
        "manual_entry",
        "manual_entry_line",
        "manual_entry_reversal",
        "period_answer",
        "proof",
    ),
    "billing": ("invoice_void", "ar_posting"),
    "payments": (
        "receipt",
        "receipt_line",
        "receipt_void",
        "application",
        "prepayment",
        "prepayment_application",
        "displacement",
    ),
    "banking": ("deposit", "deposit_item", "deposit_void", "deposit_import", "deposit_group", "bank_posting"),
}
"""Tables to which rows are only ever added."""

LOG_TRIGGERS = ("stated_once", "numbered_once", "never_deleted", "never_emptied")

TRIGGERS: dict[str, tuple[tuple[str, str], ...]] = {
    "ledger": (("posting", "balanced"), ("journal_entry", "whole"), ("account", "chart_changed"), ("role", "chart_changed")),
    "billing": (
        ("invoice", "issued_is_final"),
        ("invoice", "never_emptied"),
        ("invoice_line", "issued_is_final"),
        ("invoice_line", "lines_sum"),
    ),
    "payments": (
        ("receipt", "balances"),
        ("receipt_line", "balances"),
        ("prepayment", "counted"),
        ("application", "counted"),
        ("displacement", "counted"),
        ("receipt_void", "counted"),
    ),
    "banking": (("deposit", "sums"), ("deposit_item", "sums")),
}
"""Triggers that keep a sum, besides those that every append-only table has."""

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "ledger": (
        ("journal_entry", "journal_entry_pkey"),
        ("journal_entry", "journal_entry_event"),
        ("journal_entry", "journal_entry_reverses"),
        ("posting", "posting_pkey"),
        ("manual_entry_reversal", "manual_entry_reversed_once"),
        ("period_close", "period_close_one_at_a_time"),
    ),
    "billing": (
        ("invoice", "invoice_number"),
        ("invoice", "invoice_external"),
        ("invoice_void", "invoice_void_pkey"),
        ("ar_posting", "ar_posting_pkey"),
        ("document_series", "document_series_pkey"),
    ),
    "payments": (
        ("receipt", "receipt_external"),
        ("receipt_void", "receipt_void_pkey"),
        ("receipt_line", "receipt_line_invoice"),
        ("application", "application_pkey"),
        ("displacement", "displacement_pkey"),
    ),
    "banking": (
        ("deposit", "deposit_event"),
        ("deposit_void", "deposit_void_pkey"),
        ("bank_posting", "bank_posting_event"),
        ("bank_posting", "bank_posting_once"),
        ("bank_posting", "returned_once"),
        ("receipt_place", "receipt_place_pkey"),
    ),
}
"""Unique indexes that let a thing happen once."""

CHECKS: dict[str, tuple[tuple[str, str], ...]] = {
    "ledger": (("posting", "posting_amount_check"), ("posting", "posting_side_check"), ("chain_head", "chain_head_hash_check")),
    "billing": (("ar_posting", "ar_posting_amount_check"), ("open_item", "open_item_check")),
    "payments": (("open_invoice", "never_over_applied"), ("prepayment_balance", "prepayment_never_negative")),
    "banking": (("bank_posting", "bank_posting_check"),),
}


def guards(reading: Reading) -> Iterator[Breach]:
    """Whatever a database must refuse by itself, it still does."""
    for service in reading.urls:
        for query in (ISOLATED, OPEN_TO_ALL, SWITCHED_OFF, UNCHECKED):
            yield from reading.found("guard", service, query)
        append_only = ["audit.change", *(f"app.{table}" for table in FACTS.get(service, ()))]
        triggers = [(table, name) for table in append_only for name in ("append_only", "never_emptied")]
        triggers += [("log.event", name) for name in LOG_TRIGGERS]
        triggers += [(f"app.{table}", name) for table, name in TRIGGERS.get(service, ())]
        for query, wanted in (
            (MISSING_TRIGGERS, triggers),
            (MISSING_KEYS, KEYS.get(service, ())),
            (MISSING_CHECKS, CHECKS.get(service, ())),
        ):
            tables, names = [table for table, _ in wanted], [name for _, name in wanted]
            yield from reading.found("guard", service, query, tables=tables, names=names)
        yield from reading.found("guard", service, MAY_TOO_MUCH, facts=list(FACTS.get(service, ())))
