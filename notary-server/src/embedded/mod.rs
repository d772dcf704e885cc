//! The server without a configuration file: one data folder that makes itself.
//!
//! ```text
//! DIR/lock            held while a server runs; its process id
//! DIR/tls/ca.crt      the authority clients are told to trust; ca.key signs with it
//! DIR/tls/server.crt  renewed by itself; server.key
//! DIR/passphrase      seals the online keys
//! DIR/trust.db        collections
//! DIR/keys.db         sealed online keys
//! ```
//!
//! Each file is written whole or not at all, in an order that the next start can finish, so a first start may be killed
//! at any moment.

mod authority;
mod error;
mod files;
mod greeting;
mod lock;
mod names;
mod provision;
mod server_certificate;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use libtrust::keys::KeyAlgorithm;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

pub use error::EmbeddedError;
pub use greeting::Greeting;
pub use provision::provision;

use authority::{Authority, AuthorityFiles};
use files::Readers;
use lock::FolderLock;
use names::Names;
use server_certificate::{Renewal, ServerFiles};

use crate::config::{Config, Server, Settings, Storage, TlsFiles, TrustService};
use notary_service::listen::{ListenAddress, Tls};

/// How often the server certificate is looked at.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(6 * 3600);

/// An open data folder, complete, ours while this value lives.
pub struct DataFolder {
    path: PathBuf,
    authority: Authority,
    names: Names,
    server: ServerFiles,
    _lock: FolderLock,
}

impl DataFolder {
    /// The folder to use when none is named: by the XDG rules, `$XDG_DATA_HOME/notary-server` or
    /// `~/.local/share/notary-server`.
    ///
    /// # Errors
    /// [`EmbeddedError::NoHome`] if the environment names neither.
    pub fn default_path() -> Result<PathBuf, EmbeddedError> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .map(|data| data.join("notary-server"))
            .ok_or(EmbeddedError::NoHome)
    }

    /// Opens the folder, making what is missing, and locks it.
    ///
    /// # Errors
    /// When another server uses it, a secret is open to others or gone, or the system refuses.
    pub fn open(path: &Path, listen: &ListenAddress, now: SystemTime) -> Result<Self, EmbeddedError> {
        files::make_folder(path)?;
        let path = path.canonicalize().map_err(EmbeddedError::io(path, "be found"))?;
        let lock = FolderLock::take(&path)?;
        let tls = path.join("tls");
        files::make_folder(&tls)?;
        ensure_passphrase(&path)?;
        let authority = Authority::open_or_make(&AuthorityFiles::in_folder(&tls), now)?;
        let names = Names::of(listen, names::host_name().as_deref());
        let server = ServerFiles::in_folder(&tls);
        server.ensure(&authority, &names, now)?;
        Ok(Self { path, authority, names, server, _lock: lock })
    }

    /// Where clients find the authority they must trust.
    #[must_use]
    pub fn authority_certificate(&self) -> PathBuf {
        self.path.join("tls/ca.crt")
    }

    /// The configuration this folder stands for.
    #[must_use]
    pub fn config(&self, listen: ListenAddress, settings: Settings) -> Config {
        let tls =
            TlsFiles { certificate: self.server.certificate.clone(), key: self.server.key.clone(), client_ca: None };
        Config {
            server: Server { http_addr: listen, tls: Some(tls) },
            trust_service: TrustService::Embedded {
                key_store: self.path.join("keys.db"),
                passphrase_file: passphrase_path(&self.path),
                key_algorithm: KeyAlgorithm::Ecdsa,
            },
            storage: Storage::Sqlite { path: self.path.join("trust.db") },
            settings,
        }
    }

    /// Renews the server certificate whenever less than a third of its life remains, for as long as it is polled.
    /// A renewal that fails is logged and tried again.
    pub async fn keep_certificate_fresh(&self, tls: &Tls) {
        loop {
            tokio::time::sleep(RENEWAL_INTERVAL).await;
            if let Err(error) = self.renew(tls, SystemTime::now()) {
                tracing::error!(%error, "the server certificate was not renewed");
            }
        }
    }

    fn renew(&self, tls: &Tls, now: SystemTime) -> Result<(), EmbeddedError> {
        if self.server.ensure(&self.authority, &self.names, now)? == Renewal::Issued {
            tls.reload()?;
            tracing::info!("the server certificate was renewed");
        }
        Ok(())
    }
}

/// Reads a passphrase from a file only its owner may read; surrounding white space does not count.
///
/// # Errors
/// When the file cannot be read, is open to others, or is empty.
pub fn read_passphrase(path: &Path) -> Result<Zeroizing<String>, EmbeddedError> {
    let text = files::read_secret(path)?;
    let passphrase = Zeroizing::new(text.trim().to_owned());
    if passphrase.is_empty() {
        return Err(EmbeddedError::Damaged {
            path: path.to_path_buf(),
            expected: "a passphrase",
            cause: "the file is empty".to_owned(),
        });
    }
    Ok(passphrase)
}

fn passphrase_path(folder: &Path) -> PathBuf {
    folder.join("passphrase")
}

/// Makes the passphrase, 256 random bits, on the first start. It is never made again beside a key store it could not
/// open.
fn ensure_passphrase(folder: &Path) -> Result<(), EmbeddedError> {
    let path = passphrase_path(folder);
    if path.exists() {
        return read_passphrase(&path).map(drop);
    }
    let key_store = folder.join("keys.db");
    if key_store.exists() {
        return Err(EmbeddedError::Missing {
            missing: path,
            beside: key_store,
            hint: "restore it from a backup: the online keys cannot be opened without it",
        });
    }
    let text = secret()?;
    files::write(&path, text.as_bytes(), Readers::Owner)
}

/// 256 random bits in hex, and a newline.
fn secret() -> Result<Zeroizing<String>, EmbeddedError> {
    let mut secret = Zeroizing::new([0_u8; 32]);
    SystemRandom::new().fill(secret.as_mut_slice()).map_err(|_| EmbeddedError::Random)?;
    Ok(Zeroizing::new(hex::encode(secret.as_slice()) + "\n"))
}
