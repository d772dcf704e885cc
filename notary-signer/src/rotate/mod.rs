//! Seals every stored key anew: under the default alias, with the wanted iterations, as the standard says.
//!
//! It needs no standstill. Signers go on with the keys they have open, and open a row under whichever alias it has at
//! that moment; so they must know both passphrases until it is done. A row is replaced only if it is still as it was
//! read. Stopped half-way, it goes on where it was when it is run again, because what is done already is as wanted.

use std::sync::Arc;
use std::thread::available_parallelism;

use libtrust::names::KeyId;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::keystore::{KeyStoreError, Passphrases, Reseal, Seal, SealedRow, SealedRows, reseal};
use crate::seal::Iterations;

/// Rows read at a time, about 1 KiB each.
const ROWS_AT_A_TIME: u32 = 200;

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Seals are replaced.
    Replace,
    /// Each seal is worked out and thrown away: what would be done, and what would fail.
    DryRun,
}

/// What happened to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It was sealed anew, or would be.
    Resealed {
        /// The key.
        id: KeyId,
        /// The alias it was sealed under before.
        from: String,
    },
    /// It was left as it was. The error names key, alias and what to do.
    Failed(KeyStoreError),
}

/// How many rows there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Sealed anew, or would be.
    pub resealed: u64,
    /// Among those, sealed as a Go 1.15 signer did before.
    pub go115: u64,
    /// As wanted already.
    pub as_wanted: u64,
    /// Replaced or deleted by somebody else meanwhile. Running again shows how they are now.
    pub changed_meanwhile: u64,
    /// Left as they were because of an error.
    pub failed: u64,
}

impl Rotation {
    /// All rows that were looked at.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.resealed + self.as_wanted + self.changed_meanwhile + self.failed
    }

    /// Whether every key is now sealed as wanted, so that the passphrases of other aliases are no longer needed.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.failed == 0 && self.changed_meanwhile == 0
    }
}

/// Walks all keys and replaces the seals that are not as wanted. A row that says so itself is taken at its word: it is
/// under the default alias, with these iterations. `report` hears of each row that was or was not sealed
/// anew, as it happens.
///
/// # Errors
/// If the passphrase of the default alias is not there, or the rows cannot be read on. What was replaced stays replaced.
/// What is wrong with a single row is reported, and is no error here.
pub async fn rotate(
    rows: &dyn SealedRows,
    passphrases: Arc<Passphrases>,
    iterations: Iterations,
    writing: Writing,
    mut report: impl FnMut(Event),
) -> Result<Rotation, KeyStoreError> {
    passphrases.check().map_err(KeyStoreError::NewKeyPassphrase)?;
    let cores = Arc::new(Semaphore::new(available_parallelism().map_or(1, usize::from)));
    let mut rotation = Rotation::default();
    let mut after = None;
    loop {
        let batch = rows.rows(after, ROWS_AT_A_TIME).await?;
        let Some(last) = batch.last() else { return Ok(rotation) };
        after = Some(last.position);
        let mut work = JoinSet::new();
        for found in batch {
            match found.row {
                Ok(row) => drop(work.spawn(reseal(row, Arc::clone(&passphrases), iterations, Arc::clone(&cores)))),
                Err(error) => rotation.count(Err(error), &mut report),
            }
        }
        while let Some(done) = work.join_next().await {
            let outcome = match done.unwrap_or(Err(KeyStoreError::Stopped)) {
                Ok(Reseal::AsWanted) => Ok(Outcome::AsWanted),
                Ok(Reseal::Needed { row, new, go115 }) => replace(rows, *row, &new, go115, writing).await,
                Err(error) => Err(error),
            };
            rotation.count(outcome, &mut report);
        }
    }
}

enum Outcome {
    AsWanted,
    ChangedMeanwhile,
    Resealed { row: SealedRow, go115: bool },
}

async fn replace(
    rows: &dyn SealedRows,
    row: SealedRow,
    new: &Seal,
    go115: bool,
    writing: Writing,
) -> Result<Outcome, KeyStoreError> {
    let replaced = match writing {
        Writing::Replace => rows.replace(&row, new).await?,
        Writing::DryRun => true,
    };
    Ok(if replaced { Outcome::Resealed { row, go115 } } else { Outcome::ChangedMeanwhile })
}

impl Rotation {
    fn count(&mut self, outcome: Result<Outcome, KeyStoreError>, report: &mut impl FnMut(Event)) {
        match outcome {
            Ok(Outcome::AsWanted) => self.as_wanted += 1,
            Ok(Outcome::ChangedMeanwhile) => self.changed_meanwhile += 1,
            Ok(Outcome::Resealed { row, go115 }) => {
                self.resealed += 1;
                self.go115 += u64::from(go115);
                report(Event::Resealed { id: row.record.id, from: row.seal.alias });
            }
            Err(error) => {
                self.failed += 1;
                report(Event::Failed(error));
            }
        }
    }
}

#[cfg(test)]
mod tests;
