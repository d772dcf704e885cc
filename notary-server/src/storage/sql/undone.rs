//! Transactions that were not committed, and trying them again.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use notary_service::database::{Failure, Meaning};

use crate::storage::StorageError;

/// Why a transaction came to nothing, or may have.
#[derive(Debug)]
pub(crate) enum Undone {
    /// Another writer came first: it stored a version of ours, or took away what we built on. Not stored; judged anew,
    /// the answer will be another.
    Overtaken(StorageError),
    /// It had to give way (deadlock, serialisation), or the connection was lost before the commit was asked for. Not
    /// stored.
    GaveWay(StorageError),
    /// Something refused while inserting: perhaps because of one of its publications. Not stored.
    Inserting(StorageError),
    /// Something all publications share. If the connection was lost during the commit, it may be stored.
    Together(StorageError),
}

impl Undone {
    /// The failure itself.
    pub(crate) fn into_error(self) -> StorageError {
        match self {
            Self::Overtaken(error) | Self::GaveWay(error) | Self::Inserting(error) | Self::Together(error) => error,
        }
    }
}

/// So often is a transaction begun before its failure is told,
const ATTEMPTS: u32 = 6;
/// and never again after this time: what took long was waiting for a lock or a host, which it may do again.
const PATIENCE: Duration = Duration::from_secs(4);
/// The first pause is up to this long, each further one up to twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(4);

/// Runs `transaction` until it is done, or fails for a reason that trying again does not change.
pub(crate) async fn retried<T, F>(mut transaction: impl FnMut() -> F) -> Result<T, Undone>
where
    F: Future<Output = Result<T, Undone>>,
{
    let begun = Instant::now();
    let mut attempt = 1;
    loop {
        match transaction().await {
            Err(Undone::Overtaken(_) | Undone::GaveWay(_)) if attempt < ATTEMPTS && begun.elapsed() < PATIENCE => {
                pause(attempt).await;
                attempt += 1;
            }
            done => return done,
        }
    }
}

/// Puts a failure into our words.
pub(crate) fn backend(action: &'static str) -> impl FnOnce(Failure) -> StorageError {
    move |failure| StorageError::Backend { action, cause: failure.to_string() }
}

/// No connection: the pool has waited and tried every host already.
pub(crate) fn connecting(failure: Failure) -> Undone {
    Undone::Together(backend("reach the database")(failure))
}

/// A failure before the commit was asked for.
pub(crate) fn during(action: &'static str) -> impl FnOnce(Failure) -> Undone {
    move |failure| undone(action, failure, Undone::Together)
}

/// A failure while inserting.
pub(crate) fn inserting(failure: Failure) -> Undone {
    undone("store files", failure, Undone::Inserting)
}

/// A failure of the commit: without the database's own answer, nobody knows what became of it.
pub(crate) fn committing(failure: Failure) -> Undone {
    if failure.is_unavailable() {
        return Undone::Together(backend("commit")(failure));
    }
    undone("commit", failure, Undone::Together)
}

fn undone(action: &'static str, failure: Failure, refused: impl FnOnce(StorageError) -> Undone) -> Undone {
    let meaning = failure.meaning;
    let error = backend(action)(failure);
    match meaning {
        Meaning::Duplicate => Undone::Overtaken(error),
        Meaning::Retry | Meaning::Unavailable => Undone::GaveWay(error),
        _ => refused(error),
    }
}

/// Waits a random time, so that two that collided do not collide again.
async fn pause(attempt: u32) {
    let most = PAUSE.saturating_mul(1 << attempt.min(8)).as_micros().max(1);
    let random = RandomState::new().build_hasher().finish();
    let micros = u64::try_from(u128::from(random) % most).unwrap_or(0);
    tokio::time::sleep(Duration::from_micros(micros)).await;
}
