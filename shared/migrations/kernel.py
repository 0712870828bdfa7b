"""What every service's database has besides its own tables: log, positions, idempotency, jobs, audit, isolation.

The first migration of a service calls `create_kernel()`, then `protect()` for each of its tables.
"""

from __future__ import annotations

from alembic import op

_SET = "nullif(current_setting('app.companies', true), '')::bigint[]"
ONE_COMPANY = f"company_id = (select ({_SET})[1])"
COMPANIES = f"company_id in (select unnest({_SET}))"
"""Fail closed: without a company set there is no row, and no error that tells of one. A request sees one company, a page of
the worker the companies of its events.

As subqueries they are evaluated once a statement, not once a row. As one value, or as a lookup that no index can serve, they
leave the planner's estimates to the statement's own conditions; `= any (…)` on top of those makes every index that begins
with the company look as good as the primary key, which reads the whole company for each row where there are no statistics.
"""

KERNEL = """
create schema app; create schema copies; create schema log; create schema audit;
revoke all on schema public from public;
grant usage on schema app, copies, log, audit to {api}, {worker};
grant usage on schema log to {log};

create table app.idempotency (
    company_id bigint not null, principal text not null, route text not null, key text not null check (length(key) <= 255),
    request_hash bytea not null, status int not null, headers text not null, body bytea not null,
    created_at timestamptz not null default now(),
    primary key (company_id, principal, route, key));
create index idempotency_age on app.idempotency (created_at);

create table app.job (
    company_id bigint not null, id text not null, kind text not null, key text not null, payload jsonb not null,
    run_after timestamptz not null default now(), attempts int not null default 0, last_error text, done_at timestamptz,
    primary key (company_id, id), constraint job_once unique (company_id, kind, key));
create index job_due on app.job (run_after) where done_at is null;

create table copies.company (
    company_id bigint primary key, name text not null, time_zone text not null, currency char(3) not null);
create table copies.principal (
    company_id bigint not null, principal text not null, valid_after timestamptz not null, primary key (company_id, principal));

create table log.head (
    only_one bool primary key default true check (only_one), epoch uuid not null default gen_random_uuid(),
    seq bigint not null default 0, event_id text not null default '', recorded_at timestamptz not null default '-infinity',
    published_through bigint not null default 0 check (published_through <= seq));
insert into log.head default values;

create table log.event (
    id bigint generated always as identity (cache 1) primary key,
    company_id bigint not null, event_id text not null unique, type text not null, subject text not null,
    body text not null, seq bigint unique, recorded_at timestamptz,
    check ((seq is null) = (recorded_at is null)));
create index event_unnumbered on log.event (id) where seq is null;
create index event_subject on log.event (company_id, subject, id);

create table log.position (
    producer text primary key, epoch uuid, seq bigint not null default 0, event_id text not null default '',
    moved_at timestamptz not null default now(), forked text);

create table log.parked (
    company_id bigint not null, producer text not null, seq bigint not null, subject text not null, event_id text not null,
    type text not null, body text not null, error text not null, attempts int not null default 1,
    parked_at timestamptz not null default now(), resolved_at timestamptz,
    primary key (company_id, producer, seq));
create index parked_open on log.parked (company_id, subject) where resolved_at is null;

create table audit.change (
    company_id bigint not null, id bigint generated always as identity, at timestamptz not null default clock_timestamp(),
    table_name text not null, row_key text not null, action text not null, before jsonb, after jsonb,
    actor text not null, address text not null, correlation_id text not null,
    primary key (company_id, id));
create index change_row on audit.change (company_id, table_name, row_key, id);

-- Lets a transaction see these companies. The worker sets those of its page.
create function app.enter_companies(companies bigint[], actor text, correlation_id text) returns void
    language sql volatile as $$
    select set_config('app.companies', companies::text, true), set_config('app.actor', actor, true),
           set_config('app.correlation_id', correlation_id, true), set_config('app.address', '', true) $$;

-- First statement of a request: sees one company, and answers what the edge needs to know of it and of who asks.
create function app.enter_request(company bigint, principal text, address text, correlation_id text,
        out time_zone text, out currency text, out valid_after timestamptz)
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform set_config('app.companies', case when company = 0 then '' else '{{' || company || '}}' end, true),
            set_config('app.actor', principal, true),
            set_config('app.correlation_id', correlation_id, true), set_config('app.address', address, true);
    select c.time_zone, c.currency into time_zone, currency from copies.company c where c.company_id = company;
    select p.valid_after into valid_after from copies.principal p
        where p.company_id = company and p.principal = enter_request.principal;
end $$;

-- An idempotency key: one request in flight at a time, and what the first one was answered.
create function app.claim_key(claimed_by text, claimed_route text, claimed_key text,
        out free bool, out request_hash bytea, out status int, out headers text, out body bytea)
    language plpgsql volatile as $$
begin
    free := pg_try_advisory_xact_lock(hashtextextended(
        concat_ws(' ', current_setting('app.companies', true), claimed_by, claimed_route, claimed_key), 0));
    if free then
        select i.request_hash, i.status, i.headers, i.body into request_hash, status, headers, body
        from app.idempotency i where i.principal = claimed_by and i.route = claimed_route and i.key = claimed_key;
    end if;
end $$;

-- First statement of a request that has an idempotency key: both at once.
create function app.enter_with_key(company bigint, principal text, address text, correlation_id text, route text, key text,
        out time_zone text, out currency text, out valid_after timestamptz,
        out free bool, out request_hash bytea, out status int, out headers text, out body bytea)
    language plpgsql volatile as $$
begin
    select e.* into time_zone, currency, valid_after from app.enter_request(company, principal, address, correlation_id) e;
    select c.* into free, request_hash, status, headers, body from app.claim_key(principal, route, key) c;
end $$;

-- Removes old idempotency keys of all companies, some at once, without showing the worker what was answered under them.
create function app.forget_old_keys(older_than interval, at_most int) returns bigint
    language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    with gone as (
        delete from app.idempotency where (company_id, principal, route, key) in
            (select company_id, principal, route, key from app.idempotency where created_at < now() - older_than limit at_most)
        returning 1)
    select count(*) from gone $$;
revoke execute on function app.forget_old_keys from public;
grant execute on function app.forget_old_keys to {worker};

-- Gives committed events their numbers. Two statements on purpose: the second sees what was committed while the first
-- waited for the head. In one statement, two who number at once leave gaps.
create function log.number_events(at_most int) returns bigint
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    was log.head; numbered bigint; last_id text; instant timestamptz;
begin
    select * into was from log.head for update;
    instant := greatest(clock_timestamp(), was.recorded_at);
    with chosen as (
        select id, row_number() over (order by id) as place
        from (select id from log.event where seq is null order by id limit at_most) waiting),
    done as (
        update log.event e set seq = was.seq + chosen.place, recorded_at = instant
        from chosen where e.id = chosen.id returning e.seq, e.event_id)
    select count(*), (array_agg(event_id order by seq desc))[1] into numbered, last_id from done;
    if numbered > 0 then
        update log.head set seq = was.seq + numbered, event_id = last_id, recorded_at = instant;
    end if;
    return was.seq + numbered;
end $$;
revoke execute on function log.number_events from public;
grant execute on function log.number_events to {log}, {worker}, {api};

create function audit.record_change() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    old_row jsonb := case when tg_op = 'INSERT' then null else to_jsonb(old) end;
    new_row jsonb := case when tg_op = 'DELETE' then null else to_jsonb(new) end;
begin
    if tg_op = 'UPDATE' and old_row = new_row then return null; end if;
    insert into audit.change (company_id, table_name, row_key, action, before, after, actor, address, correlation_id)
    values ((coalesce(new_row, old_row) ->> 'company_id')::bigint, tg_table_schema || '.' || tg_table_name,
            coalesce(new_row, old_row) ->> tg_argv[0], lower(tg_op), old_row, new_row,
            coalesce(current_setting('app.actor', true), ''), coalesce(current_setting('app.address', true), ''),
            coalesce(current_setting('app.correlation_id', true), ''));
    return null;
end $$;

-- Who asked for the retry of parked events. What the services ask of themselves is in their logs.
create trigger asked_for after insert on app.job for each row when (new.kind = 'retry-parked')
    execute function audit.record_change('id');

create function audit.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '%.% is append-only', tg_table_schema, tg_table_name using errcode = 'restrict_violation';
end $$;

-- What was stated stays as it was stated, for the owner too; only its number is added, once. The triggers go by the columns
-- that a statement names, so numbering pays for none but the one that looks at the old number.
create trigger stated_once before update of id, company_id, event_id, type, subject, body on log.event
    for each row execute function audit.refuse_change();
create trigger numbered_once before update of seq, recorded_at on log.event
    for each row when (old.seq is not null) execute function audit.refuse_change();
create trigger never_deleted before delete on log.event for each row execute function audit.refuse_change();
create trigger never_emptied before truncate on log.event for each statement execute function audit.refuse_change();

-- A number that no one else's transaction sees halfway: allocated last, without gaps.
create table app.document_series (
    company_id bigint not null, series text not null, last_number bigint not null default 0, primary key (company_id, series));
"""

