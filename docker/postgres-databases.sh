#!/bin/bash
# A role and a database of its own for each part, and a role for each process that uses the database sixgate; what those may do
# is sql/roles.sql. PostgreSQL's image runs this on an empty volume. Safe to repeat, as after an upgrade:
#   docker compose exec postgres bash /docker-entrypoint-initdb.d/databases.sh
set -euo pipefail

role() { # role NAME PASSWORD
  name=$1 password=$2 psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d postgres <<'SQL'
\getenv name name
\getenv password password
SELECT format('CREATE ROLE %I', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
-- Half of the connections that there are, so that no role alone keeps the others out.
ALTER ROLE :"name" LOGIN PASSWORD :'password' CONNECTION LIMIT 50;
SQL
}

for name in airflow mlflow sixgate; do
  password=${name^^}_DB_PASSWORD
  role "$name" "${!password}"
  name=$name psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d postgres <<'SQL'
\getenv name name
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
done

psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d postgres \
  -c 'REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC'
role sixgate_steps "$SIXGATE_STEPS_DB_PASSWORD"
role sixgate_server "$SIXGATE_SERVER_DB_PASSWORD"
role sixgate_pages "$SIXGATE_PAGES_DB_PASSWORD"
