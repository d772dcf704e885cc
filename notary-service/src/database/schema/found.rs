//! What is in a database, and whether it may be used.

use std::collections::{HashMap, HashSet};

use super::{Before, Catalog, Component, NotaryTables, SchemaError};
use crate::database::pool::Connection;

pub(super) const LEDGER: &str = "trust_schema";
const MIGRATIONS: &str = "schema_migrations";

#[derive(Debug, Clone)]
pub(super) struct Found {
    columns: HashMap<String, HashSet<String>>,
    migrations: Migrations,
    pub(super) has_ledger: bool,
    pub(super) ledger: Option<Ledger>,
    /// Any of the component's tables that Notary has, too.
    notary: bool,
}

/// Our row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ledger {
    pub(super) version: i64,
    pub(super) readable_since: i64,
    pub(super) shared: bool,
}

/// golang-migrate's table.
#[derive(Debug, Clone, Default)]
struct Migrations {
    /// The highest version it says, if it is there and says one.
    version: Option<i64>,
    dirty: bool,
    /// Something else has its name.
    foreign: bool,
}

impl Found {
    pub(super) async fn read<D: Catalog>(
        connection: &mut Connection<D>,
        component: &Component,
    ) -> Result<Self, SchemaError> {
        let notary = D::engine_tables(component);
        let mut names: Vec<&str> = notary.tables.iter().map(|table| table.name).collect();
        names.extend([LEDGER, MIGRATIONS]);
        let mut columns: HashMap<String, HashSet<String>> = HashMap::new();
        for (table, column) in D::columns(connection, &names).await? {
            columns.entry(table).or_default().insert(column);
        }
        let has = |table: &str, column: &str| columns.get(table).is_some_and(|found| found.contains(column));
        let migrations = match columns.get(MIGRATIONS) {
            None => Migrations::default(),
            Some(_) if !has(MIGRATIONS, "version") => Migrations { foreign: true, ..Migrations::default() },
            Some(_) => {
                let rows = D::migrations(connection, has(MIGRATIONS, "dirty")).await?;
                Migrations {
                    version: rows.iter().map(|(version, _)| *version).max(),
                    dirty: rows.iter().any(|(_, dirty)| *dirty),
                    foreign: false,
                }
            }
        };
        let has_ledger = columns.contains_key(LEDGER);
        if has_ledger
            && let Some(column) = ["component", "version", "readable_since", "shared_with_notary"]
                .into_iter()
                .find(|name| !has(LEDGER, name))
        {
            return Err(SchemaError::Foreign { table: LEDGER.to_owned(), column: column.to_owned() });
        }
        // After the tables: whoever made them meanwhile wrote their row first.
        let ledger = match has_ledger {
            true => D::ledger(connection, component.name).await?,
            false => None,
        };
        let ledger = ledger.map(|(version, readable_since, shared)| Ledger { version, readable_since, shared });
        let notary = notary.tables.iter().any(|table| columns.contains_key(table.name));
        Ok(Self { columns, migrations, has_ledger, ledger, notary })
    }

    /// The version of ours; 0 before the first step.
    pub(super) fn version(&self) -> i64 {
        self.ledger.map_or(0, |ledger| ledger.version)
    }

    /// Whether Notary's programs may be using the tables.
    pub(super) fn shared(&self) -> bool {
        self.ledger.map_or(self.notary, |ledger| ledger.shared)
    }

    pub(super) fn before(&self) -> Before {
        match (self.ledger, self.notary) {
            (Some(ledger), _) => Before::Known(ledger.version),
            (None, true) => Before::Notary(self.migrations.version),
            (None, false) => Before::Empty,
        }
    }

    /// Whether this program may use or change the database.
    pub(super) fn judge(&self, component: &Component, known: i64, notary: NotaryTables) -> Result<(), SchemaError> {
        if let Some(ledger) = self.ledger {
            if ledger.readable_since > known {
                let (name, found) = (component.name, ledger.version);
                return Err(SchemaError::TooNew {
                    component: name,
                    found,
                    readable_since: ledger.readable_since,
                    known,
                });
            }
            if !ledger.shared {
                return Ok(());
            }
        }
        if !self.notary {
            return match self.ledger {
                // Shared tables that are gone.
                Some(_) => Err(self.missing(notary)),
                None => Ok(()),
            };
        }
        if self.migrations.dirty {
            return Err(SchemaError::Dirty { version: self.migrations.version.unwrap_or_default() });
        }
        if self.migrations.foreign {
            return Err(SchemaError::Foreign { table: MIGRATIONS.to_owned(), column: "version".to_owned() });
        }
        self.judge_tables(notary)
    }

    fn judge_tables(&self, notary: NotaryTables) -> Result<(), SchemaError> {
        for table in notary.tables {
            let Some(columns) = self.columns.get(table.name) else { return Err(self.missing(notary)) };
            let lacking = table.columns.iter().filter(|column| !columns.contains(column.name));
            match lacking.min_by_key(|column| column.since) {
                None => {}
                // What every version of the table has is not there: it is somebody else's.
                Some(column) if column.since == table.since() => {
                    let (table, column) = (table.name.to_owned(), column.name.to_owned());
                    return Err(SchemaError::Foreign { table, column });
                }
                Some(column) => {
                    return Err(SchemaError::TooOld {
                        found: self.migrations.version,
                        missing: format!("column {}.{}", table.name, column.name),
                        needed: notary.version,
                    });
                }
            }
        }
        Ok(())
    }

    fn missing(&self, notary: NotaryTables) -> SchemaError {
        let gone = notary.tables.iter().find(|table| !self.columns.contains_key(table.name));
        SchemaError::TooOld {
            found: self.migrations.version,
            missing: format!("table {}", gone.map_or("", |table| table.name)),
            needed: notary.version,
        }
    }
}
