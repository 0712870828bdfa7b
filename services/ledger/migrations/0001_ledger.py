"""Chart of accounts, journal with its hash chain, stored balances, manual entries, closings, proofs."""

from alembic import op

from shared.migrations.kernel import create_kernel, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CHART = """
create table app.account (
    company_id bigint not null, code text collate "C" not null check (code ~ '^[0-9A-Za-z][0-9A-Za-z._-]{0,19}$'),
    name text not null check (name <> ''),
    kind text not null check (kind in ('asset', 'liability', 'equity', 'revenue', 'expense')),
    control text check (control in
        ('ar', 'retention', 'prepayments', 'undeposited', 'clearing', 'bank', 'ap', 'contract', 'inventory')),
    active bool not null default true, created_at timestamptz not null default now(),
    primary key (company_id, code));
create index account_control on app.account (company_id, control) where control is not null;

create table app.role (
    company_id bigint not null, role text not null, account text collate "C" not null,
    primary key (company_id, role), foreign key (company_id, account) references app.account);

-- Which state of a company's chart the posting rules see. The version is random and changes with every change of an
-- account or a role, in the same transaction, so a worker may keep what it has read under a version for ever.
create table app.chart (company_id bigint primary key, version uuid not null default gen_random_uuid());

create function app.chart_changed() returns trigger language plpgsql as $$
begin
    insert into app.chart (company_id) values (new.company_id)
        on conflict (company_id) do update set version = gen_random_uuid();
    return null;
end $$;
create trigger chart_changed after insert or update on app.account for each row execute function app.chart_changed();
create trigger chart_changed after insert or update on app.role for each row execute function app.chart_changed();
"""

JOURNAL = """
-- The last entry of each company. Locked by whoever adds entries, so numbers have no gap and the chain no fork.
create table app.chain_head (
    company_id bigint primary key, number bigint not null default 0 check (number >= 0),
    hash bytea not null default decode(repeat('00', 32), 'hex') check (length(hash) = 32)) with (fillfactor = 50);

-- An entry's id is `je_` and what follows `evt_` in the id of its event, so it is not stored a second time.
create table app.journal_entry (
    company_id bigint not null, number bigint not null check (number > 0), event_id text collate "C" not null,
    producer text collate "C" not null, sequence bigint not null, kind text collate "C" not null,
    document_id text collate "C" not null, document text not null, subject text collate "C" not null, currency char(3) not null,
    occurred_on date not null, posting_on date not null, recorded_at timestamptz not null,
    description text not null, reverses text collate "C", posting_count int not null check (posting_count >= 2),
    hash bytea not null check (length(hash) = 32),
    primary key (company_id, number));
create unique index journal_entry_event on app.journal_entry (event_id);
create unique index journal_entry_reverses on app.journal_entry (company_id, reverses) where reverses is not null;
create index journal_entry_sequence on app.journal_entry (company_id, producer, sequence) with (deduplicate_items = off);
create index journal_entry_posting_on on app.journal_entry (company_id, posting_on, number) with (deduplicate_items = off);
create index journal_entry_document on app.journal_entry (company_id, document_id, number) with (deduplicate_items = off);

-- `document_id` is null where it is the entry's own.
create table app.posting (
    company_id bigint not null, entry_number bigint not null, line int not null, account text collate "C" not null,
    side text not null check (side in ('debit', 'credit')), amount bigint not null check (amount > 0),
    customer_id text collate "C", document_id text collate "C", currency char(3) not null, posting_on date not null,
    primary key (company_id, entry_number, line));
create index posting_account on app.posting (company_id, account, posting_on, entry_number, line) with (deduplicate_items = off);
create index posting_customer on app.posting (company_id, customer_id, posting_on, entry_number)
    with (deduplicate_items = off) where customer_id is not null;
create index posting_document on app.posting (company_id, document_id, entry_number)
    with (deduplicate_items = off) where document_id is not null;

create table app.balance (
    company_id bigint not null, account text collate "C" not null, currency char(3) not null, on_day date not null,
    debit bigint not null check (debit >= 0), credit bigint not null check (credit >= 0),
    primary key (company_id, account, currency, on_day)) with (fillfactor = 50);

create table app.customer_balance (
    company_id bigint not null, account text collate "C" not null, currency char(3) not null,
    customer_id text collate "C" not null, debit bigint not null check (debit >= 0), credit bigint not null check (credit >= 0),
    primary key (company_id, account, currency, customer_id)) with (fillfactor = 50);
"""

