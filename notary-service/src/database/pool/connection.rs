//! A connection in use: given back clean, or tidied before it rests.

use std::ops::{Deref, DerefMut};

use sqlx::Connection as _;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::hosts::Ticket;
use super::{Backend, Limit, PING_LIMIT, Pool};

pub(super) struct Live<D: Backend> {
    pub(super) connection: D::Connection,
    pub(super) ticket: Ticket,
    pub(super) since: Instant,
    /// When its host was last seen to serve.
    pub(super) checked: Instant,
}

/// A connection in use; as good as the library's own by `Deref`. Dropping it is always safe: what was begun is rolled
/// back, or the connection closed, before anybody else gets it. [`Connection::release`] spares the question for that.
pub struct Connection<D: Backend> {
    pool: Pool<D>,
    /// Always there until it is given back.
    live: Option<Live<D>>,
    permit: Option<OwnedSemaphorePermit>,
    limit: Limit<D>,
}

impl<D: Backend> Connection<D> {
    pub(super) fn new(pool: Pool<D>, live: Live<D>, permit: OwnedSemaphorePermit) -> Self {
        let limit = Limit::new(pool.clone(), live.ticket);
        Self { pool, live: Some(live), permit: Some(permit), limit }
    }

    /// What to run each statement under: bounds its time and says what its error means.
    #[must_use]
    pub fn limit(&self) -> Limit<D> {
        self.limit.clone()
    }

    /// Closes the connection; for a session that is not as others expect it.
    pub fn discard(mut self) {
        self.live = None;
    }

    /// Gives the connection back after its last statement was answered, outside any transaction.
    pub fn release(mut self) {
        if let Some(live) = self.live.take_if(|live| !live.connection.is_in_transaction()) {
            self.pool.rest(live);
        }
    }
}

impl<D: Backend> Drop for Connection<D> {
    fn drop(&mut self) {
        let (Some(mut live), Some(permit)) = (self.live.take(), self.permit.take()) else { return };
        if !self.pool.0.hosts.is_valid(live.ticket) {
            return;
        }
        let (Ok(runtime), pool) = (Handle::try_current(), self.pool.clone()) else { return };
        runtime.spawn(async move {
            // Rolls back what was begun and waits for what is under way; whoever takes too long is closed.
            if let Ok(Ok(())) = timeout(PING_LIMIT, live.connection.ping()).await {
                pool.rest(live);
            }
            drop(permit);
        });
    }
}

#[expect(clippy::expect_used, reason = "it is taken only by `release` and `drop`, which end the connection's use")]
impl<D: Backend> Deref for Connection<D> {
    type Target = D::Connection;

    fn deref(&self) -> &Self::Target {
        &self.live.as_ref().expect("a connection in use").connection
    }
}

#[expect(clippy::expect_used, reason = "it is taken only by `release` and `drop`, which end the connection's use")]
impl<D: Backend> DerefMut for Connection<D> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.live.as_mut().expect("a connection in use").connection
    }
}
