//! TLS towards the signer: whom we trust, and who we say we are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use rustls::crypto::ring as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

/// Largest file read, in bytes: the system's whole pool of authorities is a tenth of it.
const FILE_BYTES: u64 = 4 << 20;

/// The files of the connection to a signer, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerTls {
    /// Only authorities in this file are trusted; without it those of the system.
    pub ca: Option<PathBuf>,
    /// What the server proves itself with.
    pub client: Option<ClientFiles>,
}

/// The server's certificate for its signer, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate, then its intermediates.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why the connection to the signer cannot be set up, or new files were not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerTlsError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: expected {expected} in PEM: {cause}", file.display())]
    NotPem {
        /// The file.
        file: PathBuf,
        /// What belongs there.
        expected: &'static str,
        /// What the reader met.
        cause: String,
    },
    /// Certificate and key cannot be used: they do not belong together, or their kind is not supported.
    #[error("{} and {} cannot be used together: {cause}", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The TLS library's words.
        cause: rustls::Error,
    },
    /// The system has no certificate authorities.
    #[error("the system has no usable certificate authority ({cause}): name the signer's in trust_service.tls_ca_file")]
    NoSystemAuthority {
        /// What was met.
        cause: String,
    },
    /// The TLS library refuses its own settings.
    #[error("TLS to the signer cannot start: {0}")]
    Setup(#[from] rustls::Error),
}

/// What the files hold, ready for handshakes.
pub(super) struct Material {
    pub(super) config: Arc<ClientConfig>,
    pub(super) digest: Digest,
}

/// Tells one content of the files from another.
pub(super) type Digest = [u8; 32];

impl SignerTls {
    /// Reads the files without connecting: what `config check` does.
    ///
    /// # Errors
    /// If a file cannot be read or used; the error names it.
    pub fn check(&self) -> Result<(), SignerTlsError> {
        self.read().map(|_| ())
    }

    pub(super) fn read(&self) -> Result<Material, SignerTlsError> {
        let files = self.contents()?;
        let roots = match files.ca {
            Some((file, pem)) => listed(file, &pem)?,
            None => system()?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match files.client {
            None => builder.with_no_client_auth(),
            Some((files, certificate, key)) => {
                let pair = Arc::new(SingleCertAndKey::from(pair(files, &certificate, &key)?));
                builder.with_client_cert_resolver(pair)
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Material { config: Arc::new(config), digest: self.digest()? })
    }

    /// Of what the files hold now, whether it is usable or not.
    pub(super) fn digest(&self) -> Result<Digest, SignerTlsError> {
        let files = self.contents()?;
        let mut context = Context::new(&SHA256);
        let mut part = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        if let Some((_, ca)) = &files.ca {
            part(ca);
        }
        if let Some((_, certificate, key)) = &files.client {
            part(certificate);
            part(key);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Ok(digest)
    }

    fn contents(&self) -> Result<Contents<'_>, SignerTlsError> {
        let ca = self.ca.as_deref().map(|file| Ok::<_, SignerTlsError>((file, bounded(file)?))).transpose()?;
        let client = self
            .client
            .as_ref()
            .map(|files| Ok::<_, SignerTlsError>((files, bounded(&files.certificate)?, bounded(&files.key)?)))
            .transpose()?;
        Ok(Contents { ca, client })
    }
}

type Bytes = Zeroizing<Vec<u8>>;

struct Contents<'a> {
    ca: Option<(&'a Path, Bytes)>,
    client: Option<(&'a ClientFiles, Bytes, Bytes)>,
}

fn bounded(file: &Path) -> Result<Bytes, SignerTlsError> {
    use std::io::Read;
    let unreadable = |cause| SignerTlsError::Unreadable { file: file.to_path_buf(), cause };
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut bytes = Zeroizing::new(Vec::new());
    opened.take(FILE_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn certificates(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SignerTlsError> {
    let refused = |cause: String| SignerTlsError::NotPem { file: file.to_path_buf(), expected: "certificates", cause };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| refused(error.to_string()))?;
    if chain.is_empty() { Err(refused("it holds none".to_owned())) } else { Ok(chain) }
}

fn listed(file: &Path, pem: &[u8]) -> Result<RootCertStore, SignerTlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(file, pem)? {
        roots.add(authority).map_err(|error| SignerTlsError::NotPem {
            file: file.to_path_buf(),
            expected: "certificates of authorities",
            cause: error.to_string(),
        })?;
    }
    Ok(roots)
}

fn system() -> Result<RootCertStore, SignerTlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A damaged certificate among the system's is no reason to trust none.
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable > 0 {
        return Ok(roots);
    }
    let cause = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
    Err(SignerTlsError::NoSystemAuthority { cause })
}

fn pair(files: &ClientFiles, certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, SignerTlsError> {
    let ClientFiles { certificate: certificate_file, key: key_file } = files;
    let chain = certificates(certificate_file, certificate)?;
    let secret = PrivateKeyDer::from_pem_slice(key).map_err(|error| SignerTlsError::NotPem {
        file: key_file.clone(),
        expected: "a private key without passphrase",
        cause: error.to_string(),
    })?;
    CertifiedKey::from_der(chain, secret, &provider::default_provider()).map_err(|cause| SignerTlsError::Pair {
        certificate: certificate_file.clone(),
        key: key_file.clone(),
        cause,
    })
}