GUARDS = """
-- They run once a page beside a journal of any length, so the planner must reach entries and postings by their keys: without
-- hash joins and scans, and as the owner, since the condition of row-level security makes other indexes look as good.
create function app.check_postings() returns trigger language plpgsql
    security definer set search_path = pg_catalog, pg_temp
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    wrong record;
begin
    select added.company_id, added.entry_number into wrong
    from (select company_id, entry_number, count(*) as lines, min(line) as first_line, max(line) as last_line,
                 sum(case side when 'debit' then amount else -amount end) as off_by,
                 min(currency) as currency, max(currency) as other_currency,
                 min(posting_on) as posting_on, max(posting_on) as other_day
          from added_postings group by company_id, entry_number) added
    left join app.journal_entry e on e.company_id = added.company_id and e.number = added.entry_number
    where e.number is null or added.lines <> e.posting_count or added.first_line <> 1 or added.last_line <> e.posting_count
       or added.off_by <> 0 or added.currency <> e.currency or added.other_currency <> e.currency
       or added.posting_on <> e.posting_on or added.other_day <> e.posting_on
    limit 1;
    if found then
        raise exception 'entry % of company % is not balanced, or not whole', wrong.entry_number, wrong.company_id
            using errcode = 'check_violation', constraint = 'entry_balanced';
    end if;
    return null;
end $$;
create trigger balanced after insert on app.posting referencing new table as added_postings
    for each statement execute function app.check_postings();

create function app.check_entries() returns trigger language plpgsql
    security definer set search_path = pg_catalog, pg_temp
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    wrong record;
begin
    select added.company_id into wrong
    from (select company_id, min(number) as first_number, max(number) as last_number, count(*) as entries
          from added_entries group by company_id) added
    left join app.chain_head head on head.company_id = added.company_id
    where head.number is null or added.first_number <> head.number + 1
       or added.last_number - added.first_number + 1 <> added.entries
    limit 1;
    if found then
        raise exception 'entry numbers of company % would have a gap', wrong.company_id
            using errcode = 'check_violation', constraint = 'entry_numbers_gapless';
    end if;
    -- the statement that adds entries adds their postings; what they are is checked there
    select added.company_id, added.number into wrong
    from added_entries added
    left join app.posting p on p.company_id = added.company_id and p.entry_number = added.number and p.line = 1
    where p.line is null
    limit 1;
    if found then
        raise exception 'entry % of company % has no postings', wrong.number, wrong.company_id
            using errcode = 'check_violation', constraint = 'entry_has_postings';
    end if;
    return null;
end $$;
create trigger whole after insert on app.journal_entry referencing new table as added_entries
    for each statement execute function app.check_entries();
"""

MANUAL = """
create table app.manual_entry (
    company_id bigint not null, id text not null, currency char(3) not null, description text not null,
    occurred_on date not null, posting_on date not null, event_id text collate "C" not null, posted_by text not null,
    posted_at timestamptz not null, primary key (company_id, id));
create index manual_entry_occurred_on on app.manual_entry (company_id, occurred_on, id);

create table app.manual_entry_line (
    company_id bigint not null, manual_entry_id text not null, line int not null, account text collate "C" not null,
    side text not null check (side in ('debit', 'credit')), amount bigint not null check (amount > 0), memo text not null,
    primary key (company_id, manual_entry_id, line),
    foreign key (company_id, manual_entry_id) references app.manual_entry,
    foreign key (company_id, account) references app.account);

create table app.manual_entry_reversal (
    company_id bigint not null, manual_entry_id text not null, occurred_on date not null, posting_on date not null,
    reason text not null, event_id text collate "C" not null, reversed_by text not null, reversed_at timestamptz not null,
    constraint manual_entry_reversed_once primary key (company_id, manual_entry_id),
    foreign key (company_id, manual_entry_id) references app.manual_entry);
"""

PERIODS = """
create table app.period_close (
    company_id bigint not null, id text not null, through date not null,
    state text not null check (state in ('closing', 'closed', 'cancelled')),
    asked_by text not null, asked_at timestamptz not null, expires_at timestamptz not null,
    waits_for text not null default '', ended_at timestamptz, reason text not null default '',
    check ((state = 'closing') = (ended_at is null)),
    primary key (company_id, id));
create unique index period_close_one_at_a_time on app.period_close (company_id) where state = 'closing';
create index period_close_asked_at on app.period_close (company_id, asked_at, id);

create table app.period_answer (
    company_id bigint not null, close_id text not null, service text not null, sequence bigint not null,
    answered_at timestamptz not null, primary key (company_id, close_id, service));
"""

PROOFS = """
-- How far the chain was verified, so that each proof verifies what has come since.
create table app.chain_checkpoint (
    company_id bigint primary key, number bigint not null, hash bytea not null check (length(hash) = 32),
    verified_at timestamptz not null);

create table app.proof (
    company_id bigint not null, id text not null, state text not null check (state in ('green', 'red', 'unknown')),
    proved_at timestamptz not null, asked_by text not null, answer jsonb not null, primary key (company_id, id));
create index proof_proved_at on app.proof (company_id, proved_at, id);
"""


def upgrade() -> None:
    create_kernel(posts=True)
    for part in (CHART, JOURNAL, GUARDS, MANUAL, PERIODS, PROOFS):
        op.execute(part)
    protect("app.account", api="select, insert, update (name, active)", worker="select, insert", audited_by="code")
    protect("app.role", api="select, insert, update (account)", worker="select, insert", audited_by="role")
    protect("app.chart", api="select, insert, update (version)", worker="select, insert, update (version)")
    protect("app.chain_head", api="select", worker="select, insert, update")
    protect("app.journal_entry", api="select", worker="select, insert", append_only=True)
    protect("app.posting", api="select", worker="select, insert", append_only=True)
    protect("app.balance", api="select", worker="select, insert, update")
    protect("app.customer_balance", api="select", worker="select, insert, update")
    protect("app.manual_entry", api="select, insert", worker="select", append_only=True)
    protect("app.manual_entry_line", api="select, insert", worker="select", append_only=True)
    protect("app.manual_entry_reversal", api="select, insert", worker="select", append_only=True)
    protect("app.period_close", api="select, insert, update", worker="select, update", audited_by="id")
    protect("app.period_answer", api="select", worker="select, insert", append_only=True)
    protect("app.chain_checkpoint", api="select, insert, update", worker="select, insert, update")
    protect("app.proof", api="select, insert", worker="select, insert", append_only=True)
