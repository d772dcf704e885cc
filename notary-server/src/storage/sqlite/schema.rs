//! Bringing the tables up to date. The version is kept as golang-migrate does, in `schema_migrations`, so that its
//! command line reads ours.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

/// Step N leads from version N to N + 1. Steps are only ever added: a released one never changes.
const STEPS: &[&str] = &[include_str!("migrations/0001_collections.sql"), include_str!("migrations/0002_tuf.sql")];

/// The version this program works with.
pub(super) const CURRENT: i64 = STEPS.len() as i64;

/// Why the tables cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A later release has been here.
    #[error("its schema has version {found}, this program knows versions up to {known}; use a newer release")]
    Newer {
        /// The version found.
        found: i64,
        /// The newest we know.
        known: i64,
    },
    /// A tool that changes schemas stopped half-way.
    #[error(
        "a change of its schema to version {version} was interrupted; restore a backup, or complete the change by hand \
         and set schema_migrations.dirty to 0"
    )]
    Dirty {
        /// The version it was being changed to.
        version: i64,
    },
    /// There are tables, but no version.
    #[error("it has a table {table} but no schema_migrations; it belongs to another program")]
    Foreign {
        /// One of its tables.
        table: String,
    },
    /// SQLite failed.
    #[error("the schema cannot be read or changed: {0}")]
    Database(#[from] sqlx::Error),
}

/// Makes the tables, or changes them to [`CURRENT`]; does not write if there is nothing to do. If it fails, the caller
/// closes the connection, which undoes everything.
pub(super) async fn upgrade(connection: &mut SqliteConnection) -> Result<(), SchemaError> {
    if version(connection).await? == CURRENT {
        return Ok(());
    }
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    // Asked again under the lock: another process may have come first.
    let from = version(connection).await?;
    if from == 0 {
        let table = "CREATE TABLE IF NOT EXISTS schema_migrations (version uint64, dirty bool);
                     CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON schema_migrations (version)";
        sqlx::raw_sql(table).execute(&mut *connection).await?;
    }
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(0)) {
        sqlx::raw_sql(*step).execute(&mut *connection).await?;
    }
    sqlx::query("DELETE FROM schema_migrations").execute(&mut *connection).await?;
    let record = sqlx::query("INSERT INTO schema_migrations (version, dirty) VALUES (?1, 0)").bind(CURRENT);
    record.execute(&mut *connection).await?;
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

/// The version of the tables; 0 for an empty database.
async fn version(connection: &mut SqliteConnection) -> Result<i64, SchemaError> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .fetch_all(&mut *connection)
    .await?;
    if !tables.iter().any(|table| table == "schema_migrations") {
        return tables.into_iter().next().map_or(Ok(0), |table| Err(SchemaError::Foreign { table }));
    }
    let newest = "SELECT version, CAST(dirty AS INTEGER) AS dirty FROM schema_migrations ORDER BY version DESC LIMIT 1";
    let Some(row) = sqlx::query(newest).fetch_optional(connection).await? else {
        return Ok(0);
    };
    let (version, dirty): (i64, i64) = (row.try_get_unchecked("version")?, row.try_get_unchecked("dirty")?);
    match version {
        _ if dirty != 0 => Err(SchemaError::Dirty { version }),
        0..=CURRENT => Ok(version),
        found => Err(SchemaError::Newer { found, known: CURRENT }),
    }
}
