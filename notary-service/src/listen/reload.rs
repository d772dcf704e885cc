//! TLS that follows its files: certificate, key and client authorities are exchanged together while connections live.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::time::{MissedTickBehavior, interval};

use super::tls::{self, Settings, TlsError};
use crate::config::TlsFiles;

/// How often the files are looked at. What is new serves after two looks, so that a pair written one file after the
/// other is not read half done.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Health speaks of a certificate that ends this soon.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// TLS of a listener. Clones share it.
///
/// [`Tls::follow`] takes new files into use by itself and [`Tls::reload`] at once. New handshakes get what was read
/// last; established connections go on as they are, also those of clients whose authority is gone.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: TlsFiles,
    current: ArcSwap<Settings>,
    /// What the files looked like when they were last read, whether that succeeded or not.
    read: Mutex<Look>,
    reloads: AtomicU64,
    failures: AtomicU64,
}

/// How long the certificate in force is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// For more than a week, or nobody can tell.
    Good,
    /// For less than a week.
    EndsSoon,
    /// It has ended: clients refuse it.
    Ended,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, certificate and key do not belong together, or the client authorities are not usable.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let look = Look::at(&files);
        let current = ArcSwap::from_pointee(tls::read(&files)?);
        Ok(Self(Arc::new(Inner {
            files,
            current,
            read: Mutex::new(look),
            reloads: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })))
    }

    /// Reads the files again and uses what they hold now; all of it or nothing.
    ///
    /// # Errors
    /// As [`Tls::open`]; what is in force stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        // Before reading, so that a change meanwhile is seen at the next look.
        *self.0.read.lock().unwrap_or_else(PoisonError::into_inner) = Look::at(&self.0.files);
        match tls::read(&self.0.files) {
            Ok(settings) => {
                self.0.current.store(Arc::new(settings));
                self.0.reloads.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(error) => {
                self.0.failures.fetch_add(1, Relaxed);
                Err(error)
            }
        }
    }

    /// As [`Tls::reload`], saying in the log how it went: what SIGHUP asks for.
    pub fn reload_and_log(&self) {
        match self.reload() {
            Ok(()) => {
                tracing::info!(certificate = %self.0.files.certificate.display(), "the TLS files were read again")
            }
            Err(error) => tracing::error!(%error, "the TLS files were not taken; what is in force stays"),
        }
    }

    /// Takes files that changed into use, within about two seconds, for as long as it is polled. Files that cannot be
    /// used are named in the log once and tried again when they change.
    pub async fn follow(&self) {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = None;
        loop {
            looks.tick().await;
            let look = Look::at(&self.0.files);
            let is_new = *self.0.read.lock().unwrap_or_else(PoisonError::into_inner) != look;
            if is_new && last.as_ref() == Some(&look) {
                self.reload_and_log();
            }
            last = Some(look);
        }
    }

    /// How long the certificate in force is still good, at `now`.
    #[must_use]
    pub fn validity(&self, now: SystemTime) -> Validity {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        match self.expiry().map(|expiry| u64::try_from(expiry).unwrap_or_default()) {
            Some(expiry) if expiry < now => Validity::Ended,
            Some(expiry) if expiry < now.saturating_add(SOON.as_secs()) => Validity::EndsSoon,
            _ => Validity::Good,
        }
    }

    /// When the certificate in force ends, in seconds since 1970; `None` if it cannot be understood.
    #[must_use]
    pub fn expiry(&self) -> Option<i64> {
        self.0.current.load().expiry
    }

    /// When the last of the authorities for client certificates ends, in seconds since 1970; `None` without any.
    #[must_use]
    pub fn client_ca_expiry(&self) -> Option<i64> {
        self.0.current.load().client_ca_expiry
    }

    /// How often files were taken into use after the start.
    #[must_use]
    pub fn reloads(&self) -> u64 {
        self.0.reloads.load(Relaxed)
    }

    /// How often new files could not be used.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Relaxed)
    }

    /// The settings for the next handshake.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.current.load().config)
    }
}

/// What tells one state of the files from another without reading them; links are followed, as platforms exchange
/// mounted secrets by a link.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look([Option<Identity>; 3]);

/// Device, inode, size, and seconds and nanoseconds of modification and of change.
type Identity = [i64; 7];

impl Look {
    fn at(files: &TlsFiles) -> Self {
        let client_ca = files.client_ca.as_deref();
        Self([identity(&files.certificate), identity(&files.key), client_ca.and_then(identity)])
    }
}

#[expect(clippy::cast_possible_wrap, reason = "compared only, never counted with")]
fn identity(file: &Path) -> Option<Identity> {
    let file = fs::metadata(file).ok()?;
    let (device, inode, size) = (file.dev() as i64, file.ino() as i64, file.size() as i64);
    Some([device, inode, size, file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()])
}
