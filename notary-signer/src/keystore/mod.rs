//! Where online keys are kept: a contract first, backends second.
//!
//! `contract.rs` states every promise below as a test and runs on each backend.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod contract_sql;
mod error;
mod memory;
mod mysql;
#[cfg(test)]
mod notary;
mod passphrases;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod postgres;
mod retry;
mod row;
mod rows;
mod schema;
mod sealed;
mod sqlite;
mod table;

use std::sync::Arc;

use async_trait::async_trait;
use libtrust::keys::{KeyAlgorithm, PublicKey, SigningFailed, SigningKey};
use libtrust::names::{Gun, KeyId, RoleName};

pub use error::{KeyStoreError, RowFault};
pub use memory::MemoryKeyStore;
pub use mysql::MySqlKeyStore;
pub use passphrases::{
    EnvironmentPassphrases, FolderPassphrases, InvalidPassphrase, Passphrase, PassphraseError, PassphraseSource,
    Passphrases,
};
#[cfg(feature = "pkcs11")]
pub use pkcs11::{ChosenToken, Pkcs11KeyStore, Pkcs11Options};
pub use postgres::PostgresKeyStore;
pub use rows::{RowAt, Seal, SealedRow, SealedRows};
pub use schema::SIGNER;
pub(crate) use sealed::{Reseal, reseal};
pub use sqlite::SqliteKeyStore;
pub use table::SealedKeyStore;

use crate::policy::HeldKey;

/// Makes a new private key; called at most once, and only if one is needed.
pub type MakeKey = Box<dyn FnOnce() -> Result<SigningKey, SigningFailed> + Send>;

/// A store of private keys.
///
/// Names and ids are compared byte for byte: GUNs that differ in case, or of which one begins the other, are different
/// GUNs. A key is *pending* until it is marked used; a deleted key is in no answer. When a method returns `Ok`, what it
/// changed is durable (memory excepted).
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// The pending key of this GUN, role and algorithm; if there is none, stores the one `make` gives.
    ///
    /// There is at most one such key at any time. However many ask at once, and whichever processes they are in, all
    /// get it until somebody marks it used or deletes it; then it is never handed out here again.
    ///
    /// # Errors
    /// When the store failed or the key could not be made or sealed; nothing is stored then, or the whole key.
    async fn pending(
        &self,
        gun: &Gun,
        role: &RoleName,
        algorithm: KeyAlgorithm,
        make: MakeKey,
    ) -> Result<KeyRecord, KeyStoreError>;

    /// What the store says about a key. Needs no passphrase.
    ///
    /// # Errors
    /// When the store failed or the row cannot be understood; a key that is not there is `None`, not an error.
    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError>;

    /// The private key, checked against its record. May be slow by design (a passphrase is hashed): callers keep what
    /// they get. Does not block the thread it is awaited on.
    ///
    /// # Errors
    /// When the store failed, or the key is there and does not open: each reason has its own error. A key that is not
    /// there is `None`.
    async fn open(&self, id: &KeyId) -> Result<Option<Arc<HeldKey>>, KeyStoreError>;

    /// Records that the key is about to sign for the first time. Marking it again changes and writes nothing. False if
    /// there is no such key.
    ///
    /// # Errors
    /// When the store failed; the key may be marked or not.
    async fn mark_used(&self, id: &KeyId) -> Result<bool, KeyStoreError>;

    /// Deletes exactly this key. False if there is no such key.
    ///
    /// # Errors
    /// When the store failed; the key may be deleted or not.
    async fn delete(&self, id: &KeyId) -> Result<bool, KeyStoreError>;

    /// Proves that keys can be read.
    ///
    /// # Errors
    /// When they cannot.
    async fn check(&self) -> Result<(), KeyStoreError>;

    /// Lets go of files and connections. Keys are safe without it; it only leaves a tidier folder. Calls after it may
    /// fail.
    async fn close(&self) {}
}

/// What a store says about a key. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its id.
    pub id: KeyId,
    /// The collection it was made for.
    pub gun: Gun,
    /// The role it was made for.
    pub role: RoleName,
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// Its public part.
    pub public: PublicKey,
    /// Whether it was marked used.
    pub used: bool,
}
