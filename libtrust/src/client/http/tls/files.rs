//! Certificates and keys in files.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

/// The largest file of certificates, in bytes. A whole trust store takes 250 KB.
const MAX_BYTES: u64 = 4 << 20;

/// What was found.
pub(super) struct Found {
    pub(super) authorities: RootCertStore,
    /// The same, whole.
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) pairs: Vec<Arc<CertifiedKey>>,
}

impl Found {
    pub(super) const fn new() -> Self {
        Self { authorities: RootCertStore { roots: Vec::new() }, certificates: Vec::new(), pairs: Vec::new() }
    }

    /// Every certificate of a PEM file; none in it is an error.
    pub(super) fn add_authorities(&mut self, file: &Path) -> Result<(), TlsFileError> {
        for certificate in certificates(file)? {
            self.authorities
                .add(certificate.clone())
                .map_err(|error| TlsFileError::unusable(file, format!("not a certificate of an authority: {error}")))?;
            self.certificates.push(certificate);
        }
        Ok(())
    }

    /// A certificate chain and its key.
    pub(super) fn add_pair(
        &mut self,
        certificate: &Path,
        key: &Path,
        provider: &CryptoProvider,
    ) -> Result<(), TlsFileError> {
        let chain = certificates(certificate)?;
        let pem = read(key)?;
        let private = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| TlsFileError::unusable(key, "expected an unencrypted PEM private key".to_owned()))?;
        let pair = CertifiedKey::from_der(chain, private, provider).map_err(|error| {
            TlsFileError::unusable(key, format!("it cannot be used with {}: {error}", certificate.display()))
        })?;
        self.pairs.push(Arc::new(pair));
        Ok(())
    }

    /// A folder of one host. No folder is fine; half a pair is not, as it is for Docker.
    pub(super) fn add_folder(&mut self, folder: &Path, provider: &CryptoProvider) -> Result<(), TlsFileError> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            entries => entries.map_err(|error| TlsFileError::unreadable(folder, &error))?,
        };
        let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut paths = paths.map_err(|error| TlsFileError::unreadable(folder, &error))?;
        paths.sort();
        for path in &paths {
            let other = |extension| path.with_extension(extension);
            match path.extension().and_then(OsStr::to_str) {
                Some("crt") => self.add_authorities(path)?,
                Some("cert") if paths.contains(&other("key")) => self.add_pair(path, &other("key"), provider)?,
                Some("cert") => return Err(TlsFileError::HalfAPair { found: path.clone(), missing: other("key") }),
                Some("key") if !paths.contains(&other("cert")) => {
                    return Err(TlsFileError::HalfAPair { found: path.clone(), missing: other("cert") });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let pem = read(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| TlsFileError::unusable(file, error.to_string()))?;
    if certificates.is_empty() {
        return Err(TlsFileError::unusable(file, "there is no PEM certificate in it".to_owned()));
    }
    Ok(certificates)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsFileError> {
    let unreadable = |error| TlsFileError::unreadable(path, &error);
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 << 10));
    File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(TlsFileError::unusable(path, format!("it has more than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

/// Why a certificate or key cannot be used for TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// It cannot be read.
    #[error("cannot read {}: {cause}", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// It is not what it should be.
    #[error("{}: {why}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A certificate without its key, or the other way round.
    #[error("{} is there and {} is not: a client certificate needs both", .found.display(), .missing.display())]
    HalfAPair {
        /// What is there.
        found: PathBuf,
        /// What belongs to it.
        missing: PathBuf,
    },
}

impl TlsFileError {
    fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), cause: error.to_string() }
    }

    pub(super) fn unusable(path: impl AsRef<Path>, why: String) -> Self {
        Self::Unusable { path: path.as_ref().to_owned(), why }
    }
}
