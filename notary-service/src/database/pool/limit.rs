//! Running a statement: bounded in time, its error understood, its host left if that is what the error says.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::hosts::Ticket;
use super::{Backend, Pool};
use crate::database::failure::Failure;

/// After how long without an answer the host itself is asked whether it is there.
const PROBE_AFTER: Duration = Duration::from_secs(1);
/// What the server's own limit gets on top of it to say so itself.
const GRACE: Duration = Duration::from_secs(1);

/// The bounds of one connection's statements.
pub struct Limit<D: Backend> {
    pool: Pool<D>,
    ticket: Ticket,
}

impl<D: Backend> Clone for Limit<D> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), ticket: self.ticket }
    }
}

impl<D: Backend> Limit<D> {
    pub(super) fn new(pool: Pool<D>, ticket: Ticket) -> Self {
        Self { pool, ticket }
    }

    /// Waits for a statement, at most [`Settings::statement_limit`](super::Settings::statement_limit) and a second. While
    /// it takes long, the host is asked over another connection whether it is there; a host cut off is left within about
    /// two seconds.
    ///
    /// # Errors
    /// What the statement's error means. After a time-out the connection must not be used again; drop it.
    pub async fn run<T>(&self, statement: impl Future<Output = Result<T, sqlx::Error>> + Send) -> Result<T, Failure> {
        let begun = Instant::now();
        let limit = self.pool.0.settings.statement_limit + GRACE;
        let mut statement = pin!(statement);
        let answer = tokio::select! {
            biased;
            answer = &mut statement => answer,
            failure = self.give_up(begun, limit) => return Err(failure),
        };
        answer.map_err(|error| self.failure(&error))
    }

    /// What an error of this connection means; its host is left if that is what the error says.
    #[must_use]
    pub fn failure(&self, error: &sqlx::Error) -> Failure {
        let url = &self.pool.0.url;
        let failure = match url.hosts().get(self.ticket.host) {
            Some(host) => Failure::new(url, host, error),
            None => self.pool.unavailable(error.to_string()),
        };
        if failure.host_is_away {
            self.pool.0.hosts.is_away(self.ticket);
        }
        failure
    }

    /// Ends when the statement's time is up or its host is found away.
    async fn give_up(&self, begun: Instant, limit: Duration) -> Failure {
        let mut next = begun + PROBE_AFTER;
        loop {
            sleep_until(next.min(begun + limit)).await;
            if begun.elapsed() >= limit {
                return self.pool.unavailable(format!("no answer to a statement within {limit:?}"));
            }
            if let Err(failure) = self.pool.connect_to(self.ticket).await
                && failure.host_is_away
            {
                self.pool.0.hosts.is_away(self.ticket);
                return failure;
            }
            next = Instant::now() + PROBE_AFTER;
        }
    }
}
