//! How tables made by Notary's own migrations are known.

/// Notary's tables of one component in one kind of database.
#[derive(Debug, Clone, Copy)]
pub struct NotaryTables {
    /// The tables, the oldest first. The first is in every version.
    pub tables: &'static [NotaryTable],
    /// The version of Notary's migrations that this release stands on.
    pub version: i64,
}

/// A table of Notary's.
#[derive(Debug, Clone, Copy)]
pub struct NotaryTable {
    /// Its name.
    pub name: &'static str,
    /// Its columns that we use.
    pub columns: &'static [NotaryColumn],
}

/// A column of a table of Notary's.
#[derive(Debug, Clone, Copy)]
pub struct NotaryColumn {
    /// Its name.
    pub name: &'static str,
    /// The version of Notary's migrations that brought it.
    pub since: i64,
}

impl NotaryTable {
    /// The version that brought the table.
    pub(super) fn since(&self) -> i64 {
        self.columns.iter().map(|column| column.since).min().unwrap_or(1)
    }
}
