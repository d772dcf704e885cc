//! Why the data folder cannot be used.

use std::io;
use std::path::PathBuf;

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Neither `--data-dir` nor the environment says where the data folder is.
    #[error("no home folder is known: say where the data belongs with --data-dir DIR")]
    NoHome,
    /// Another server uses the folder.
    #[error("{}: another server{} uses this data folder; stop it, or give this one another --data-dir", folder.display(), of(pid))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Process id of the other server, if it could be read.
        pid: Option<String>,
    },
    /// A secret others may read, or a folder others may write.
    #[error("{}: open to other users (mode {mode:03o}); its secrets may be known: check, then run chmod {wanted:o} {}", path.display(), path.display())]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they must be.
        wanted: u32,
    },
    /// A file that others depend on is gone.
    #[error("{}: missing although {} exists; {hint}", missing.display(), beside.display())]
    Missing {
        /// The file.
        missing: PathBuf,
        /// What depends on it.
        beside: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// A file does not hold what it should.
    #[error("{}: expected {expected}: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What belongs there.
        expected: &'static str,
        /// What was met.
        cause: String,
    },
    /// The system refused.
    #[error("{}: cannot {action}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was attempted, as a verb phrase.
        action: &'static str,
        /// The system's words.
        cause: io::Error,
    },
    /// A key or certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A new certificate was made but could not be taken into use.
    #[error(transparent)]
    Tls(#[from] notary_service::listen::TlsError),
    /// A name a certificate cannot be for.
    #[error("{name}: neither a host name nor an address; say --name trust.example.com or --name 192.0.2.7")]
    Name {
        /// The name.
        name: String,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

fn of(pid: &Option<String>) -> String {
    pid.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl EmbeddedError {
    /// Turns an I/O error into one that says where and in doing what.
    pub(super) fn io(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { path, action, cause }
    }
}
