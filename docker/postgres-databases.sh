#!/bin/bash
# Create a role and a database for each of Airflow, MLflow and Sixgate, and a role for each process
# that uses Sixgate's database; sql/roles.sql has the rights of those roles. PostgreSQL's image runs
# this on an empty volume. It can be run again, for example after an upgrade:
#   docker compose exec postgres bash /docker-entrypoint-initdb.d/databases.sh
set -euo pipefail

run_sql() {
  psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d postgres "$@"
}

role() { # role NAME PASSWORD
  name=$1 password=$2 run_sql <<'SQL'
\getenv name name
\getenv password password
SELECT format('CREATE ROLE %I', :'name')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
-- Half of all connections, so that one role can't lock out the others.
ALTER ROLE :"name" LOGIN PASSWORD :'password' CONNECTION LIMIT 50;
SQL
}

for name in airflow mlflow sixgate; do
  password=${name^^}_DB_PASSWORD
  role "$name" "${!password}"
  name=$name run_sql <<'SQL'
\getenv name name
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
done

run_sql -c 'REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC'
role sixgate_steps "$SIXGATE_STEPS_DB_PASSWORD"
role sixgate_server "$SIXGATE_SERVER_DB_PASSWORD"
role sixgate_pages "$SIXGATE_PAGES_DB_PASSWORD"
