//! Notifications: they only make polling start sooner, so losing one costs time and nothing else.
//!
//! They are sent after the commit and not in it: PostgreSQL lets only one transaction that notifies commit at a time.

use std::sync::Arc;
use std::time::Duration;

use notary_service::database::{PostgresPool, Url};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const CHANNEL: &str = "trust_changefeed";

/// Nobody waits for the disk because of a notification.
const NOTIFY: &str =
    "SELECT set_config('synchronous_commit', 'off', true), pg_notify('trust_changefeed', '')::text IS NULL";

/// After a notification the next one waits this long: one stands for all writes in between.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a listener without a connection waits before it tries the next host.
const RECONNECT: Duration = Duration::from_secs(1);

/// Sends notifications for a process that writes.
#[derive(Debug)]
pub(super) struct Notifier {
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Notifier {
    pub(super) fn start(pool: PostgresPool) -> Self {
        let wake = Arc::new(Notify::new());
        let woken = wake.clone();
        let task = tokio::spawn(async move {
            loop {
                woken.notified().await;
                if let Err(error) = notify(&pool).await {
                    tracing::debug!(%error, "other servers were not woken; they find the change by themselves");
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { wake, task }
    }

    /// Something was committed.
    pub(super) fn notify(&self) {
        self.wake.notify_one();
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn notify(pool: &PostgresPool) -> Result<(), notary_service::database::Failure> {
    let mut connection = pool.acquire().await?;
    let limit = connection.limit();
    limit.run(sqlx::query(NOTIFY).execute(&mut *connection)).await?;
    connection.release();
    Ok(())
}

/// Listens for notifications until it is dropped.
pub(super) struct Listening {
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Listening {
    pub(super) fn start(url: Url) -> Self {
        let wake = Arc::new(Notify::new());
        let waking = wake.clone();
        let task = tokio::spawn(async move {
            for host in url.hosts().iter().cycle() {
                let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(url.postgres_options(host));
                let error = forward(&pool, &waking).await;
                tracing::debug!(%error, %host, "no notifications; changes of other servers are polled for");
                pool.close().await;
                tokio::time::sleep(RECONNECT).await;
            }
        });
        Self { wake, task }
    }

    /// Is notified whenever something was written.
    pub(super) fn wake(&self) -> Arc<Notify> {
        self.wake.clone()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes notifications on until something fails.
async fn forward(pool: &sqlx::PgPool, wake: &Notify) -> sqlx::Error {
    let mut listener = match PgListener::connect_with(pool).await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    listener.eager_reconnect(false);
    if let Err(error) = listener.listen(CHANNEL).await {
        return error;
    }
    loop {
        match listener.try_recv().await {
            Ok(Some(_)) => wake.notify_one(),
            Ok(None) => return sqlx::Error::PoolClosed,
            Err(error) => return error,
        }
    }
}
