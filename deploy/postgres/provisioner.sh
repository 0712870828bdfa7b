#!/bin/sh
# Runs once, when the cluster is made: the role that creates the services' databases and roles. It is no superuser and may
# act for the roles that it made, for no others. The services know neither its password nor the superuser's.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$DUEBOOK_PROVISION_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
create role duebook_provision login nosuperuser createdb createrole password :'password';
-- from PostgreSQL 16 on, who creates a role may act for it only where that is said
alter role duebook_provision set createrole_self_grant = 'set, inherit';
revoke connect on database postgres from public;
grant connect on database postgres to duebook_provision;
SQL
