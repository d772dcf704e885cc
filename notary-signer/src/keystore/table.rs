//! The rules of a key store whose keys are sealed rows, once for every database.

use std::sync::Arc;

use async_trait::async_trait;
use libtrust::dialect::notary::key_id;
use libtrust::keys::{KeyAlgorithm, PublicKey};
use libtrust::names::{Gun, KeyId, RoleName};

use super::sealed::Sealer;
use super::{KeyRecord, KeyStore, KeyStoreError, MakeKey, Passphrases, Seal, SealedRow, SealedRows};
use crate::policy::HeldKey;
use crate::seal::Iterations;

/// What a row's `encryption_alg` and `keywrap_alg` say about [`crate::seal`]'s form.
pub(super) const ENCRYPTION_ALG: &str = "A256GCM";
pub(super) const KEYWRAP_ALG: &str = "PBES2-HS256+A128KW";

/// What a key is for.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// The collection.
    pub gun: &'a Gun,
    /// The role.
    pub role: &'a RoleName,
    /// The kind of key.
    pub algorithm: KeyAlgorithm,
}

/// A new key's row.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// What it is for.
    pub purpose: Purpose<'a>,
    /// Its id.
    pub id: KeyId,
    /// Its public part.
    pub public: PublicKey,
    /// Its private part.
    pub seal: Seal,
}

/// Statements on the table `private_keys` of one kind of database. A row that is deleted is in no answer. Each is tried
/// again where that helps; an error is final.
#[async_trait]
pub trait Table: SealedRows + Clone {
    /// The pending key of a purpose: the one with the lowest id, should Notary's signer have made several.
    async fn pending(&self, purpose: Purpose<'_>) -> Result<Option<SealedRow>, KeyStoreError>;

    /// Stores a key unless its purpose has a pending one, which then is the answer. Of several callers, in whichever
    /// processes, exactly one stores.
    async fn store(&self, new: &NewKey<'_>) -> Result<Option<SealedRow>, KeyStoreError>;

    /// The row of a key.
    async fn by_id(&self, id: &KeyId) -> Result<Option<SealedRow>, KeyStoreError>;

    /// Sets the time of first use if it is not set. False if there is no such key.
    async fn mark_used(&self, id: &KeyId) -> Result<bool, KeyStoreError>;

    /// Marks a row as deleted. False if there is no such key.
    async fn delete(&self, id: &KeyId) -> Result<bool, KeyStoreError>;

    /// Reads the table.
    async fn check(&self) -> Result<(), KeyStoreError>;

    /// Closes all connections.
    async fn close(&self);
}

/// Keeps sealed private keys in Notary's table `private_keys`.
///
/// One thing differs from what Notary's signer writes: `last_used` is set at a key's first signature and then left, as
/// all it is read for is whether it is set.
pub struct SealedKeyStore<T> {
    pub(super) table: T,
    sealer: Sealer,
}

impl<T: Table> SealedKeyStore<T> {
    pub(super) fn over(table: T, passphrases: Passphrases, iterations: Iterations) -> Self {
        Self { table, sealer: Sealer::new(passphrases, iterations) }
    }

    /// The rows, for maintenance.
    #[must_use]
    pub fn rows(&self) -> impl SealedRows + use<T> {
        self.table.clone()
    }
}

#[async_trait]
impl<T: Table> KeyStore for SealedKeyStore<T> {
    async fn pending(
        &self,
        gun: &Gun,
        role: &RoleName,
        algorithm: KeyAlgorithm,
        make: MakeKey,
    ) -> Result<KeyRecord, KeyStoreError> {
        let purpose = Purpose { gun, role, algorithm };
        if let Some(row) = self.table.pending(purpose).await? {
            return Ok(row.record);
        }
        // Sealing is slow, so it is done before anything is locked; of many, the first stored counts.
        let (public, seal) = self.sealer.seal_new(make).await?;
        let new = NewKey { purpose, id: key_id(&public), public, seal };
        Ok(match self.table.store(&new).await? {
            Some(other) => other.record,
            None => KeyRecord {
                id: new.id,
                gun: gun.clone(),
                role: role.clone(),
                algorithm,
                public: new.public,
                used: false,
            },
        })
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
        Ok(self.table.by_id(id).await?.map(|row| row.record))
    }

    async fn open(&self, id: &KeyId) -> Result<Option<Arc<HeldKey>>, KeyStoreError> {
        match self.table.by_id(id).await? {
            Some(row) => Ok(Some(Arc::new(self.sealer.open(row, self.table.clone()).await?))),
            None => Ok(None),
        }
    }

    async fn mark_used(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        self.table.mark_used(id).await
    }

    async fn delete(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        self.table.delete(id).await
    }

    async fn check(&self) -> Result<(), KeyStoreError> {
        self.table.check().await
    }

    async fn close(&self) {
        self.table.close().await;
    }
}