ACCOUNTS = """
create table copies.account (
    company_id bigint not null, code text not null, name text not null, kind text not null, control text, active bool not null,
    primary key (company_id, code));
create table copies.role (
    company_id bigint not null, role text not null, account text not null, primary key (company_id, role));
"""

PERIOD = """
create table copies.period (
    company_id bigint primary key, closed_through date, closing_through date, close_id text,
    gate int not null default 0);

-- First statement of a request that posts: enters, claims its key, and passes the period gate. A closing waits for those who
-- have passed it.
create function app.enter_to_post(company bigint, principal text, address text, correlation_id text, route text, key text,
        out time_zone text, out currency text, out valid_after timestamptz,
        out free bool, out request_hash bytea, out status int, out headers text, out body bytea, out closed date)
    language plpgsql volatile as $$
begin
    select e.* into time_zone, currency, valid_after, free, request_hash, status, headers, body
        from app.enter_with_key(company, principal, address, correlation_id, route, key) e;
    select greatest(p.closed_through, p.closing_through) into closed from copies.period p where p.company_id = company for share;
end $$;
"""


def roles() -> dict[str, str]:
    """Names of the four roles of the database that is being migrated."""
    database = op.get_bind().exec_driver_sql("select current_database()").scalar_one()
    return {role: f'"{database}_{role}"' for role in ("owner", "api", "worker", "log")}


