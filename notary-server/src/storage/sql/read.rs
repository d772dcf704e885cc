//! Reading: each statement alone, and once more if its connection or host turned out to be gone.

use std::time::{Duration, Instant};

use notary_service::database::Failure;

/// After this long a read is not tried again: it took its time waiting.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a read that failed so is tried again.
pub(crate) fn is_worth_another(failure: &Failure, begun: Instant, attempt: u32) -> bool {
    attempt == 1 && (failure.is_unavailable() || failure.is_retry()) && begun.elapsed() < PATIENCE
}

/// Runs `query.fetch` on a connection of `pool`: `read!(pool, "read a file", query().fetch_optional)`. The query is made
/// anew for each attempt.
macro_rules! read {
    ($pool:expr, $action:literal, $query:ident().$fetch:ident) => {
        $crate::storage::sql::read::read!(@ $pool, $action, $query(), $fetch)
    };
    ($pool:expr, $action:literal, sqlx::query($statement:expr).$fetch:ident) => {
        $crate::storage::sql::read::read!(@ $pool, $action, sqlx::query($statement), $fetch)
    };
    (@ $pool:expr, $action:literal, $query:expr, $fetch:ident) => {{
        let begun = std::time::Instant::now();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut connection =
                $pool.acquire().await.map_err($crate::storage::sql::undone::backend($action))?;
            let limit = connection.limit();
            match limit.run($query.$fetch(&mut *connection)).await {
                Ok(found) => {
                    connection.release();
                    break Ok(found);
                }
                Err(failure) if $crate::storage::sql::read::is_worth_another(&failure, begun, attempt) => {}
                Err(failure) => break Err($crate::storage::sql::undone::backend($action)(failure)),
            }
        }
    }};
}
pub(crate) use read;
