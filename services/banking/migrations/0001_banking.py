"""Bank accounts and their postings, deposit groups, deposits, and where each receipt's money lies."""

from alembic import op

from shared.migrations.kernel import create_kernel, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

COPIES = """
create table copies.customer (
    company_id bigint not null, id text not null, code text not null, name text not null, primary key (company_id, id));

-- A receipt that is to be taken to the bank, as payments posted it.
create table copies.receipt (
    company_id bigint not null, id text not null, customer_id text not null, currency char(3) not null, occurred_on date not null,
    posting_on date not null, amount bigint not null check (amount >= 0), payment_type text not null, deposit_group text,
    check_number text not null, event_id text not null, recorded_at timestamptz not null,
    primary key (company_id, id));
"""

TABLES = """
create table app.bank_account (
    company_id bigint not null, id text not null, name text not null check (name <> ''), account text not null,
    currency char(3) not null, masked_number text not null default '' check (masked_number ~ '^[^0-9]*[0-9]{0,4}$'),
    fee_account text, is_default bool not null default false, created_at timestamptz not null default now(),
    primary key (company_id, id), constraint bank_account_account unique (company_id, account));
create unique index bank_account_default on app.bank_account (company_id) where is_default;

create table app.deposit_group (
    company_id bigint not null, id text not null, description text not null check (description <> ''),
    primary key (company_id, id), constraint deposit_group_description unique (company_id, description));

create table app.deposit (
    company_id bigint not null, id text not null, bank_account_id text not null, currency char(3) not null,
    occurred_on date not null, posting_on date not null, total bigint not null check (total >= 0),
    fee bigint not null check (fee between 0 and total), fee_account text,
    item_count int not null check (item_count between 1 and 500),
    reference text not null, notes text not null, content bytea not null, event_id text not null,
    created_by text not null, created_at timestamptz not null default now(),
    primary key (company_id, id), foreign key (company_id, bank_account_id) references app.bank_account,
    constraint deposit_event unique (company_id, event_id));
create index deposit_day on app.deposit (company_id, posting_on, id);
create index deposit_of_account on app.deposit (company_id, bank_account_id, posting_on, id);
create index deposit_total on app.deposit (company_id, total, id);

create table app.deposit_item (
    company_id bigint not null, deposit_id text not null, receipt_id text not null, amount bigint not null check (amount >= 0),
    primary key (company_id, deposit_id, receipt_id), foreign key (company_id, deposit_id) references app.deposit);
create index deposit_item_receipt on app.deposit_item (company_id, receipt_id);

create table app.deposit_void (
    company_id bigint not null, deposit_id text not null, voided_on date not null, posting_on date not null,
    reason text not null check (reason <> ''), created_by text not null, created_at timestamptz not null default now(),
    primary key (company_id, deposit_id), foreign key (company_id, deposit_id) references app.deposit);

create table app.deposit_import (
    company_id bigint not null, source text not null, external_id text not null, deposit_id text not null,
    primary key (company_id, source, external_id), constraint deposit_import_deposit unique (company_id, deposit_id),
    foreign key (company_id, deposit_id) references app.deposit);

-- Where a receipt's money lies: it waits (no deposit), is in one live deposit, or is gone (voided). One row a receipt, so it is
-- in one live deposit at most; the row is also what deposits, voids and returns lock. `waits_from`: the first day a deposit of
-- it may be dated; a day on which another deposit had it is none, or undeposited funds would be short on that day.
create table app.receipt_place (
    company_id bigint not null, receipt_id text not null, waits_from date not null, deposit_id text,
    voided bool not null default false,
    primary key (company_id, receipt_id), foreign key (company_id, deposit_id, receipt_id) references app.deposit_item,
    check (not (voided and deposit_id is not null)));
create index receipt_waits on app.receipt_place (company_id, receipt_id) where deposit_id is null and not voided;
create index receipt_of_deposit on app.receipt_place (company_id, deposit_id, receipt_id) where deposit_id is not null;

-- The book balance of a bank account is the sum of these.
create table app.bank_posting (
    company_id bigint not null, id bigint generated always as identity, bank_account_id text not null, occurred_on date not null,
    posting_on date not null, kind text not null check (kind in ('deposit_posted', 'deposit_voided', 'item_returned')),
    amount bigint not null, deposit_id text not null, receipt_id text, event_id text not null,
    primary key (company_id, id), foreign key (company_id, bank_account_id) references app.bank_account,
    foreign key (company_id, deposit_id) references app.deposit, constraint bank_posting_event unique (company_id, event_id),
    check ((kind = 'item_returned') = (receipt_id is not null)),
    check (case kind when 'deposit_posted' then amount >= 0 when 'item_returned' then amount <= 0 else true end));
create index bank_posting_day on app.bank_posting (company_id, bank_account_id, posting_on, id) include (amount);
create index bank_posting_deposit on app.bank_posting (company_id, deposit_id, id);
create unique index bank_posting_once on app.bank_posting (company_id, deposit_id, kind) where kind <> 'item_returned';
create unique index returned_once on app.bank_posting (company_id, receipt_id) where kind = 'item_returned';
"""

TOTALS = """
-- A deposit is the sum of its items, checked when a statement has written either.
create function app.check_deposit_totals() returns trigger language plpgsql as $$
declare
    wrong text;
begin
    -- one look into the index of items for each deposit, whatever the planner thinks of the tables' sizes
    if tg_table_name = 'deposit' then
        select d.id into wrong from added d
        cross join lateral (select sum(i.amount) as total, count(*) as item_count from app.deposit_item i
                            where i.company_id = d.company_id and i.deposit_id = d.id) items
        where (d.total, d.item_count) is distinct from (items.total, items.item_count) limit 1;
    else
        select d.id into wrong from (select distinct company_id, deposit_id from added) a
        cross join lateral (select d.* from app.deposit d
                            where d.company_id = a.company_id and d.id = a.deposit_id limit 1) d
        cross join lateral (select sum(i.amount) as total, count(*) as item_count from app.deposit_item i
                            where i.company_id = d.company_id and i.deposit_id = d.id) items
        where (d.total, d.item_count) is distinct from (items.total, items.item_count) limit 1;
    end if;
    if wrong is not null then
        raise exception 'deposit % is not the sum of its items', wrong using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger sums after insert on app.deposit referencing new table as added
    for each statement execute function app.check_deposit_totals();
create trigger sums after insert on app.deposit_item referencing new table as added
    for each statement execute function app.check_deposit_totals();
"""


def upgrade() -> None:
    create_kernel(posts=True, accounts=True)
    op.execute(COPIES)
    op.execute(TABLES)
    op.execute(TOTALS)
    protect("copies.customer", api="select", worker="select, insert, update")
    protect("copies.receipt", api="select", worker="select, insert")
    protect(
        "app.bank_account",
        api="select, insert, update (name, masked_number, fee_account)",
        worker="select, insert",
        audited_by="id",
    )
    protect("app.deposit_group", api="select, insert", worker="select, insert", append_only=True, audited_by="id")
    protect("app.deposit", api="select, insert", worker="select", append_only=True)
    protect("app.deposit_item", api="select, insert", worker="select", append_only=True)
    protect("app.deposit_void", api="select, insert", worker="select", append_only=True)
    protect("app.deposit_import", api="select, insert", worker="select", append_only=True)
    protect(
        "app.receipt_place", api="select, update (deposit_id, waits_from)", worker="select, insert, update (deposit_id, voided)"
    )
    protect("app.bank_posting", api="select, insert", worker="select, insert", append_only=True)
