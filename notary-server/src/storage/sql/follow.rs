//! Following a feed table by asking it again and again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::place::{Place, Reading, WINDOW, Writers};
use crate::storage::{FollowError, Follower, StorageError};

/// What a follower asks a database.
#[async_trait]
pub(crate) trait Feed: Send + Sync + 'static {
    /// Stands for a transaction that may have drawn an id.
    type Writer: Eq + Hash + Clone + Send + Sync + 'static;

    /// Ids below the end that are read again from the start on, where nobody tells which transaction drew them.
    const REREAD: i64 = 0;

    /// The transactions that may have drawn ids and not ended.
    async fn present(&self) -> Result<Present<Self::Writer>, StorageError>;

    /// The highest id.
    async fn highest(&self) -> Result<i64, StorageError>;

    /// Ids and names above an id, ascending, at most `limit`.
    async fn entries(&self, above: i64, limit: i64) -> Result<Vec<(i64, String)>, StorageError>;
}

/// Who writes, and where.
pub(crate) struct Present<W> {
    /// The transactions.
    pub(crate) writers: Writers<W>,
    /// Tells servers apart, and a server from itself before it was started again: after a failover, what was told may be
    /// undone and its ids given to others.
    pub(crate) server: String,
}

/// A follower of a feed table.
pub(crate) struct Polling<F: Feed> {
    feed: F,
    /// None after a failure: what was missed meanwhile is not known.
    place: Option<(Place<F::Writer>, String)>,
    wake: Arc<Notify>,
}

impl<F: Feed> Polling<F> {
    /// Follows from now; `wake` ends waiting.
    pub(crate) async fn start(feed: F, wake: Arc<Notify>) -> Result<Self, StorageError> {
        let place = Some(end(&feed).await?);
        Ok(Self { feed, place, wake })
    }

    async fn lost(&mut self) -> FollowError {
        match end(&self.feed).await {
            Ok(place) => {
                self.place = Some(place);
                FollowError::Lost
            }
            Err(error) => error.into(),
        }
    }
}

/// The end of a feed. Who writes is asked after it was found: whoever drew an id below it is writing then, or has ended
/// before this returns.
async fn end<F: Feed>(feed: &F) -> Result<(Place<F::Writer>, String), StorageError> {
    let highest = feed.highest().await?;
    if F::REREAD == 0 {
        let Present { writers, server } = feed.present().await?;
        return Ok((Place::at_end(highest, writers), server));
    }
    let settled = highest.saturating_sub(F::REREAD).max(0);
    let entries = feed.entries(settled, i64::try_from(WINDOW).unwrap_or(i64::MAX)).await?;
    let Present { writers, server } = feed.present().await?;
    Ok((Place::before_end(settled, entries.into_iter().map(|(id, _)| id), writers), server))
}

#[async_trait]
impl<F: Feed> Follower for Polling<F> {
    async fn catch_up(&mut self) -> Result<Vec<String>, FollowError> {
        // There is no place again before everything has gone well.
        let Some((mut place, known)) = self.place.take() else { return Err(self.lost().await) };
        let Present { writers, server } = self.feed.present().await?;
        if server != known {
            return Err(self.lost().await);
        }
        let limit = i64::try_from(WINDOW).unwrap_or(i64::MAX);
        let entries = self.feed.entries(place.settled(), limit).await?;
        if entries.len() >= WINDOW {
            return Err(self.lost().await);
        }
        let ids: Vec<i64> = entries.iter().map(|(id, _)| *id).collect();
        // Entries are never removed: a feed that is shorter is another one, of a backup or of another server.
        let last = match ids.last() {
            Some(last) => *last,
            None => self.feed.highest().await?,
        };
        if last < place.highest() {
            return Err(self.lost().await);
        }
        let mut names: HashMap<i64, String> = entries.into_iter().collect();
        let reading = place.read(&writers, ids);
        self.place = Some((place, server));
        match reading {
            Reading::Lost => Err(FollowError::Lost),
            Reading::New(ids) => Ok(ids.into_iter().filter_map(|id| names.remove(&id)).collect()),
        }
    }

    async fn wait(&mut self, most: Duration) {
        // Time running out is an answer too.
        drop(tokio::time::timeout(most, self.wake.notified()).await);
    }
}
