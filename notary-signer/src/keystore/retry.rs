//! Trying again what a database server did not do, or what does no harm twice.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use notary_service::database::{Failure, Meaning};

use super::KeyStoreError;

/// So often is something tried before its failure is told,
const ATTEMPTS: u32 = 8;
/// and never again after this time: what took long was waiting for a lock or a host, which it may do again.
const PATIENCE: Duration = Duration::from_secs(4);
/// The first pause is up to this long, each further one up to twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(4);

/// Runs `attempt` until it is done, or fails for a reason that trying again does not change. Of an attempt whose
/// connection was lost nobody knows whether it was done, so whatever runs here finds out or does no harm twice.
pub(super) async fn again<T, F>(action: &'static str, mut attempt: impl FnMut() -> F) -> Result<T, KeyStoreError>
where
    F: Future<Output = Result<T, Failure>>,
{
    let begun = Instant::now();
    let mut outages = 0;
    for tried in 1.. {
        let failure = match attempt().await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        // The pool turned to the next host already; it has waited for all of them by the second time.
        outages += u32::from(failure.is_unavailable());
        // Somebody stored the same key meanwhile: our own attempt before this one.
        let helps = failure.is_retry() || failure.is_unavailable() || failure.meaning == Meaning::Duplicate;
        if !helps || outages > 1 || tried >= ATTEMPTS || begun.elapsed() > PATIENCE {
            return Err(KeyStoreError::Database { action, reason: failure.to_string() });
        }
        pause(tried).await;
    }
    Err(KeyStoreError::Stopped)
}

/// Waits a random time, so that two that collided do not collide again.
async fn pause(tried: u32) {
    let most = PAUSE.saturating_mul(1 << tried.min(8)).as_micros().max(1);
    let random = RandomState::new().build_hasher().finish();
    let micros = u64::try_from(u128::from(random) % most).unwrap_or(0);
    tokio::time::sleep(Duration::from_micros(micros)).await;
}

/// Runs one statement that does no harm twice: `statement!(pool, "read a key", query().fetch_optional)`. The query is
/// made anew for each attempt.
macro_rules! statement {
    ($pool:expr, $action:literal, $query:ident().$fetch:ident) => {{
        let attempt = || async {
            let mut connection = $pool.acquire().await?;
            let limit = connection.limit();
            let answer = limit.run($query().$fetch(&mut *connection)).await?;
            connection.release();
            Ok(answer)
        };
        $crate::keystore::retry::again($action, attempt).await
    }};
}
pub(super) use statement;
