//! Why a database cannot be used as it is. Each says what to do.

use crate::database::failure::Failure;

/// Why tables were not made, brought up or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The database failed.
    #[error(transparent)]
    Database(Box<Failure>),
    /// A statement failed; those before it may be done, and applying again goes on there.
    #[error(
        "{failure}; the statement was: {statement}; let the account make tables and indexes, or run `migrate` with one \
         that may, then start again"
    )]
    Statement {
        /// The statement.
        statement: String,
        /// What the database said.
        failure: Box<Failure>,
    },
    /// Notary's own migration stopped half-way.
    #[error(
        "schema_migrations marks version {version} as dirty: a migration of Notary's stopped half-way; finish it with \
         Notary's migrations (or restore a backup) and clear the mark, then start again"
    )]
    Dirty {
        /// The version marked.
        version: i64,
    },
    /// Notary's tables are of an older release of Notary.
    #[error(
        "these tables of Notary's lack {missing}; schema_migrations says {}, version {needed} is needed; run Notary's own \
         migrations up to version {needed} first", found.map_or("nothing".to_owned(), |version| format!("version {version}"))
    )]
    TooOld {
        /// The version said, if any.
        found: Option<i64>,
        /// The first thing that lacks.
        missing: String,
        /// The version needed.
        needed: i64,
    },
    /// A newer release of ours changed the tables so that this one cannot use them.
    #[error(
        "the {component} tables have version {found}, which programs that know version {readable_since} can use; this one \
         knows {known}; run the release that migrated it, or a newer one"
    )]
    TooNew {
        /// Which tables.
        component: &'static str,
        /// The version found.
        found: i64,
        /// The oldest version a program must know.
        readable_since: i64,
        /// The version known here.
        known: i64,
    },
    /// A table of that name is somebody else's.
    #[error(
        "table {table} has no column {column}, so it is not Notary's or ours; use an empty database, or one of Notary's, \
         in the database URL"
    )]
    Foreign {
        /// The table.
        table: String,
        /// The column that is not there.
        column: String,
    },
}

impl SchemaError {
    /// Whether applying again may help at once: somebody else came first.
    pub(super) fn is_retry(&self) -> bool {
        match self {
            Self::Database(failure) | Self::Statement { failure, .. } => failure.is_retry(),
            _ => false,
        }
    }
}

impl From<Failure> for SchemaError {
    fn from(failure: Failure) -> Self {
        Self::Database(Box::new(failure))
    }
}
