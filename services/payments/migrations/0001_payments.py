"""Payment types, receipts and their lines, what was applied to which invoice, prepayments, voids, displacements."""

from alembic import op

from shared.migrations.kernel import create_kernel, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

COPIES = """
-- `gate` is locked by whatever takes money of a customer from where it is: applying prepayments, voids, displacements.
create table copies.customer (
    company_id bigint not null, id text not null, code text not null, name text not null, gate int not null default 0,
    primary key (company_id, id));
create index customer_code on copies.customer (company_id, code);

create table copies.invoice (
    company_id bigint not null, id text not null, number text not null, customer_id text not null, currency char(3) not null,
    issued_on date not null, due_on date not null, total bigint not null, voided bool not null default false,
    primary key (company_id, id));
create index invoice_number on copies.invoice (company_id, number);

-- Receipts that banking has in a deposit, or had in one until they were voided (`returned`).
create table copies.deposited_receipt (
    company_id bigint not null, receipt_id text not null, deposit_id text not null, returned bool not null default false,
    primary key (company_id, receipt_id));
create index deposited_receipt_deposit on copies.deposited_receipt (company_id, deposit_id);
"""

TABLES = """
create table app.payment_type (
    company_id bigint not null, id text not null, name text not null check (name <> ''), needs_deposit bool not null,
    cash_account text, allows_cash_account_override bool not null default false, deposit_group text,
    needs_check_number bool not null default false, active bool not null default true, version int not null default 1,
    created_at timestamptz not null default now(),
    primary key (company_id, id),
    check (needs_deposit = (cash_account is null)), check (needs_deposit = (deposit_group is not null)),
    check (not (needs_deposit and allows_cash_account_override)));
create unique index payment_type_name on app.payment_type (company_id, lower(name));

create table app.receipt (
    company_id bigint not null, id text not null, customer_id text not null, payer_name text not null, received_on date not null,
    posting_on date not null, payment_type_id text not null, payment_type text not null, needs_deposit bool not null,
    cash_account text, deposit_group text, check_number text not null, currency char(3) not null,
    amount bigint not null check (amount > 0), notes text not null, source text, external_id text, content_hash text not null,
    event_id text not null, created_by text not null, created_at timestamptz not null default now(),
    primary key (company_id, id), foreign key (company_id, payment_type_id) references app.payment_type,
    check (needs_deposit = (cash_account is null)), check (needs_deposit = (deposit_group is not null)),
    check ((source is null) = (external_id is null)));
create unique index receipt_external on app.receipt (company_id, source, external_id) where source is not null;
create index receipt_day on app.receipt (company_id, received_on, id);
create index receipt_customer on app.receipt (company_id, customer_id, received_on, id);
create index receipt_payment_type on app.receipt (company_id, payment_type, received_on, id);
create index receipt_check_number on app.receipt (company_id, check_number, received_on, id) where check_number <> '';

create table app.receipt_void (
    company_id bigint not null, receipt_id text not null, voided_on date not null, posting_on date not null,
    reason text not null check (reason <> ''), event_id text not null, voided_by text not null,
    voided_at timestamptz not null default now(),
    primary key (company_id, receipt_id), foreign key (company_id, receipt_id) references app.receipt);

-- What payments knows to be payable, and what it has applied to it: kept by the triggers below from the applications.
create table app.open_invoice (
    company_id bigint not null, invoice_id text not null, customer_id text not null, currency char(3) not null,
    due_on date not null, total bigint not null check (total > 0), applied bigint not null default 0, gate int not null default 0,
    primary key (company_id, invoice_id),
    constraint never_over_applied check (applied between 0 and total)) with (fillfactor = 80);
create index open_invoice_due on app.open_invoice (company_id, due_on, invoice_id) where applied < total;
create index open_invoice_customer on app.open_invoice (company_id, customer_id, due_on, invoice_id) where applied < total;

-- Money of a customer that is applied to nothing, one lot for each time it came to be so.
create table app.prepayment (
    company_id bigint not null, id text not null, receipt_id text not null, customer_id text not null, currency char(3) not null,
    origin text not null check (origin in ('line', 'overpayment', 'displacement')), amount bigint not null check (amount > 0),
    posting_on date not null, event_id text not null, created_at timestamptz not null default now(),
    primary key (company_id, id), foreign key (company_id, receipt_id) references app.receipt);
create index prepayment_receipt on app.prepayment (company_id, receipt_id);

-- What remains of each lot: kept by the triggers below.
create table app.prepayment_balance (
    company_id bigint not null, prepayment_id text not null, customer_id text not null, currency char(3) not null,
    posting_on date not null, remaining bigint not null, gate int not null default 0,
    primary key (company_id, prepayment_id), foreign key (company_id, prepayment_id) references app.prepayment,
    constraint prepayment_never_negative check (remaining >= 0));
create index prepayment_balance_day on app.prepayment_balance (company_id, posting_on, prepayment_id);
create index prepayment_balance_customer on app.prepayment_balance (company_id, customer_id, posting_on, prepayment_id);
create index prepayment_available on app.prepayment_balance (company_id, customer_id, currency) include (remaining)
    where remaining > 0;

create table app.prepayment_application (
    company_id bigint not null, id text not null, customer_id text not null, currency char(3) not null,
    amount bigint not null check (amount > 0), applied_on date not null, posting_on date not null, content_hash text not null,
    event_id text not null, created_by text not null, created_at timestamptz not null default now(),
    primary key (company_id, id));
create index prepayment_application_customer on app.prepayment_application (company_id, customer_id, applied_on, id);
create index prepayment_application_day on app.prepayment_application (company_id, applied_on, id);

-- Money of a receipt set against an invoice: by a line of the receipt, or from one of its prepayments. `line` is its place in
-- the event that stated it.
create table app.application (
    company_id bigint not null, id text not null, receipt_id text not null, invoice_id text not null, prepayment_id text,
    prepayment_application_id text, currency char(3) not null, amount bigint not null check (amount > 0),
    posting_on date not null, event_id text not null, line int not null check (line > 0),
    primary key (company_id, id), foreign key (company_id, receipt_id) references app.receipt,
    foreign key (company_id, invoice_id) references app.open_invoice,
    foreign key (company_id, prepayment_id) references app.prepayment,
    foreign key (company_id, prepayment_application_id) references app.prepayment_application,
    check ((prepayment_id is null) = (prepayment_application_id is null)));
create index application_receipt on app.application (company_id, receipt_id);
create index application_invoice on app.application (company_id, invoice_id, posting_on, id);
create index application_prepayment_application on app.application (company_id, prepayment_application_id)
    where prepayment_application_id is not null;

create table app.receipt_line (
    company_id bigint not null, receipt_id text not null, line int not null check (line > 0),
    kind text not null check (kind in ('invoice', 'prepayment', 'account')), amount bigint not null check (amount > 0),
    application_id text, invoice_id text, prepayment_id text, account text, notes text not null,
    primary key (company_id, receipt_id, line), foreign key (company_id, receipt_id) references app.receipt,
    foreign key (company_id, application_id) references app.application,
    foreign key (company_id, prepayment_id) references app.prepayment,
    check ((kind = 'invoice') = (application_id is not null)), check ((kind = 'invoice') = (invoice_id is not null)),
    check ((kind = 'prepayment') = (prepayment_id is not null)), check ((kind = 'account') = (account is not null)));
-- an invoice is on one line of a receipt at most
create unique index receipt_line_invoice on app.receipt_line (company_id, receipt_id, invoice_id) where invoice_id is not null;

-- Money that did not fit its invoice and is a prepayment again: once an application.
create table app.displacement (
    company_id bigint not null, application_id text not null, receipt_id text not null, amount bigint not null check (amount > 0),
    prepayment_id text not null, caused_by text not null, occurred_on date not null, posting_on date not null,
    event_id text not null,
    primary key (company_id, application_id), foreign key (company_id, application_id) references app.application,
    foreign key (company_id, prepayment_id) references app.prepayment);
create index displacement_receipt on app.displacement (company_id, receipt_id);
"""

