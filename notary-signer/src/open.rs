//! From a configuration to a key store and the passphrases of its keys.

use std::sync::Arc;

use crate::config::{self, PREFIX, Sealing, Storage};
use crate::keystore::{
    EnvironmentPassphrases, FolderPassphrases, InvalidPassphrase, KeyStore, KeyStoreError, MemoryKeyStore,
    PassphraseError, Passphrases, SqliteKeyStore,
};
use crate::seal::Iterations;

/// From this length on a passphrase is taken for random: 32 bytes in base64 or hex. Stretching it adds nothing then.
const RANDOM_LENGTH: usize = 43;

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
    }
}

/// Where passphrases come from, and how often the one for new keys is hashed.
fn passphrases(sealing: &Sealing) -> Result<(Passphrases, Iterations), OpenError> {
    let environment = EnvironmentPassphrases::new(PREFIX).except(config::variables());
    let mut passphrases = Passphrases::under(&sealing.default_alias)?.with_source(environment);
    if let Some(folder) = &sealing.passphrase_dir {
        passphrases = passphrases.with_source(FolderPassphrases::new(folder.clone()));
    }
    let length = passphrases.of(&sealing.default_alias)?.text().len();
    let needed = if length >= RANDOM_LENGTH { Iterations::MIN } else { Iterations::HUMAN };
    Ok((passphrases, sealing.iterations.unwrap_or(needed)))
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
    /// The store itself.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
}
