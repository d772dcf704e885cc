//! The signer in this process: the library that the signer service is made of, behind the same narrow trait.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use libtrust::keys::{KeyAlgorithm, PublicKey, Signature};
use libtrust::names::{Gun, KeyId, RoleName};
use notary_signer::keystore::{KeyStoreError, MemoryKeyStore, Passphrases, SqliteKeyStore};
use notary_signer::policy::SignRequest;
use notary_signer::seal::Iterations;
use notary_signer::signer::{SignError, Signer, SignerLimits};

use super::{OnlineSigner, SignerError};

/// Signs in this process, with keys in memory or in a file.
pub struct LocalSigner {
    signer: Signer,
}

impl LocalSigner {
    /// Keys that die with the process: `trust_service.type` `local`. Collections published with them cannot be changed
    /// after a restart until their snapshot and timestamp keys are rotated.
    #[must_use]
    pub fn memory() -> Self {
        Self { signer: Signer::new(Arc::new(MemoryKeyStore::new()), SignerLimits::default()) }
    }

    /// Keys sealed in the SQLite file at `path`, made if it is not there.
    ///
    /// # Errors
    /// If the file cannot be opened or made, is not a key database, or is of a newer release.
    pub async fn sqlite(path: &Path, passphrases: Passphrases, iterations: Iterations) -> Result<Self, KeyStoreError> {
        let store = SqliteKeyStore::open(path, passphrases, iterations).await?;
        Ok(Self { signer: Signer::new(Arc::new(store), SignerLimits::default()) })
    }
}

#[async_trait]
impl OnlineSigner for LocalSigner {
    async fn create_key(&self, gun: &Gun, role: &RoleName, algorithm: KeyAlgorithm) -> Result<PublicKey, SignerError> {
        self.signer.create_key(gun, role, algorithm).await.map_err(seen_by_the_server)
    }

    async fn public_key(&self, id: &KeyId) -> Result<Option<PublicKey>, SignerError> {
        self.signer.public_key(id).await.map_err(seen_by_the_server)
    }

    async fn sign(&self, id: &KeyId, gun: &Gun, role: &RoleName, message: &[u8]) -> Result<Signature, SignerError> {
        let request = SignRequest { key_id: id, gun: Some(gun), role: Some(role), message };
        self.signer.sign(request).await.map_err(seen_by_the_server)
    }

    async fn check(&self) -> Result<(), SignerError> {
        self.signer.check().await.map_err(seen_by_the_server)
    }

    async fn close(&self) {
        self.signer.close().await;
    }
}

fn seen_by_the_server(error: SignError) -> SignerError {
    match error {
        SignError::UnknownKey(id) => SignerError::UnknownKey(id),
        SignError::Refused(refusal) => SignerError::Refused(refusal.to_string()),
        SignError::Store(
            error @ (KeyStoreError::MissingPassphrase { .. }
            | KeyStoreError::WrongPassphrase { .. }
            | KeyStoreError::UnreadableRow { .. }),
        ) => SignerError::UnusableKey(error.to_string()),
        other => SignerError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use libtrust::dialect::notary::key_id;
    use tempfile::TempDir;
    use zeroize::Zeroizing;

    use super::*;
    use crate::signer::contract::{gun, keeps_the_promises_of_the_trait, tells_unknown_from_refused};

    async fn sqlite(folder: &TempDir, passphrase: &str) -> LocalSigner {
        let passphrases = Passphrases::new("embedded", Zeroizing::new(passphrase.to_owned())).unwrap();
        LocalSigner::sqlite(&folder.path().join("keys.db"), passphrases, Iterations::MIN).await.unwrap()
    }

    #[tokio::test]
    async fn keys_in_memory_sign_for_what_they_were_made_for() {
        keeps_the_promises_of_the_trait(&LocalSigner::memory()).await;
        tells_unknown_from_refused(&LocalSigner::memory()).await;
    }

    #[tokio::test]
    async fn keys_in_a_file_sign_for_what_they_were_made_for() {
        let folder = tempfile::tempdir().unwrap();
        let signer = sqlite(&folder, "secret").await;
        keeps_the_promises_of_the_trait(&signer).await;
        tells_unknown_from_refused(&signer).await;
    }

    #[tokio::test]
    async fn keys_in_a_file_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let key = {
            let signer = sqlite(&folder, "secret").await;
            signer.create_key(&gun(), &RoleName::Timestamp, KeyAlgorithm::Ecdsa).await.unwrap()
        };
        let signer = sqlite(&folder, "secret").await;
        signer.sign(&key_id(&key), &gun(), &RoleName::Timestamp, b"m").await.unwrap();
    }

    #[tokio::test]
    async fn a_wrong_passphrase_is_an_unusable_key_not_an_unknown_one() {
        let folder = tempfile::tempdir().unwrap();
        let key = sqlite(&folder, "secret")
            .await
            .create_key(&gun(), &RoleName::Timestamp, KeyAlgorithm::Ecdsa)
            .await
            .unwrap();
        let signer = sqlite(&folder, "other").await;
        let failed = signer.sign(&key_id(&key), &gun(), &RoleName::Timestamp, b"m").await;
        assert!(matches!(failed, Err(SignerError::UnusableKey(reason)) if reason.contains(key_id(&key).as_str())));
        let failed = signer.create_key(&gun(), &RoleName::Timestamp, KeyAlgorithm::Ecdsa).await;
        assert!(matches!(failed, Err(SignerError::UnusableKey(_))), "a key that cannot sign is not handed out");
    }
}
