"""Customers, terms, invoices and their lines, voids, the signed AR sub-ledger and its open items."""

from alembic import op

from shared.migrations.kernel import create_kernel, protect, roles

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A primary key is added after the other indexes of its table. Before a table has statistics the planner takes a company for a
# handful of rows, so that every index that begins with company_id costs as much as the key; of equals it takes the newest.
TABLES = """
create table app.terms (
    company_id bigint not null, id text not null, description text not null check (description <> ''),
    kind text not null check (kind in ('net_days', 'day_of_month', 'on_receipt')),
    days int check (days between 0 and 3650), day int check (day between 1 and 31),
    cutoff_days int check (cutoff_days between 0 and 31), months_to_add int check (months_to_add between 0 and 24),
    discount_enabled bool not null default false, discount_days int not null default 0 check (discount_days between 0 and 3650),
    discount_percent numeric(9, 6) not null default 0 check (discount_percent between 0 and 100),
    is_default bool not null default false, active bool not null default true, version int not null default 1,
    primary key (company_id, id), constraint terms_description unique (company_id, description),
    check ((kind = 'net_days') = (days is not null)),
    check (num_nonnulls(day, cutoff_days, months_to_add) = case kind when 'day_of_month' then 3 else 0 end),
    check (active or not is_default));
create unique index terms_default on app.terms (company_id) where is_default;

create table app.customer (
    company_id bigint not null, id text not null, code text not null check (code <> ''), name text not null check (name <> ''),
    currency char(3) not null, terms_id text, email text not null default '', phone text not null default '',
    address text not null default '', notes text not null default '', active bool not null default true,
    version int not null default 1, created_at timestamptz not null default now(), content_hash text not null,
    search_text text not null generated always as (lower(code || ' ' || name || ' ' || email)) stored,
    constraint customer_code unique (company_id, code), foreign key (company_id, terms_id) references app.terms);
create index customer_name on app.customer (company_id, name);
alter table app.customer add primary key (company_id, id);

-- A draft may change. With its number an invoice is a fact: the triggers below let nothing change it any more.
create table app.invoice (
    company_id bigint not null, id text not null, customer_id text not null, series text, series_number bigint, number text,
    currency char(3) not null, issued_on date not null, due_on date not null, posting_on date not null, terms_id text,
    customer_reference text not null default '', notes text not null default '',
    lines_total bigint not null check (lines_total >= 0), freight bigint not null check (freight >= 0),
    tax bigint not null check (tax >= 0), total bigint not null check (total > 0),
    source text, external_id text, content_hash text not null, version int not null default 1,
    created_at timestamptz not null default now(), created_by text not null, issued_at timestamptz, issued_by text,
    foreign key (company_id, customer_id) references app.customer, foreign key (company_id, terms_id) references app.terms,
    check (total = lines_total + freight + tax), check (due_on >= issued_on),
    check (num_nonnulls(number, series, issued_at, issued_by) in (0, 4)),
    check ((series is not distinct from 'own') = (series_number is not null)),
    check ((source is null) = (external_id is null)));
create unique index invoice_number on app.invoice (company_id, number, series) where number is not null;
create unique index invoice_external on app.invoice (company_id, source, external_id) where source is not null;
create index invoice_day on app.invoice (company_id, issued_on);
create index invoice_customer on app.invoice (company_id, customer_id, issued_on);
alter table app.invoice add primary key (company_id, id);

create table app.invoice_line (
    company_id bigint not null, invoice_id text not null, line int not null check (line > 0), description text not null,
    quantity numeric(18, 6) not null check (quantity > 0), unit_price numeric(20, 6) not null check (unit_price >= 0),
    discount_percent numeric(9, 6) not null check (discount_percent between 0 and 100), account text,
    tax_rate numeric(9, 6) not null check (tax_rate between 0 and 100),
    amount bigint not null check (amount >= 0), tax bigint not null check (tax >= 0),
    primary key (company_id, invoice_id, line), foreign key (company_id, invoice_id) references app.invoice);

create table app.invoice_void (
    company_id bigint not null, invoice_id text not null, voided_on date not null, posting_on date not null,
    reason text not null check (reason <> ''), event_id text not null, voided_by text not null,
    voided_at timestamptz not null default now(),
    primary key (company_id, invoice_id), foreign key (company_id, invoice_id) references app.invoice);

-- The sub-ledger. `id` is the order of recording; the key makes each event count once for a document.
create table app.ar_posting (
    company_id bigint not null, id bigint generated always as identity, invoice_id text not null, customer_id text not null,
    currency char(3) not null,
    kind text not null check (kind in ('invoice', 'void', 'application', 'displacement', 'receipt_void')),
    amount bigint not null check (amount <> 0), occurred_on date not null, posting_on date not null,
    document_id text not null, application_id text not null default '', event_id text not null,
    producer text not null, sequence bigint,
    foreign key (company_id, invoice_id) references app.invoice,
    check (case when kind in ('void', 'application') then amount < 0 else amount > 0 end),
    check ((kind in ('invoice', 'void')) = (application_id = '')));
create index ar_posting_day on app.ar_posting (company_id, posting_on) include (invoice_id, currency, amount, kind);
create index ar_posting_customer on app.ar_posting (company_id, customer_id, posting_on, id) include (currency, amount);
alter table app.ar_posting add primary key (company_id, invoice_id, event_id, application_id);

-- The balance of each invoice: the sum of its postings, kept by the transaction that adds them. Below zero: over-applied.
create table app.open_item (
    company_id bigint not null, invoice_id text not null, customer_id text not null, currency char(3) not null,
    number text not null, issued_on date not null, due_on date not null,
    total bigint not null check (total > 0), balance bigint not null check (balance <= total),
    primary key (company_id, invoice_id), foreign key (company_id, invoice_id) references app.invoice) with (fillfactor = 90);
create index open_item_due on app.open_item (company_id, due_on, invoice_id)
    include (customer_id, currency, issued_on, balance) where balance <> 0;
create index open_item_customer on app.open_item (company_id, customer_id, due_on, invoice_id)
    include (currency, issued_on, balance) where balance <> 0;
"""

