//! What a service manager is told: started, reloading, stopping, still alive. The protocol is systemd's; without
//! `NOTIFY_SOCKET` in the environment nothing is said.

use std::future::Future;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// Says that requests are welcome: after the start, and after a reload.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that configuration is being read again; [`ready`] ends it.
pub fn reloading() {
    let now = NotifyState::monotonic_usec_now().ok();
    tell(&[NotifyState::Reloading].into_iter().chain(now).collect::<Vec<_>>());
}

/// Says that the end has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says that the process is alive, twice in the time after which the manager would restart it, for as long as it is
/// polled. It runs beside the requests: threads that hang stop it, too. Ends at once if nobody watches.
pub fn watchdog() -> impl Future<Output = ()> + Send {
    let limit = sd_notify::watchdog_enabled();
    async move {
        let Some(limit) = limit else { return };
        let mut ticks = interval((limit / 2).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be told (NOTIFY_SOCKET)");
    }
}