BALANCES = """
-- A receipt has lines, they sum to its amount, and each line is what it applied or set aside. Checked when a statement has
-- written either: receipts and lines are written by one statement. Each check looks into an index once for each row that was
-- added (`limit 1` keeps it from becoming a join over the company's rows), whatever the planner thinks of the tables' sizes.
create function app.receipts_have_lines() returns trigger language plpgsql as $$
begin
    if exists (
        select from added r
        left join lateral (select true as found from app.receipt_line l
                           where l.company_id = r.company_id and l.receipt_id = r.id limit 1) l on true
        where l.found is null) then
        raise exception 'a receipt without lines is out of balance' using errcode = 'check_violation';
    end if;
    return null;
end $$;
create function app.lines_balance() returns trigger language plpgsql as $$
declare
    wrong text;
begin
    select r.id into wrong from (select distinct company_id, receipt_id from added) named
    cross join lateral (select r.company_id, r.id, r.amount from app.receipt r
                        where r.company_id = named.company_id and r.id = named.receipt_id limit 1) r
    cross join lateral (
        select sum(l.amount) as amount, bool_and(l.amount = coalesce(a.amount, p.amount, l.amount)) as as_applied
        from app.receipt_line l
        left join lateral (select a.amount from app.application a
                           where a.company_id = l.company_id and a.id = l.application_id limit 1) a on true
        left join lateral (select p.amount from app.prepayment p
                           where p.company_id = l.company_id and p.id = l.prepayment_id limit 1) p on true
        where l.company_id = r.company_id and l.receipt_id = r.id) s
    where s.amount <> r.amount or not s.as_applied limit 1;
    if wrong is not null then
        raise exception 'receipt % is out of balance', wrong using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger balances after insert on app.receipt referencing new table as added
    for each statement execute function app.receipts_have_lines();
create trigger balances after insert on app.receipt_line referencing new table as added
    for each statement execute function app.lines_balance();

-- Balances follow the append-only rows and nothing else: no role may write them by itself. They are reached by their keys, beside
-- tables of any length: without hash joins and scans.
create function app.count_prepayments() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into app.prepayment_balance (company_id, prepayment_id, customer_id, currency, posting_on, remaining)
    select company_id, id, customer_id, currency, posting_on, amount from added;
    return null;
end $$;
create trigger counted after insert on app.prepayment referencing new table as added
    for each statement execute function app.count_prepayments();

create function app.count_applications() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    update app.open_invoice o set applied = o.applied + s.amount
    from (select company_id, invoice_id, sum(amount) as amount from added group by company_id, invoice_id) s
    where o.company_id = s.company_id and o.invoice_id = s.invoice_id;
    if exists (select from added where prepayment_id is not null) then
        update app.prepayment_balance b set remaining = b.remaining - s.amount
        from (select company_id, prepayment_id, sum(amount) as amount from added where prepayment_id is not null
              group by company_id, prepayment_id) s
        where b.company_id = s.company_id and b.prepayment_id = s.prepayment_id;
    end if;
    return null;
end $$;
create trigger counted after insert on app.application referencing new table as added
    for each statement execute function app.count_applications();

create function app.count_displacements() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    if exists (
        select from added d join app.application a on a.company_id = d.company_id and a.id = d.application_id
        where d.amount > a.amount or d.receipt_id <> a.receipt_id
           or exists (select from app.receipt_void v where v.company_id = a.company_id and v.receipt_id = a.receipt_id)) then
        raise exception 'no more can be displaced than is still applied' using errcode = 'check_violation';
    end if;
    update app.open_invoice o set applied = o.applied - s.amount
    from (select a.company_id, a.invoice_id, sum(d.amount) as amount
          from added d join app.application a on a.company_id = d.company_id and a.id = d.application_id
          group by a.company_id, a.invoice_id) s
    where o.company_id = s.company_id and o.invoice_id = s.invoice_id;
    return null;
end $$;
create trigger counted after insert on app.displacement referencing new table as added
    for each statement execute function app.count_displacements();

create function app.count_voids() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    update app.open_invoice o set applied = o.applied - s.amount
    from (select a.company_id, a.invoice_id, sum(a.amount - coalesce(d.amount, 0)) as amount
          from added v join app.application a on a.company_id = v.company_id and a.receipt_id = v.receipt_id
          left join app.displacement d on d.company_id = a.company_id and d.application_id = a.id
          group by a.company_id, a.invoice_id) s
    where o.company_id = s.company_id and o.invoice_id = s.invoice_id;
    update app.prepayment_balance b set remaining = 0
    from added v join app.prepayment p on p.company_id = v.company_id and p.receipt_id = v.receipt_id
    where b.company_id = p.company_id and b.prepayment_id = p.id;
    return null;
end $$;
create trigger counted after insert on app.receipt_void referencing new table as added
    for each statement execute function app.count_voids();
"""

FACTS = ("receipt", "receipt_line", "application", "prepayment", "prepayment_application", "receipt_void")


def upgrade() -> None:
    create_kernel(posts=True, accounts=True)
    op.execute(COPIES)
    op.execute(TABLES)
    op.execute(BALANCES)
    protect("copies.customer", api="select, update (gate)", worker="select, insert, update")
    protect("copies.invoice", api="select", worker="select, insert, update")
    protect("copies.deposited_receipt", api="select", worker="select, insert, update, delete")
    protect("app.payment_type", api="select, insert, update", worker="select, insert", audited_by="id")
    for table in FACTS:
        worker = "select, insert" if table == "prepayment" else "select"
        protect(f"app.{table}", api="select, insert", worker=worker, append_only=True)
    protect("app.displacement", api="select", worker="select, insert", append_only=True)
    protect("app.open_invoice", api="select, update (gate)", worker="select, insert, update (gate)")
    protect("app.prepayment_balance", api="select, update (gate)", worker="select, update (gate)")
