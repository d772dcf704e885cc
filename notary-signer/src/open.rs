//! From a configuration to a key store and the passphrases of its keys.

use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "pkcs11")]
use crate::config::Token;
use crate::config::{self, PREFIX, Sealing, Storage};
#[cfg(feature = "pkcs11")]
use crate::keystore::{ChosenToken, Pkcs11KeyStore, Pkcs11Options};
use crate::keystore::{
    EnvironmentPassphrases, FolderPassphrases, InvalidPassphrase, KeyStore, KeyStoreError, MemoryKeyStore,
    MySqlKeyStore, PassphraseError, Passphrases, PostgresKeyStore, SealedRows, SqliteKeyStore,
};
use crate::seal::Iterations;
use notary_service::database::UrlError;
use notary_service::database::schema::Prepare;

/// Opens the key store that a configuration names.
///
/// # Errors
/// When it cannot be opened, or there is no passphrase for new keys.
pub async fn key_store(storage: &Storage) -> Result<Arc<dyn KeyStore>, OpenError> {
    Ok(match storage {
        Storage::Memory => Arc::new(MemoryKeyStore::new()),
        Storage::Sqlite { path, sealing } => {
            let (passphrases, iterations) = passphrases(sealing)?;
            Arc::new(SqliteKeyStore::open(path, passphrases, iterations).await?)
        }
        Storage::Postgres { database, sealing } => {
            let (passphrases, iterations) = passphrases(sealing)?;
            let (url, at_open) = (database.url()?, Prepare::when(database.migrate));
            Arc::new(PostgresKeyStore::open(url, database.settings(), at_open, passphrases, iterations).await?)
        }
        Storage::MySql { database, sealing } => {
            let (passphrases, iterations) = passphrases(sealing)?;
            let (url, at_open) = (database.url()?, Prepare::when(database.migrate));
            Arc::new(MySqlKeyStore::open(url, database.settings(), at_open, passphrases, iterations).await?)
        }
        #[cfg(feature = "pkcs11")]
        Storage::Pkcs11 { module, token, pin_dir } => {
            let (module, pin) = (module.clone(), pin(pin_dir.as_ref())?);
            let token = match token.clone() {
                Token::Label(label) => ChosenToken::Label(label),
                Token::Serial(serial) => ChosenToken::Serial(serial),
                Token::Slot(slot) => ChosenToken::Slot(slot),
            };
            Arc::new(Pkcs11KeyStore::open(Pkcs11Options { module, token, pin }).await?)
        }
        #[cfg(not(feature = "pkcs11"))]
        Storage::Pkcs11 { .. } => return Err(OpenError::NoPkcs11),
    })
}

/// Reads what a configuration names without opening or changing anything.
///
/// # Errors
/// When there is no passphrase for new keys.
pub fn check(storage: &Storage) -> Result<(), OpenError> {
    match storage {
        Storage::Memory => Ok(()),
        Storage::Sqlite { sealing, .. } => passphrases(sealing).map(|_| ()),
        Storage::Postgres { database, sealing } | Storage::MySql { database, sealing } => {
            database.url()?;
            passphrases(sealing).map(|_| ())
        }
        #[cfg(feature = "pkcs11")]
        Storage::Pkcs11 { pin_dir, .. } => Ok(pin(pin_dir.as_ref())?.check()?),
        #[cfg(not(feature = "pkcs11"))]
        Storage::Pkcs11 { .. } => Err(OpenError::NoPkcs11),
    }
}

/// Opens the sealed rows of a database for maintenance, as it is: nothing is made or changed.
///
/// # Errors
/// When they cannot be opened or are not those of this release, or the keys are not in a database.
pub async fn sealed_rows(storage: &Storage) -> Result<Box<dyn SealedRows>, OpenError> {
    let Some(sealing) = storage.sealing() else { return Err(OpenError::NotSealed) };
    let (passphrases, iterations) = passphrases(sealing)?;
    Ok(match storage {
        Storage::Memory | Storage::Pkcs11 { .. } => return Err(OpenError::NotSealed),
        // Opening would make it.
        Storage::Sqlite { path, .. } if !path.exists() => return Err(OpenError::NoFile(path.clone())),
        Storage::Sqlite { path, .. } => Box::new(SqliteKeyStore::open(path, passphrases, iterations).await?.rows()),
        Storage::Postgres { database, .. } => {
            let (url, settings) = (database.url()?, database.settings());
            Box::new(PostgresKeyStore::open(url, settings, Prepare::Check, passphrases, iterations).await?.rows())
        }
        Storage::MySql { database, .. } => {
            let (url, settings) = (database.url()?, database.settings());
            Box::new(MySqlKeyStore::open(url, settings, Prepare::Check, passphrases, iterations).await?.rows())
        }
    })
}

/// Where passphrases come from, and how often the one for new keys is hashed.
///
/// # Errors
/// When there is no passphrase for new keys.
pub fn passphrases(sealing: &Sealing) -> Result<(Passphrases, Iterations), OpenError> {
    let passphrases = sources(&sealing.default_alias, sealing.passphrase_dir.as_ref())?;
    let needed = Iterations::suited_to(passphrases.of(&sealing.default_alias)?.text());
    Ok((passphrases, sealing.iterations.unwrap_or(needed)))
}

/// A token's PIN is a passphrase, too: `NOTARY_SIGNER_PKCS11_PIN`.
#[cfg(feature = "pkcs11")]
fn pin(folder: Option<&PathBuf>) -> Result<Passphrases, OpenError> {
    sources("pkcs11.pin", folder)
}

fn sources(alias: &str, folder: Option<&PathBuf>) -> Result<Passphrases, OpenError> {
    let environment = EnvironmentPassphrases::new(PREFIX).except(config::variables());
    let passphrases = Passphrases::under(alias)?.with_source(environment);
    Ok(match folder {
        Some(folder) => passphrases.with_source(FolderPassphrases::new(folder.clone())),
        None => passphrases,
    })
}

/// Why a key store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The alias for new keys cannot be one.
    #[error("storage.default_alias: {0}")]
    Alias(#[from] InvalidPassphrase),
    /// There is no passphrase to seal new keys under.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// What opens the database cannot be read.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// There are no sealed keys where the configuration says.
    #[error("storage.backend: keys are sealed only in sqlite3, postgres and mysql; there is nothing to seal anew")]
    NotSealed,
    /// There is no such file.
    #[error("storage.db_url: there is no file {}; give the path of the key database", .0.display())]
    NoFile(PathBuf),
    /// The program was built without PKCS#11.
    #[cfg(not(feature = "pkcs11"))]
    #[error("storage.backend pkcs11: this program was built without it (feature pkcs11)")]
    NoPkcs11,
    /// The store itself.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
}
