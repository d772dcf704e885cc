//! MySQL and MariaDB: each statement commits by itself, so each can be run again.

use sqlx::{Connection as _, MySql, QueryBuilder};

use super::{Catalog, Component, NotaryTables, SchemaError, Step};
use crate::database::failure::Failure;
use crate::database::pool::Connection;

const COLUMNS: &str = "SELECT CONVERT(table_name USING utf8mb4), CONVERT(column_name USING utf8mb4) \
     FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN (";
const MIGRATIONS: &str = "SELECT CAST(version AS SIGNED), dirty <> 0 FROM schema_migrations LIMIT 1000";
/// As older releases of golang-migrate kept it.
const MIGRATIONS_UNMARKED: &str =
    "SELECT CAST(version AS SIGNED), 0 <> 0 FROM schema_migrations ORDER BY version DESC LIMIT 1000";
const LEDGER: &str = "SELECT version, readable_since, shared_with_notary <> 0 FROM trust_schema WHERE component = ?";
/// Does not reach other nodes of a Galera cluster: there, statements that can be run again and the first row decide.
const LOCK: &str = "SELECT GET_LOCK(LEFT(CONCAT('trust_schema ', MD5(DATABASE())), 64), 60)";
const UNLOCK: &str = "DO RELEASE_LOCK(LEFT(CONCAT('trust_schema ', MD5(DATABASE())), 64))";
const INSERT: &str = "INSERT IGNORE INTO trust_schema \
     (component, version, readable_since, shared_with_notary, changed_at) VALUES (?, 0, 0, ?, UTC_TIMESTAMP())";
const UPDATE: &str = "UPDATE trust_schema SET version = ?, readable_since = ?, shared_with_notary = ?, \
     changed_at = UTC_TIMESTAMP() WHERE component = ? AND version <= ?";

impl Catalog for MySql {
    const CREATE_LEDGER: &'static str = "CREATE TABLE IF NOT EXISTS trust_schema (component VARCHAR(32) NOT NULL \
         PRIMARY KEY, version BIGINT NOT NULL, readable_since BIGINT NOT NULL, shared_with_notary BOOLEAN NOT NULL, \
         changed_at DATETIME NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";

    fn steps(component: &Component) -> &'static [Step] {
        component.mysql
    }

    fn engine_tables(component: &Component) -> NotaryTables {
        component.notary_mysql
    }

    async fn columns(connection: &mut Connection<Self>, tables: &[&str]) -> Result<Vec<(String, String)>, Failure> {
        let limit = connection.limit();
        let mut query = QueryBuilder::new(COLUMNS);
        let mut names = query.separated(", ");
        for table in tables {
            names.push_bind(*table);
        }
        query.push(")");
        limit.run(query.build_query_as().fetch_all(&mut **connection)).await
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
        // Some clusters refuse the lock; see above.
        let _ = sqlx::query(LOCK).execute(&mut **connection).await;
        // An index on many rows may take long. MySQL knows no such limit.
        let _ = sqlx::raw_sql("SET SESSION max_statement_time = 0").execute(&mut **connection).await;
        limit.run(connection.ping()).await
    }

    async fn unlock(connection: &mut Connection<Self>, _keep: bool) -> Result<(), Failure> {
        let limit = connection.limit();
        limit.run(sqlx::query(UNLOCK).execute(&mut **connection)).await.map(drop)
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
        let update = sqlx::query(UPDATE).bind(version).bind(readable_since).bind(shared).bind(component).bind(version);
        limit.run(update.execute(&mut **connection)).await.map(drop)
    }
}
