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
    PassphraseError, Passphrases, SqliteKeyStore,
};
use crate::seal::Iterations;

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
        #[cfg(feature = "pkcs11")]
        Storage::Pkcs11 { pin_dir, .. } => Ok(pin(pin_dir.as_ref())?.check()?),
        #[cfg(not(feature = "pkcs11"))]
        Storage::Pkcs11 { .. } => Err(OpenError::NoPkcs11),
    }
}

/// Where passphrases come from, and how often the one for new keys is hashed.
fn passphrases(sealing: &Sealing) -> Result<(Passphrases, Iterations), OpenError> {
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
    /// The program was built without PKCS#11.
    #[cfg(not(feature = "pkcs11"))]
    #[error("storage.backend pkcs11: this program was built without it (feature pkcs11)")]
    NoPkcs11,
    /// The store itself.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
}
