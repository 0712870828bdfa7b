"""Companies, users, roles, API keys and the keys that tokens are signed with."""

from alembic import op

from shared.migrations.kernel import create_kernel, protect, roles

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
create table app.company (
    company_id bigint generated always as identity primary key, name text not null check (name <> ''), time_zone text not null,
    currency char(3) not null, created_at timestamptz not null default now());

create table app.role (
    company_id bigint not null, name text not null check (name ~ '^[a-z][a-z0-9_-]{0,39}$'), permissions text[] not null,
    built_in bool not null, primary key (company_id, name));

create table app.person (
    company_id bigint not null, id text not null, email text not null check (email = lower(email)), name text not null,
    password_hash text not null, role text not null, active bool not null default true, created_at timestamptz not null default now(),
    primary key (company_id, id), foreign key (company_id, role) references app.role);
create unique index person_email on app.person (email);

create table app.api_key (
    company_id bigint not null, id text not null, name text not null, role text not null, secret_hash bytea not null,
    created_at timestamptz not null default now(), expires_on date, revoked_at timestamptz,
    primary key (company_id, id), foreign key (company_id, role) references app.role);
create unique index api_key_id on app.api_key (id);

create table app.signing_key (
    key_id text primary key, private_pem text not null, public_jwk jsonb not null, created_at timestamptz not null default now(),
    signs_until timestamptz not null, published_until timestamptz not null);
"""

SIGN_IN = """
-- Sign-in comes before a company is known, so it looks a person or a key up by what is unique in the installation.
create function app.person_to_sign_in(wanted text) returns setof app.person
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select * from app.person where email = lower(wanted) and active $$;
create function app.api_key_to_exchange(wanted text) returns setof app.api_key
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select * from app.api_key where id = wanted and revoked_at is null $$;
create function app.permissions_of(company bigint, role_name text) returns text[]
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select permissions from app.role where company_id = company and name = role_name $$;
"""


def upgrade() -> None:
    create_kernel(posts=False)
    op.execute(TABLES)
    names = roles()
    # the table of companies is the one that has no company: whoever may create one may not yet be in it
    op.execute(f"grant select, insert, update (name, time_zone) on app.company to {names['api']}")
    op.execute("create trigger audited after insert or update or delete on app.company for each row execute function audit.record_change('company_id')")
    protect("app.role", api="select, insert, update, delete", worker="select, insert", audited_by="name")
    protect("app.person", api="select, insert, update", worker="select", audited_by="id")
    protect("app.api_key", api="select, insert, update (revoked_at, name, expires_on)", worker="select", audited_by="id")
    op.execute(f"grant select, insert, update, delete on app.signing_key to {names['api']}")
    op.execute(SIGN_IN)