def create_kernel(*, posts: bool = False, accounts: bool = False) -> None:
    """The common tables. `posts`: the service dates documents into periods, so it keeps the period gate; `accounts`: it
    names ledger accounts in its documents, so it keeps a copy of the chart."""
    op.execute(KERNEL.format(**roles()))
    protect("app.idempotency", api="select, insert", worker="")
    protect("app.job", api="select, insert", worker="select, insert, update", worker_sees_all=True)
    protect("app.document_series", api="select, insert, update", worker="select, insert, update")
    protect("copies.company", api="select", worker="select, insert, update")
    protect("copies.principal", api="", worker="select, insert, update")
    protect("log.event", api="select, insert", worker="select, insert")
    protect("log.parked", api="select", worker="select, insert, update", worker_sees_all=True)
    protect("audit.change", api="select", worker="select", append_only=True)
    names = roles()
    op.execute(f"grant select on log.head, log.position to {names['api']}")
    op.execute(f"grant select, insert, update on log.position to {names['worker']}")
    op.execute(f"grant select on log.head, log.event, log.position to {names['log']}")
    op.execute(f"grant update (published_through) on log.head to {names['log']}")
    op.execute(f"grant select on log.head to {names['worker']}")
    op.execute(f"create policy reads_the_log on log.event for select to {names['log']} using (true)")
    if accounts:
        op.execute(ACCOUNTS)
        protect("copies.account", api="select", worker="select, insert, update")
        protect("copies.role", api="select", worker="select, insert, update")
    if posts:
        op.execute(PERIOD)
        protect("copies.period", api="select, update (gate)", worker="select, insert, update")


def protect(
    table: str,
    *,
    api: str,
    worker: str,
    audited_by: str | None = None,
    append_only: bool = False,
    worker_sees_all: bool = False,
) -> None:
    """Row-level security by company, grants for api and worker, and what keeps the table's history.

    `audited_by`: name of the column that identifies a row in the audit trail; each change is recorded with before and
    after. `append_only`: UPDATE, DELETE and TRUNCATE are refused for everybody, the owner included; such facts are
    their own audit. Grants are given as in SQL ("select, insert, update (state)"); "" for none.
    """
    names = roles()
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"create policy company on {table} to {names['api']} using ({ONE_COMPANY}) with check ({ONE_COMPANY})")
    worker_rule = "true" if worker_sees_all else COMPANIES
    op.execute(f"create policy companies on {table} to {names['worker']} using ({worker_rule}) with check ({worker_rule})")
    if api:
        op.execute(f"grant {api} on {table} to {names['api']}")
    if worker:
        op.execute(f"grant {worker} on {table} to {names['worker']}")
    if audited_by:
        op.execute(
            f"create trigger audited after insert or update or delete on {table} "
            f"for each row execute function audit.record_change('{audited_by}')"
        )
    if append_only:
        op.execute(
            f"create trigger append_only before update or delete on {table} for each row execute function audit.refuse_change()"
        )
        op.execute(
            f"create trigger never_emptied before truncate on {table} for each statement execute function audit.refuse_change()"
        )
