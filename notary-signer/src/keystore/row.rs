//! Understanding a row of `private_keys`, of whichever database.

use libtrust::dialect::notary::key_id;
use libtrust::keys::{KeyAlgorithm, PublicKey};
use libtrust::names::KeyId;
use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use super::{KeyRecord, KeyStoreError, RowAt, RowFault, Seal, SealedRow};

/// The columns of a row, by name.
pub(super) trait Columns {
    fn text(&self, name: &'static str) -> Result<String, sqlx::Error>;
    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, sqlx::Error>;
    fn flag(&self, name: &'static str) -> Result<bool, sqlx::Error>;
    fn number(&self, name: &'static str) -> Result<i64, sqlx::Error>;
}

macro_rules! columns {
    ($($row:ty),*) => {
        $(impl Columns for $row {
            fn text(&self, name: &'static str) -> Result<String, sqlx::Error> {
                sqlx::Row::try_get(self, name)
            }

            fn bytes(&self, name: &'static str) -> Result<Vec<u8>, sqlx::Error> {
                sqlx::Row::try_get(self, name)
            }

            fn flag(&self, name: &'static str) -> Result<bool, sqlx::Error> {
                sqlx::Row::try_get(self, name)
            }

            fn number(&self, name: &'static str) -> Result<i64, sqlx::Error> {
                sqlx::Row::try_get(self, name)
            }
        })*
    };
}
columns!(SqliteRow, PgRow, MySqlRow);

/// Understands a row with the columns `key_id, algorithm, public, private, passphrase_alias, gun, role, used`, or says
/// which column is at fault. The private part is left as it is.
pub(super) fn sealed_row(row: &impl Columns) -> Result<SealedRow, KeyStoreError> {
    let id = row.text("key_id").unwrap_or_default();
    let alias = row.text("passphrase_alias").unwrap_or_default();
    understand(row).map_err(|fault| KeyStoreError::UnreadableRow { id, alias, fault })
}

/// Understands a row that also has its `position`.
pub(super) fn row_at(action: &'static str, row: &impl Columns) -> Result<RowAt, KeyStoreError> {
    let failed = |error: sqlx::Error| KeyStoreError::Database { action, reason: error.to_string() };
    Ok(RowAt { position: row.number("position").map_err(failed)?, row: sealed_row(row) })
}

fn understand(row: &impl Columns) -> Result<SealedRow, RowFault> {
    let text = |name| row.text(name).map_err(|error| fault(name, error));
    let bytes = |name| row.bytes(name).map_err(|error| fault(name, error));
    let id: KeyId = parse("key_id", &text("key_id")?)?;
    let algorithm: KeyAlgorithm = parse("algorithm", &text("algorithm")?)?;
    let public = PublicKey::new(algorithm.key_type(), bytes("public")?);
    if key_id(&public) != id {
        return Err(fault("public", "its key id is not the row's"));
    }
    let record = KeyRecord {
        id,
        gun: parse("gun", &text("gun")?)?,
        role: parse("role", &text("role")?)?,
        algorithm,
        public,
        used: row.flag("used").map_err(|error| fault("last_used", error))?,
    };
    let seal = Seal { private: bytes("private")?, alias: text("passphrase_alias")? };
    Ok(SealedRow { record, seal })
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(name: &'static str, text: &str) -> Result<T, RowFault> {
    text.parse().map_err(|error| fault(name, error))
}

fn fault(column: &'static str, reason: impl std::fmt::Display) -> RowFault {
    RowFault::Column { column, reason: reason.to_string() }
}
