#!/bin/sh
# Run once by PostgreSQL's image, on an empty data folder: a database and a user for the server, and for the signer.
# Their passwords are files; psql reads them, so that no command line shows them.
set -eu
for program in server signer; do
  psql -v ON_ERROR_STOP=1 --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    -v user="$program" -v database="notary$program" <<SQL
\set password \`cat /run/secrets/$program-password\`
CREATE ROLE :"user" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"user";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
done
