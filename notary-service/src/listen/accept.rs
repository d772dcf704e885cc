//! The accept loop: a permit first, then a connection; and the drain that waits for all permits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::connection::{self, Shared};
use super::{Application, Limits, Tls};

/// A server that accepts connections until told to [`drain`](Listening::drain).
#[derive(Debug)]
pub struct Listening {
    addresses: Vec<SocketAddr>,
    loops: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    permits: Arc<Semaphore>,
    limits: Limits,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every connection ended by itself.
    Complete,
    /// Time ran out with this many connections open.
    Cut {
        /// Connections still open.
        connections: u32,
    },
}

impl Listening {
    /// The addresses bound.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops accepting, tells clients not to send more, and waits for requests under way, at most `limits.drain`.
    pub async fn drain(self) -> Drained {
        self.stop.send_replace(true);
        for accepting in self.loops {
            // A loop that panicked holds nothing that could be drained.
            let _ = accepting.await;
        }
        let all = self.limits.connections;
        match timeout(self.limits.drain, self.permits.acquire_many(all)).await {
            Ok(_) => Drained::Complete,
            Err(_) => {
                let free = u32::try_from(self.permits.available_permits()).unwrap_or(all);
                Drained::Cut { connections: all.saturating_sub(free) }
            }
        }
    }
}

pub(super) fn start<A: Application>(
    listeners: Vec<TcpListener>,
    tls: Option<Tls>,
    mut limits: Limits,
    application: Arc<A>,
) -> Listening {
    // Each loop holds a permit while it waits; the semaphore also has a maximum of its own.
    let loops = u32::try_from(listeners.len()).unwrap_or(u32::MAX);
    let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
    limits.connections = limits.connections.max(loops).min(most);
    let (stop, stopping) = watch::channel(false);
    let permits = Arc::new(Semaphore::new(limits.connections as usize));
    let shared = Arc::new(Shared { application, tls, limits, stopping });
    let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let loops = listeners
        .into_iter()
        .map(|listener| tokio::spawn(accept_all(listener, Arc::clone(&permits), Arc::clone(&shared))))
        .collect();
    Listening { addresses, loops, stop, permits, limits }
}

async fn accept_all<A: Application>(listener: TcpListener, permits: Arc<Semaphore>, shared: Arc<Shared<A>>) {
    let mut stopping = shared.stopping.clone();
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener, &permits) => accepted,
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, address, permit)) => {
                failures = 0;
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    connection::serve(stream, address, shared).await;
                    drop(permit);
                });
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                failures += 1;
                tracing::error!(error = %error, "cannot accept connections; trying again");
                sleep(back_off(failures)).await;
            }
        }
    }
}

async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, permit))
}

/// Clients that gave up while they were queued.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Out of files or memory: waiting lets others give some back. From 10 ms to 1 s.
fn back_off(failures: u32) -> Duration {
    Duration::from_millis((5_u64 << failures.min(8)).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_to_a_second() {
        assert_eq!(back_off(1), Duration::from_millis(10));
        assert_eq!(back_off(3), Duration::from_millis(40));
        assert_eq!(back_off(1000), Duration::from_secs(1));
    }
}
