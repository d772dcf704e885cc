//! Private keys as rows hold them: sealed under the passphrase of an alias. Shared by every database backend.

use std::sync::Arc;
use std::thread::available_parallelism;

use libtrust::keys::{PublicKey, SigningKey};
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use super::{KeyStoreError, MakeKey, Passphrases, RowFault, Seal, SealedRow, SealedRows};
use crate::policy::{HeldKey, Mismatch};
use crate::seal::{self, Derivation, Iterations, OpenError};

/// Seals and opens off the async threads, at most one key per core at a time.
pub(super) struct Sealer {
    passphrases: Arc<Passphrases>,
    iterations: Iterations,
    cores: Arc<Semaphore>,
}

impl Sealer {
    pub(super) fn new(passphrases: Passphrases, iterations: Iterations) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { passphrases: Arc::new(passphrases), iterations, cores: Arc::new(Semaphore::new(cores)) }
    }

    pub(super) async fn seal_new(&self, make: MakeKey) -> Result<(PublicKey, Seal), KeyStoreError> {
        let (passphrases, iterations) = (Arc::clone(&self.passphrases), self.iterations);
        self.run(move || {
            let passphrase = passphrases.of(passphrases.default_alias()).map_err(KeyStoreError::NewKeyPassphrase)?;
            let key = make()?;
            let private = seal::seal(passphrase.text(), &key.to_plain(), iterations, &SystemRandom::new())?;
            let seal = Seal { private: private.into_bytes(), alias: passphrases.default_alias().to_owned() };
            Ok((key.public_key().clone(), seal))
        })
        .await
    }

    /// Opens a key. One that is sealed in a way that should not last is sealed anew behind the caller's back: as a Go
    /// 1.15 signer did, or with fewer iterations than Notary's where new keys have as many.
    pub(super) async fn open(&self, row: SealedRow, rows: impl SealedRows) -> Result<HeldKey, KeyStoreError> {
        let (passphrases, weakest) = (Arc::clone(&self.passphrases), self.iterations.min(Iterations::NOTARY));
        let (held, stale) = self
            .run(move || {
                let opened = unseal(&passphrases, &row)?;
                let stale = opened.derivation != Derivation::Standard || opened.iterations < weakest;
                let held = HeldKey::bind(row.record.clone(), opened.key);
                let held = held.map_err(|mismatch| unreadable(&row, RowFault::Mismatch(mismatch)))?;
                Ok((held, stale.then_some(row)))
            })
            .await?;
        if let Some(row) = stale {
            self.reseal_later(row, rows);
        }
        Ok(held)
    }

    fn reseal_later(&self, row: SealedRow, rows: impl SealedRows) {
        let (passphrases, iterations, cores) =
            (Arc::clone(&self.passphrases), self.iterations, Arc::clone(&self.cores));
        tokio::spawn(async move {
            let id = row.record.id.clone();
            match reseal(row, passphrases, iterations, cores).await {
                Ok(Reseal::Needed { row, new, .. }) => match rows.replace(&row, &new).await {
                    Ok(true) => tracing::info!(key.id = %id, "sealed anew, its seal was weak"),
                    Ok(false) => tracing::debug!(key.id = %id, "not sealed anew: somebody else was faster"),
                    Err(error) => tracing::warn!({ key.id = %id, %error }, "not sealed anew"),
                },
                Ok(Reseal::AsWanted) => {}
                Err(error) => tracing::warn!({ key.id = %id, %error }, "not sealed anew"),
            }
        });
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, KeyStoreError> + Send + 'static,
    ) -> Result<T, KeyStoreError> {
        on_a_core(Arc::clone(&self.cores), work).await
    }
}

/// Whether a row's seal is the wanted one.
pub(crate) enum Reseal {
    /// It is: under the default alias, with these iterations, as the standard says.
    AsWanted,
    /// It is not, and this one is. It was opened again and has the same key.
    Needed {
        row: Box<SealedRow>,
        new: Seal,
        /// It was sealed as a Go 1.15 signer did.
        go115: bool,
    },
}

/// Works out the wanted seal of a row. A row whose alias and iterations are right is opened only if it has Notary's
/// iterations: no other can have been sealed by a Go 1.15 signer.
pub(crate) async fn reseal(
    row: SealedRow,
    passphrases: Arc<Passphrases>,
    iterations: Iterations,
    cores: Arc<Semaphore>,
) -> Result<Reseal, KeyStoreError> {
    on_a_core(cores, move || {
        let malformed = |error| unreadable(&row, RowFault::Sealed(error));
        let found = seal::iterations(&row.seal.private).map_err(malformed)?;
        let alias = passphrases.default_alias();
        let declared = row.seal.alias == alias && found == iterations;
        if declared && found != Iterations::NOTARY {
            return Ok(Reseal::AsWanted);
        }
        let opened = unseal(&passphrases, &row)?;
        if *opened.key.public_key() != row.record.public {
            return Err(unreadable(&row, RowFault::Mismatch(Mismatch::PublicKey)));
        }
        let go115 = opened.derivation == Derivation::Go115;
        if declared && !go115 {
            return Ok(Reseal::AsWanted);
        }
        let passphrase = passphrases.of(alias).map_err(KeyStoreError::NewKeyPassphrase)?;
        let plain = opened.key.to_plain();
        let private = seal::seal(passphrase.text(), &plain, iterations, &SystemRandom::new())?.into_bytes();
        // What cannot be read back must not replace what can.
        let again = seal::open(passphrase.text(), &private).map_err(malformed)?;
        if again.plain != plain {
            return Err(unreadable(&row, RowFault::Sealed(OpenError::Damaged)));
        }
        let new = Seal { private, alias: alias.to_owned() };
        Ok(Reseal::Needed { row: Box::new(row), new, go115 })
    })
    .await
}

async fn on_a_core<T: Send + 'static>(
    cores: Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, KeyStoreError> + Send + 'static,
) -> Result<T, KeyStoreError> {
    // The permit goes with the work: a caller that stops waiting does not stop the hashing.
    let permit = cores.acquire_owned().await.map_err(|_| KeyStoreError::Stopped)?;
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    done.await.map_err(|_| KeyStoreError::Stopped)?
}

/// A key out of its seal. Nothing says yet that it is the row's.
struct Unsealed {
    key: SigningKey,
    iterations: Iterations,
    derivation: Derivation,
}

fn unseal(passphrases: &Passphrases, row: &SealedRow) -> Result<Unsealed, KeyStoreError> {
    let (id, alias) = (&row.record.id, &row.seal.alias);
    let passphrase = passphrases.of(alias).map_err(|reason| KeyStoreError::MissingPassphrase {
        id: id.clone(),
        alias: alias.clone(),
        reason,
    })?;
    let opened = seal::open(passphrase.text(), &row.seal.private).map_err(|error| match error {
        OpenError::WrongPassphrase => KeyStoreError::WrongPassphrase {
            id: id.clone(),
            alias: alias.clone(),
            origin: passphrase.origin().to_owned(),
        },
        other => unreadable(row, RowFault::Sealed(other)),
    })?;
    let key = SigningKey::from_plain(row.record.algorithm, &opened.plain);
    let key = key.map_err(|_| unreadable(row, RowFault::PrivateKey))?;
    Ok(Unsealed { key, iterations: opened.iterations, derivation: opened.derivation })
}

fn unreadable(row: &SealedRow, fault: RowFault) -> KeyStoreError {
    KeyStoreError::UnreadableRow { id: row.record.id.to_string(), alias: row.seal.alias.clone(), fault }
}
