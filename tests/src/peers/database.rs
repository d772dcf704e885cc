//! The database of a story, PostgreSQL or MariaDB, and Notary's tables in it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::mariadb::MariaDb;
use super::postgres::Postgres;

/// Which database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB, as MySQL.
    MariaDb,
}

/// A running database server.
pub enum Database {
    /// PostgreSQL.
    Postgres(Postgres),
    /// MariaDB.
    MariaDb(MariaDb),
}

impl Database {
    /// Starts one with nothing in it.
    pub fn start(engine: Engine, folder: &Path) -> Result<Self> {
        Ok(match engine {
            Engine::Postgres => Self::Postgres(Postgres::start(folder)?),
            Engine::MariaDb => Self::MariaDb(MariaDb::start(folder)?),
        })
    }

    /// Which it is.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::MariaDb(_) => Engine::MariaDb,
        }
    }

    /// The `storage` section for one of its databases.
    pub fn storage(&self, database: &str) -> Value {
        match self {
            Self::Postgres(server) => json!({ "backend": "postgres", "db_url": server.url(database) }),
            Self::MariaDb(server) => json!({ "backend": "mysql", "db_url": server.url(database) }),
        }
    }

    /// As [`Database::storage`], for another account: `NAME` or `NAME:PASSWORD`.
    pub fn storage_of(&self, account: &str, database: &str) -> Value {
        match self {
            Self::Postgres(server) => json!({ "backend": "postgres", "db_url": server.url_of(account, database) }),
            Self::MariaDb(server) => json!({ "backend": "mysql", "db_url": server.url_of(account, database) }),
        }
    }

    /// Makes an account that needs its password and may do nothing yet.
    pub fn create_account(&self, name: &str, password: &str) -> Result<()> {
        match self {
            Self::Postgres(server) => server.create_account(name, password),
            Self::MariaDb(server) => server.create_account(name, password),
        }
    }

    /// Lets an account read and write what is in a database, and make nothing.
    pub fn let_use(&self, account: &str, database: &str) -> Result<()> {
        match self {
            Self::Postgres(server) => server.query(
                database,
                &format!(
                    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {account}; \
                     GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {account}"
                ),
            ),
            Self::MariaDb(server) => server.query(
                database,
                &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {account}@'127.0.0.1'"),
            ),
        }
        .map(drop)
    }

    /// Runs statements in a database; gives what they select, `|` between columns.
    pub fn query(&self, database: &str, statements: &str) -> Result<String> {
        match self {
            Self::Postgres(server) => server.query(database, statements),
            Self::MariaDb(server) => Ok(server.query(database, statements)?.replace('\t', "|")),
        }
    }

    /// Makes an empty database.
    pub fn create(&self, name: &str) -> Result<()> {
        match self {
            Self::Postgres(server) => server.query("postgres", &format!("CREATE DATABASE {name}")),
            Self::MariaDb(server) => server.query("", &format!("CREATE DATABASE {name}")),
        }
        .map(drop)
    }

    /// Makes a database as Notary's migrations of its server leave it.
    pub fn create_for_server(&self, name: &str) -> Result<()> {
        let (tables, version) = match self {
            Self::Postgres(_) => (include_str!("schema/server.sql"), 2),
            Self::MariaDb(_) => (include_str!("schema/server_mysql.sql"), 5),
        };
        self.create(name)?;
        self.query(name, tables)?;
        self.migrated(name, version)
    }

    /// Makes a database as Notary's migrations of its signer leave it.
    pub fn create_for_signer(&self, name: &str) -> Result<()> {
        let (tables, version) = match self {
            Self::Postgres(_) => (include_str!("schema/signer.sql"), 1),
            Self::MariaDb(_) => (include_str!("schema/signer_mysql.sql"), 2),
        };
        self.create(name)?;
        self.query(name, tables)?;
        self.migrated(name, version)
    }

    /// Everything in Notary's tables of its server, a line a row; digests stand for files.
    pub fn rows(&self, database: &str) -> Result<String> {
        let digest = match self {
            Self::Postgres(_) => "encode(sha256(data), 'hex')",
            Self::MariaDb(_) => "sha2(data, 256)",
        };
        self.query(
            database,
            &format!(
                "SELECT id, created_at, updated_at, deleted_at, gun, role, version, sha256, {digest} FROM tuf_files \
                 ORDER BY id; SELECT id, created_at, gun, version, sha256, category FROM changefeed ORDER BY id; \
                 SELECT * FROM schema_migrations"
            ),
        )
    }

    /// Where Notary's tables lie: another place after a table was rewritten.
    pub fn place(&self, database: &str) -> Result<String> {
        match self {
            Self::Postgres(_) => self.query(
                database,
                "SELECT relname, relfilenode FROM pg_class WHERE relname IN ('tuf_files', 'changefeed') ORDER BY 1",
            ),
            Self::MariaDb(_) => self.query(
                database,
                &format!(
                    "SELECT name, table_id FROM information_schema.innodb_sys_tables \
                     WHERE name IN ('{database}/tuf_files', '{database}/changefeed') ORDER BY 1"
                ),
            ),
        }
    }

    /// Every table with its columns and every index, a line each.
    pub fn schema(&self, database: &str) -> Result<String> {
        let (schema, indexes) = match self {
            Self::Postgres(_) => ("'public'", "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"),
            Self::MariaDb(_) => (
                "database()",
                "SELECT table_name, index_name, column_name FROM information_schema.statistics \
                 WHERE table_schema = database() ORDER BY 1, 2, seq_in_index",
            ),
        };
        self.query(
            database,
            &format!(
                "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns \
                 WHERE table_schema = {schema} ORDER BY 1, ordinal_position; {indexes}"
            ),
        )
    }

    /// What golang-migrate writes down.
    fn migrated(&self, database: &str, version: u32) -> Result<()> {
        let statements = format!(
            "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL); \
             INSERT INTO schema_migrations VALUES ({version}, false)"
        );
        self.query(database, &statements).map(drop)
    }
}
