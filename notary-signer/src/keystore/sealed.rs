//! Private keys as rows hold them: sealed under the passphrase of an alias. Shared by every database backend.

use std::sync::Arc;
use std::thread::available_parallelism;

use libtrust::keys::SigningKey;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use super::{KeyRecord, KeyStoreError, MakeKey, Passphrases, RowFault};
use crate::policy::HeldKey;
use crate::seal::{self, Iterations, OpenError};

/// What a row's `encryption_alg` and `keywrap_alg` say about [`crate::seal`]'s form.
pub(super) const ENCRYPTION_ALG: &str = "A256GCM";
pub(super) const KEYWRAP_ALG: &str = "PBES2-HS256+A128KW";

/// Seals and opens off the async threads, at most one key per core at a time.
pub(super) struct Sealer {
    passphrases: Arc<Passphrases>,
    iterations: Iterations,
    cores: Arc<Semaphore>,
}

/// A new key, ready to be stored.
pub(super) struct NewRow {
    pub(super) public: libtrust::keys::PublicKey,
    pub(super) private: String,
    pub(super) alias: String,
}

/// A stored key, as read.
pub(super) struct SealedRow {
    pub(super) record: KeyRecord,
    pub(super) private: Vec<u8>,
    pub(super) alias: String,
}

impl Sealer {
    pub(super) fn new(passphrases: Passphrases, iterations: Iterations) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { passphrases: Arc::new(passphrases), iterations, cores: Arc::new(Semaphore::new(cores)) }
    }

    pub(super) async fn seal_new(&self, make: MakeKey) -> Result<NewRow, KeyStoreError> {
        let (passphrases, iterations) = (Arc::clone(&self.passphrases), self.iterations);
        self.run(move || {
            let passphrase = passphrases.of(passphrases.default_alias()).map_err(KeyStoreError::NewKeyPassphrase)?;
            let key = make()?;
            let private = seal::seal(passphrase.text(), &key.to_plain(), iterations, &SystemRandom::new())?;
            Ok(NewRow { public: key.public_key().clone(), private, alias: passphrases.default_alias().to_owned() })
        })
        .await
    }

    pub(super) async fn open(&self, row: SealedRow) -> Result<HeldKey, KeyStoreError> {
        let passphrases = Arc::clone(&self.passphrases);
        self.run(move || open(&passphrases, row)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, KeyStoreError> + Send + 'static,
    ) -> Result<T, KeyStoreError> {
        // The permit goes with the work: a caller that stops waiting does not stop the hashing.
        let permit = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| KeyStoreError::Stopped)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| KeyStoreError::Stopped)?
    }
}

fn open(passphrases: &Passphrases, row: SealedRow) -> Result<HeldKey, KeyStoreError> {
    let SealedRow { record, private, alias } = row;
    let id = record.id.clone();
    let passphrase = match passphrases.of(&alias) {
        Ok(passphrase) => passphrase,
        Err(reason) => return Err(KeyStoreError::MissingPassphrase { id, alias, reason }),
    };
    let unreadable = |fault| KeyStoreError::UnreadableRow { id: id.to_string(), alias: alias.clone(), fault };
    let opened = seal::open(passphrase.text(), &private).map_err(|error| match error {
        OpenError::WrongPassphrase => KeyStoreError::WrongPassphrase {
            id: id.clone(),
            alias: alias.clone(),
            origin: passphrase.origin().to_owned(),
        },
        other => unreadable(RowFault::Sealed(other)),
    })?;
    let key = SigningKey::from_plain(record.algorithm, &opened.plain).map_err(|_| unreadable(RowFault::PrivateKey))?;
    HeldKey::bind(record, key).map_err(|mismatch| unreadable(RowFault::Mismatch(mismatch)))
}
