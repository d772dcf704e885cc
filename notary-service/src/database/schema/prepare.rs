//! Making tables ready when a store is opened.

use super::{Catalog, Component, Migrator, SchemaError};
use crate::database::pool::Pool;

/// Whether opening a store may make or change its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepare {
    /// Makes them in an empty database, adds to Notary's what we need, brings them up to this release.
    Migrate,
    /// Changes nothing; refuses tables that are not up to date.
    Check,
}

impl Prepare {
    /// Migrates if that is wanted, else checks.
    #[must_use]
    pub const fn when(migrate: bool) -> Self {
        if migrate { Self::Migrate } else { Self::Check }
    }
}

/// Why a store cannot be used. The database is named, without its password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its tables cannot be used, or it cannot be reached.
    #[error("database {url}: {cause}")]
    Schema {
        /// Where it is.
        url: String,
        /// What is wrong and what to do.
        cause: Box<SchemaError>,
    },
    /// Its tables are not up to date, and we were told not to change them.
    #[error(
        "database {url}: its {component} tables are not those of this release, and they are not changed here; run \
         `notary-{component} migrate` (with --dry-run, it prints what it would do)"
    )]
    NotMigrated {
        /// Where it is.
        url: String,
        /// Which tables.
        component: &'static str,
    },
}

/// Makes the tables ready; tells whether they are shared with Notary.
///
/// # Errors
/// If they cannot be used as they are, or the database failed.
pub async fn prepare<D: Catalog>(pool: &Pool<D>, component: Component, prepare: Prepare) -> Result<bool, OpenError> {
    let schema = |cause| OpenError::Schema { url: pool.url().to_string(), cause: Box::new(cause) };
    let name = component.name;
    let migrator = Migrator::new(pool.clone(), component);
    let outcome = match prepare {
        Prepare::Migrate => migrator.apply().await.map_err(schema)?,
        Prepare::Check => migrator.plan().await.map_err(schema)?,
    };
    if prepare == Prepare::Check && !outcome.statements.is_empty() {
        return Err(OpenError::NotMigrated { url: pool.url().to_string(), component: name });
    }
    Ok(outcome.shared_with_notary)
}
