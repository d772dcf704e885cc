//! Connections to whichever host of a database is live.
//!
//! All connections go to one host until it is away: it refuses, only reads, or is a Galera node outside its cluster. From
//! then on none of its connections is handed out again, and the next host that serves takes its place. A host that came
//! back is used when the turn comes to it.
//!
//! Not the library's own pool: that one waits for a refusing host until its time is up, and asks the server once more for
//! each connection given back.

mod backend;
mod connection;
mod hosts;
mod limit;
mod mysql;
mod postgres;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

pub use backend::{Backend, Refused};
pub use connection::Connection;
pub use limit::Limit;

use connection::Live;
use hosts::{Hosts, Ticket};

use super::failure::Failure;
use super::url::Url;

/// A connection is asked this often whether its host still serves, before it is handed out.
const CHECK_AFTER: Duration = Duration::from_secs(1);
/// How long that may take, and the tidying of a connection given back in the middle of something.
const PING_LIMIT: Duration = Duration::from_secs(1);
/// A connection that rested longer is closed.
const IDLE: Duration = Duration::from_secs(300);
/// A connection that is older is closed when it rests.
const LIFETIME: Duration = Duration::from_secs(1800);

/// How connections are made and bounded.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most connections at a time.
    pub max_connections: u32,
    /// How long making one connection to one host may take; the URL's own limit comes first.
    pub connect_limit: Duration,
    /// How long one may wait for a connection, hosts that do not answer included.
    pub acquire_limit: Duration,
    /// How long a statement may take, at the server and here.
    pub statement_limit: Duration,
    /// How long a statement may wait for another transaction's locks.
    pub lock_limit: Duration,
    /// On Galera: a read sees what any node acknowledged before it, at the price of waiting for this node to have applied
    /// it. Without effect elsewhere.
    pub causal_reads: bool,
}

impl Default for Settings {
    /// 16 connections; 1 s to connect to a host, 5 s to get a connection; 10 s for a statement, 5 s for a lock; reads that
    /// see what was acknowledged.
    fn default() -> Self {
        Self {
            max_connections: 16,
            connect_limit: Duration::from_secs(1),
            acquire_limit: Duration::from_secs(5),
            statement_limit: Duration::from_secs(10),
            lock_limit: Duration::from_secs(5),
            causal_reads: true,
        }
    }
}

/// Connections to one database, bounded. Clones are the same pool.
pub struct Pool<D: Backend>(Arc<Shared<D>>);

struct Shared<D: Backend> {
    url: Url,
    settings: Settings,
    hosts: Hosts,
    idle: Mutex<Vec<Idle<D>>>,
    permits: Arc<Semaphore>,
}

struct Idle<D: Backend> {
    live: Live<D>,
    since: Instant,
}

impl<D: Backend> Clone for Pool<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Backend> std::fmt::Debug for Pool<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.0.url).finish()
    }
}

