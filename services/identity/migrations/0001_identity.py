"""Companies, people, roles, API keys and the keys that tokens are signed with."""

from alembic import op

from shared.migrations.kernel import create_kernel, protect, roles

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
create sequence app.company_number;
create table app.company (
    company_id bigint primary key, name text not null check (name <> ''), time_zone text not null,
    currency char(3) not null check (currency ~ '^[A-Z]{3}$'), origin text not null check (origin in ('live', 'demo')),
    created_at timestamptz not null default now());

create table app.role (
    company_id bigint not null, name text not null check (name ~ '^[a-z][a-z0-9_-]{0,39}$'), permissions text[] not null,
    built_in bool not null, primary key (company_id, name));

-- valid_after: tokens that were issued before it no longer count; null while nothing was ever withdrawn.
create table app.person (
    company_id bigint not null, id text not null, email text not null check (email = lower(email)), name text not null,
    role text not null, active bool not null default true, created_at timestamptz not null default now(), valid_after timestamptz,
    primary key (company_id, id), foreign key (company_id, role) references app.role);
create unique index person_email on app.person (email);
create unique index person_id on app.person (id);
create index person_role on app.person (company_id, role);
create index person_created on app.person (company_id, created_at, id);
create index person_name on app.person (company_id, name, id);

-- Apart from the person, who is audited: the audit trail never holds the hash.
create table app.password (
    company_id bigint not null, person_id text not null, hash text not null, primary key (company_id, person_id),
    foreign key (company_id, person_id) references app.person);

create table app.api_key (
    company_id bigint not null, id text not null, name text not null check (name <> ''), role text not null,
    created_at timestamptz not null default now(), expires_on date, revoked_at timestamptz, valid_after timestamptz,
    primary key (company_id, id), foreign key (company_id, role) references app.role);
create unique index api_key_id on app.api_key (id);
create index api_key_role on app.api_key (company_id, role);
create index api_key_created on app.api_key (company_id, created_at, id);
create index api_key_name on app.api_key (company_id, name, id);

-- Apart from the key for the same reason.
create table app.api_key_secret (
    company_id bigint not null, api_key_id text not null, hash bytea not null check (length(hash) = 32),
    primary key (company_id, api_key_id), foreign key (company_id, api_key_id) references app.api_key);

-- Of the installation, not of a company: see README.
create table app.signing_key (
    key_id text primary key, private_pem text not null, public_jwk jsonb not null, created_at timestamptz not null,
    signs_from timestamptz not null, signs_until timestamptz not null, published_until timestamptz not null,
    check (created_at <= signs_from and signs_from < signs_until and signs_until < published_until));

-- Who (a digest of what was typed) failed to sign in from where; of no company, since none is known then.
create table app.failed_sign_in (
    id bigint generated always as identity primary key, who bytea not null, address text not null,
    at timestamptz not null default clock_timestamp());
create index failed_sign_in_pair on app.failed_sign_in (who, address, at);
create index failed_sign_in_address on app.failed_sign_in (address, at);
create index failed_sign_in_at on app.failed_sign_in (at);
"""

SIGN_IN = """
-- Sign-in comes before a company is known, so it looks a person or a key up by what is unique in the installation.
-- The row is locked first and all else read in a later statement: who waited for a change sees all of it.
create function app.person_to_sign_in(wanted text, out company_id bigint, out id text, out hash text, out role text)
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    select p.company_id, p.id, p.role into company_id, id, role from app.person p where p.email = wanted and p.active for share;
    select w.hash into hash from app.password w
        where w.company_id = person_to_sign_in.company_id and w.person_id = person_to_sign_in.id;
end $$;

create function app.api_key_to_exchange(wanted text,
        out company_id bigint, out id text, out secret_hash bytea, out role text, out expires_on date, out time_zone text)
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    select k.company_id, k.id, k.role, k.expires_on into company_id, id, role, expires_on
        from app.api_key k where k.id = wanted and k.revoked_at is null for share;
    select s.hash into secret_hash from app.api_key_secret s
        where s.company_id = api_key_to_exchange.company_id and s.api_key_id = api_key_to_exchange.id;
    select c.time_zone into time_zone from app.company c where c.company_id = api_key_to_exchange.company_id;
