//! Where the issuer's keys are read: a PEM bundle, a JWK set in a file or behind an https address.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::keys::{Bundle, InvalidBundle, InvalidJwks, JwkSet};

/// Largest file or answer with keys, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// The whole exchange with the address of a JWK set may take this long.
const FETCH_TIME: Duration = Duration::from_secs(10);
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Reads a bundle.
///
/// # Errors
/// A [`KeysError`] that names the file.
pub(super) fn read_bundle(file: &Path) -> Result<Bundle, KeysError> {
    Bundle::parse(&read(file)?).map_err(|cause| KeysError::Bundle { file: file.to_path_buf(), cause })
}

/// Reads a JWK set from a file.
///
/// # Errors
/// A [`KeysError`] that names the file.
pub(super) fn read_jwks(file: &Path) -> Result<JwkSet, KeysError> {
    JwkSet::parse(&read(file)?).map_err(|cause| KeysError::Jwks { origin: file.display().to_string(), cause })
}

fn read(file: &Path) -> Result<Vec<u8>, KeysError> {
    let unreadable = |cause| KeysError::Unreadable { file: file.to_path_buf(), cause };
    let mut bytes = Vec::new();
    File::open(file).and_then(|open| open.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(KeysError::TooLarge { origin: file.display().to_string() });
    }
    Ok(bytes)
}

/// What changes about a file when it is written or replaced; nothing if it is not there.
pub(super) fn stamp(file: &Path) -> Option<(SystemTime, u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len(), found.ino()))
}

/// A JWK set behind an https address.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    url: String,
    client: reqwest::Client,
}

impl Remote {
    /// Prepares to ask `url`. Nothing is asked yet.
    ///
    /// # Errors
    /// If the address is none, or the file of authorities cannot be used.
    pub(super) fn new(url: &str, authorities: Option<&Path>) -> Result<Self, KeysError> {
        let unusable = |cause: reqwest::Error| KeysError::Address { url: url.to_owned(), cause: root_cause(&cause) };
        reqwest::Url::parse(url)
            .map_err(|cause| KeysError::Address { url: url.to_owned(), cause: cause.to_string() })?;
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            // Who may redirect may choose the keys.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .timeout(FETCH_TIME)
            .user_agent(concat!("notary-server/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = authorities {
            let certificates = reqwest::Certificate::from_pem_bundle(&read(file)?)
                .map_err(|cause| KeysError::Authorities { file: file.to_path_buf(), cause: root_cause(&cause) })?;
            if certificates.is_empty() {
                let cause = "holds no certificate".to_owned();
                return Err(KeysError::Authorities { file: file.to_path_buf(), cause });
            }
            builder = builder.tls_certs_only(certificates);
        }
        Ok(Self { url: url.to_owned(), client: builder.build().map_err(unusable)? })
    }

    /// Asks for the set.
    ///
    /// # Errors
    /// A [`KeysError`] that names the address.
    pub(super) async fn fetch(&self) -> Result<JwkSet, KeysError> {
        let failed = |cause: &reqwest::Error| KeysError::Fetch { url: self.url.clone(), cause: root_cause(cause) };
        let mut answer = self.client.get(&self.url).send().await.map_err(|cause| failed(&cause))?;
        if answer.status() != http::StatusCode::OK {
            return Err(KeysError::Fetch { url: self.url.clone(), cause: format!("it answered {}", answer.status()) });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|cause| failed(&cause))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > MAX_BYTES {
                return Err(KeysError::TooLarge { origin: self.url.clone() });
            }
        }
        JwkSet::parse(&bytes).map_err(|cause| KeysError::Jwks { origin: self.url.clone(), cause })
    }
}

/// The innermost cause: what a TLS or network library has to say.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Why keys were not taken. Those in force stay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// Larger than any set of keys.
    #[error("{origin}: is larger than {MAX_BYTES} bytes")]
    TooLarge {
        /// The file or address.
        origin: String,
    },
    /// A bundle that cannot be used.
    #[error("{}: {cause}", file.display())]
    Bundle {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        cause: InvalidBundle,
    },
    /// A JWK set that cannot be used.
    #[error("{origin}: {cause}")]
    Jwks {
        /// The file or address.
        origin: String,
        /// What is wrong.
        cause: InvalidJwks,
    },
    /// `jwks` is no address that can be asked.
    #[error("{url}: cannot be asked for keys: {cause}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong.
        cause: String,
    },
    /// `jwks_ca_file` cannot be used.
    #[error("{}: cannot be trusted for auth.options.jwks: {cause}; expected PEM certificates", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The address did not give a set.
    #[error("{url}: gave no keys: {cause}")]
    Fetch {
        /// The address.
        url: String,
        /// What happened.
        cause: String,
    },
}
