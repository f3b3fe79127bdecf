#!/bin/bash
# A role and a database of its own for each part; PostgreSQL's image runs this once, on an empty volume.
set -euo pipefail

for name in airflow mlflow sixgate; do
  export name
  psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres <<SQL
\getenv name name
\getenv password ${name^^}_DB_PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
done