end $$;

create function app.permissions_of(company bigint, role_name text, out permissions text[], out origin text)
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select r.permissions, c.origin from app.role r join app.company c using (company_id)
    where r.company_id = company and r.name = role_name $$;

-- When a token for this principal begins: now in whole seconds, never before its valid_after. One clock, the database's.
create function app.token_begins(company bigint, wanted text, out now timestamptz, out issued_at timestamptz)
    language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select clock_timestamp(), greatest(date_trunc('second', clock_timestamp()),
        (select p.valid_after from app.person p where p.company_id = company and p.id = wanted),
        (select k.valid_after from app.api_key k where k.company_id = company and k.id = wanted)) $$;

-- The next valid_after: above the begin of every token that was issued so far.
create function app.withdrawn_at(before timestamptz) returns timestamptz
    language sql volatile as $$
    select greatest(date_trunc('second', clock_timestamp()), before) + interval '1 second' $$;
"""

REPLACEMENT = """
-- Replaces every signing key by a new one and leaves one entry in the audit trail, of the installation (company 0): which keys,
-- and never what is private of them.
create function app.replace_signing_keys(key_id text, private_pem text, public_jwk jsonb, now timestamptz,
        signs_until timestamptz, published_until timestamptz) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    replaced jsonb;
begin
    with gone as (delete from app.signing_key k returning k.key_id)
    select coalesce(jsonb_agg(gone.key_id order by gone.key_id), '[]') into replaced from gone;
    insert into app.signing_key (key_id, private_pem, public_jwk, created_at, signs_from, signs_until, published_until)
    values (key_id, private_pem, public_jwk, now, now, signs_until, published_until);
    insert into audit.change (company_id, table_name, row_key, action, before, after, actor, address, correlation_id)
    values (0, 'app.signing_key', key_id, 'replace', jsonb_build_object('keys', replaced),
            jsonb_build_object('keys', jsonb_build_array(key_id)),
            coalesce(current_setting('app.actor', true), ''), coalesce(current_setting('app.address', true), ''),
            coalesce(current_setting('app.correlation_id', true), ''));
end $$;
"""

SIGN_IN_FUNCTIONS = (
    "person_to_sign_in(text)",
    "api_key_to_exchange(text)",
    "permissions_of(bigint, text)",
    "token_begins(bigint, text)",
)


def upgrade() -> None:
    create_kernel(posts=False)
    op.execute(TABLES)
    names = roles()
    op.execute(f"grant usage on sequence app.company_number to {names['api']}")
    protect("app.company", api="select, insert, update (name, time_zone)", worker="select", audited_by="company_id")
    protect("app.role", api="select, insert, update", worker="select", audited_by="name")
    protect("app.person", api="select, insert, update", worker="select", audited_by="id")
    protect("app.password", api="select, insert, update", worker="")
    protect("app.api_key", api="select, insert, update", worker="select", audited_by="id")
    # only api_key_to_exchange reads it, as the owner
    protect("app.api_key_secret", api="insert", worker="")
    # the api signs; the worker makes the next key ahead of time and removes old ones, without ever reading a private key
    op.execute(f"grant select, insert on app.signing_key to {names['api']}")
    told = "key_id, created_at, signs_from, signs_until, published_until"
    op.execute(f"grant select ({told}), insert, delete on app.signing_key to {names['worker']}")
    op.execute(f"grant select, insert, delete on app.failed_sign_in to {names['api']}")
    op.execute(f"grant select, delete on app.failed_sign_in to {names['worker']}")
    op.execute(SIGN_IN)
    op.execute(REPLACEMENT)
    for function in (*SIGN_IN_FUNCTIONS, "replace_signing_keys"):
        op.execute(f"revoke execute on function app.{function} from public")
        op.execute(f"grant execute on function app.{function} to {names['api']}")
