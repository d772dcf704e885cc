//! What the operator says by signal.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT: the first asks for a drain, the second for an end at once.
#[derive(Debug)]
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

/// Takes over SIGTERM and SIGINT.
///
/// # Errors
/// When the system refuses.
pub fn stop_signals() -> io::Result<Stop> {
    Ok(Stop { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
}

impl Stop {
    /// Waits for the next of the two.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Takes over SIGHUP and calls `reload` for each, for as long as the returned future is polled.
///
/// # Errors
/// When the system refuses.
pub fn hangups(reload: impl Fn() + Send) -> io::Result<impl Future<Output = ()> + Send> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            reload();
        }
    })
}