impl<D: Backend> Pool<D> {
    /// A pool that has no connection yet; nothing is asked of any host.
    #[must_use]
    pub fn new(url: Url, settings: Settings) -> Self {
        let permits = usize::try_from(settings.max_connections.max(1)).unwrap_or(1);
        Self(Arc::new(Shared {
            hosts: Hosts::new(url.hosts().len()),
            url,
            settings,
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(permits)),
        }))
    }

    /// Where the database is.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0.url
    }

    /// How connections are bounded.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// A connection to a host that serves: one that rests, or a new one.
    ///
    /// # Errors
    /// If no host gives one within [`Settings::acquire_limit`]; if the database refuses us, at once.
    pub async fn acquire(&self) -> Result<Connection<D>, Failure> {
        let shared = &self.0;
        let limit = shared.settings.acquire_limit;
        let deadline = Instant::now() + limit;
        let permit = match timeout_at(deadline, Arc::clone(&shared.permits).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(self.unavailable("the program is closing its connections")),
            Err(_) => {
                let most = shared.settings.max_connections;
                return Err(self.unavailable(format!("all {most} connections were in use for {limit:?}")));
            }
        };
        while let Some(mut live) = self.resting() {
            if live.checked.elapsed() < CHECK_AFTER || self.answers(&mut live).await {
                return Ok(Connection::new(self.clone(), live, permit));
            }
        }
        match timeout_at(deadline, self.connect()).await {
            Ok(live) => Ok(Connection::new(self.clone(), live?, permit)),
            Err(_) => Err(self.unavailable(format!("no host answered within {limit:?}"))),
        }
    }

    /// Closes what rests and hands out nothing any more; what is in use is closed when it is given back.
    pub async fn close(&self) {
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for one in idle {
            let _ = timeout(PING_LIMIT, sqlx::Connection::close(one.live.connection)).await;
        }
    }

    /// The most recently used connection to a host that is not away.
    fn resting(&self) -> Option<Live<D>> {
        let mut idle = self.idle();
        while let Some(one) = idle.pop() {
            if self.0.hosts.is_valid(one.live.ticket) && one.since.elapsed() < IDLE {
                return Some(one.live);
            }
        }
        None
    }

    async fn answers(&self, live: &mut Live<D>) -> bool {
        let answers = matches!(timeout(PING_LIMIT, D::serves(&mut live.connection)).await, Ok(true));
        live.checked = Instant::now();
        if !answers {
            // Others that rest are as likely gone; whether the host is, connecting will tell.
            self.0.hosts.renew(live.ticket);
        }
        answers
    }

    /// Tries the hosts in turn, those thought away last.
    async fn connect(&self) -> Result<Live<D>, Failure> {
        let mut failures: Vec<Failure> = Vec::new();
        for ticket in self.0.hosts.in_turn() {
            match self.connect_to(ticket).await {
                Ok(connection) => {
                    self.0.hosts.serves(ticket);
                    return Ok(Live { connection, ticket, since: Instant::now(), checked: Instant::now() });
                }
                Err(failure) => {
                    if failure.is_unavailable() || failure.host_is_away {
                        self.0.hosts.is_away(ticket);
                    }
                    failures.push(failure);
                }
            }
        }
        Err(self.all_failed(failures))
    }

    async fn connect_to(&self, ticket: Ticket) -> Result<D::Connection, Failure> {
        let Shared { url, settings, .. } = &*self.0;
        let Some(host) = url.hosts().get(ticket.host) else {
            return Err(self.unavailable("it has no such host"));
        };
        let limit = url.connect_limit().unwrap_or(settings.connect_limit);
        match timeout(limit, D::connect(url, host, settings)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(Refused::Database(error))) => Err(Failure::new(url, host, &error)),
            Ok(Err(Refused::NotReady(reason))) => Err(Failure::unavailable(url, host.to_string(), reason).away()),
            Err(_) => {
                let reason = format!("no connection within {limit:?}");
                Err(Failure::unavailable(url, host.to_string(), reason).away())
            }
        }
    }

    /// One failure that says what each host did.
    fn all_failed(&self, mut failures: Vec<Failure>) -> Failure {
        let denied = failures.iter().position(|failure| !failure.is_unavailable() && !failure.host_is_away);
        if let Some(index) = denied {
            return failures.swap_remove(index);
        }
        if failures.len() == 1 {
            return failures.swap_remove(0);
        }
        let each: Vec<String> =
            failures.iter().map(|failure| format!("{}: {}", failure.host, failure.reason)).collect();
        self.unavailable(format!("no host serves: {}", each.join("; ")))
    }

    fn unavailable(&self, reason: impl Into<String>) -> Failure {
        let hosts: Vec<String> = self.0.url.hosts().iter().map(ToString::to_string).collect();
        Failure::unavailable(&self.0.url, hosts.join(","), reason)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle<D>>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection rest if it is of further use; closes those that rested too long.
    fn rest(&self, live: Live<D>) {
        if self.0.permits.is_closed() || live.since.elapsed() > LIFETIME || !self.0.hosts.is_valid(live.ticket) {
            return;
        }
        let mut idle = self.idle();
        idle.retain(|one| one.since.elapsed() < IDLE);
        idle.push(Idle { live, since: Instant::now() });
    }
}
