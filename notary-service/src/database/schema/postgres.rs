//! PostgreSQL: everything in one transaction.

use sqlx::Postgres;

use super::{Catalog, Component, NotaryTables, SchemaError, Step};
use crate::database::failure::Failure;
use crate::database::pool::Connection;

const COLUMNS: &str = "SELECT table_name::text, column_name::text FROM information_schema.columns \
     WHERE table_schema = current_schema() AND table_name = ANY($1)";
const MIGRATIONS: &str = "SELECT version::bigint, dirty FROM schema_migrations LIMIT 1000";
/// As older releases of golang-migrate kept it.
const MIGRATIONS_UNMARKED: &str =
    "SELECT version::bigint, false FROM schema_migrations ORDER BY version DESC LIMIT 1000";
const LEDGER: &str = "SELECT version, readable_since, shared_with_notary FROM trust_schema WHERE component = $1";
/// Any number that nobody else locks; the first eight bytes of our table's name.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('trust_schema ' || current_schema(), 0))";
const INSERT: &str = "INSERT INTO trust_schema (component, version, readable_since, shared_with_notary, changed_at) \
     VALUES ($1, 0, 0, $2, now() AT TIME ZONE 'UTC') ON CONFLICT (component) DO NOTHING";
const UPDATE: &str = "UPDATE trust_schema SET version = $2, readable_since = $3, shared_with_notary = $4, \
     changed_at = now() AT TIME ZONE 'UTC' WHERE component = $1 AND version <= $2";

impl Catalog for Postgres {
    const CREATE_LEDGER: &'static str = "CREATE TABLE IF NOT EXISTS trust_schema (component varchar(32) PRIMARY KEY, \
         version bigint NOT NULL, readable_since bigint NOT NULL, shared_with_notary boolean NOT NULL, \
         changed_at timestamp NOT NULL)";

    fn steps(component: &Component) -> &'static [Step] {
        component.postgres
    }

    fn engine_tables(component: &Component) -> NotaryTables {
        component.notary_postgres
    }

    async fn columns(connection: &mut Connection<Self>, tables: &[&str]) -> Result<Vec<(String, String)>, Failure> {
        let limit = connection.limit();
        limit.run(sqlx::query_as(COLUMNS).bind(tables).fetch_all(&mut **connection)).await
    }

    async fn migrations(connection: &mut Connection<Self>, has_dirty: bool) -> Result<Vec<(i64, bool)>, Failure> {
        let limit = connection.limit();
        let query = if has_dirty { MIGRATIONS } else { MIGRATIONS_UNMARKED };
        limit.run(sqlx::query_as(query).fetch_all(&mut **connection)).await
    }

    async fn ledger(connection: &mut Connection<Self>, component: &str) -> Result<Option<(i64, i64, bool)>, Failure> {
        let limit = connection.limit();
        limit.run(sqlx::query_as(LEDGER).bind(component).fetch_optional(&mut **connection)).await
    }

    async fn lock(connection: &mut Connection<Self>) -> Result<(), Failure> {
        let limit = connection.limit();
        // An index on many rows may take long; nothing else waits for it but who migrates, too.
        let begin = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'; \
                     SET LOCAL idle_in_transaction_session_timeout = 0";
        limit.run(sqlx::raw_sql(begin).execute(&mut **connection)).await?;
        sqlx::query(LOCK).execute(&mut **connection).await.map(drop).map_err(|error| limit.failure(&error))
    }

    async fn unlock(connection: &mut Connection<Self>, keep: bool) -> Result<(), Failure> {
        let limit = connection.limit();
        limit.run(sqlx::raw_sql(if keep { "COMMIT" } else { "ROLLBACK" }).execute(&mut **connection)).await.map(drop)
    }

    async fn execute(connection: &mut Connection<Self>, statement: &'static str) -> Result<(), SchemaError> {
        let limit = connection.limit();
        let done = sqlx::raw_sql(statement).execute(&mut **connection).await;
        done.map(drop).map_err(|error| SchemaError::Statement {
            statement: statement.trim().to_owned(),
            failure: Box::new(limit.failure(&error)),
        })
    }

    async fn insert_ledger(connection: &mut Connection<Self>, component: &str, shared: bool) -> Result<(), Failure> {
        let limit = connection.limit();
        limit.run(sqlx::query(INSERT).bind(component).bind(shared).execute(&mut **connection)).await.map(drop)
    }

    async fn update_ledger(
        connection: &mut Connection<Self>,
        component: &str,
        version: i64,
        readable_since: i64,
        shared: bool,
    ) -> Result<(), Failure> {
        let limit = connection.limit();
        let update = sqlx::query(UPDATE).bind(component).bind(version).bind(readable_since).bind(shared);
        limit.run(update.execute(&mut **connection)).await.map(drop)
    }
}