TRIGGERS = """
create trigger issued_is_final before update or delete on app.invoice for each row when (old.number is not null)
    execute function audit.refuse_change();
create trigger never_emptied before truncate on app.invoice for each statement execute function audit.refuse_change();
-- a draft's changes are audited; an issued invoice is its own audit
create trigger audited_draft after insert on app.invoice for each row when (new.number is null)
    execute function audit.record_change('id');
create trigger audited_draft_change after update or delete on app.invoice for each row when (old.number is null)
    execute function audit.record_change('id');

create function app.refuse_change_of_issued_line() returns trigger language plpgsql as $$
begin
    if exists (
        select from app.invoice i
        where i.company_id = old.company_id and i.id = old.invoice_id and i.number is not null) then
        raise exception 'the lines of an issued invoice are append-only' using errcode = 'restrict_violation';
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger issued_is_final before update or delete on app.invoice_line for each row
    execute function app.refuse_change_of_issued_line();
create trigger never_emptied before truncate on app.invoice_line for each statement execute function audit.refuse_change();

-- An invoice's lines come all at once, numbered from 1, and sum to what the invoice says. So none can be added to an issued
-- one: its number would be taken, or the numbers would not begin with 1.
create function app.require_lines_sum() returns trigger language plpgsql as $$
begin
    if exists (
        select from (
            select a.company_id, a.invoice_id, sum(a.amount) as amount, sum(a.tax) as tax, max(a.line) - count(*) as missing
            from added a group by a.company_id, a.invoice_id) s
        left join lateral (
            select i.lines_total, i.tax from app.invoice i
            where i.company_id = s.company_id and i.id = s.invoice_id limit 1) i on true
        where s.missing <> 0 or s.amount is distinct from i.lines_total or s.tax is distinct from i.tax) then
        raise exception 'the lines of an invoice must come together and sum to its total' using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger lines_sum after insert on app.invoice_line referencing new table as added for each statement
    execute function app.require_lines_sum();
"""

SEARCH = """
-- Text search by the company of the transaction. LIKE is not leakproof, so under row-level security it could use no index.
create function app.customers_found(wanted text) returns setof text
    language sql stable rows 50 security definer set search_path = pg_catalog, pg_temp as $$
    select c.id from app.customer c
    where c.company_id = ((nullif(current_setting('app.companies', true), ''))::bigint[])[1]
      and c.search_text like '%' || replace(replace(replace(lower(wanted), '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'
    union
    select i.customer_id from app.invoice i
    where i.company_id = ((nullif(current_setting('app.companies', true), ''))::bigint[])[1] and i.number = wanted $$;
revoke execute on function app.customers_found from public;
grant execute on function app.customers_found to {api};

-- Speeds the search where the extension is there, which the search itself does not need.
do $$ begin
    if exists (select from pg_available_extensions where name = 'pg_trgm') then
        create extension if not exists pg_trgm;
        create index customer_search on app.customer using gin (search_text public.gin_trgm_ops);
    end if;
end $$;
"""


def upgrade() -> None:
    create_kernel(posts=True, accounts=True)
    op.execute(TABLES)
    op.execute(TRIGGERS)
    op.execute(SEARCH.replace("{api}", roles()["api"]))
    protect("app.terms", api="select, insert, update", worker="select, insert", audited_by="id")
    protect("app.customer", api="select, insert, update", worker="select", audited_by="id")
    protect("app.invoice", api="select, insert, update, delete", worker="select")
    protect("app.invoice_line", api="select, insert, delete", worker="select")
    protect("app.invoice_void", api="select, insert", worker="select", append_only=True)
    protect("app.ar_posting", api="select, insert", worker="select, insert", append_only=True)
    protect("app.open_item", api="select, insert, update (balance)", worker="select, update (balance)")
