//! Our own certificate authority: made once, kept, and known to clients by `ca.crt`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use ring::digest;
use zeroize::Zeroizing;

use super::error::EmbeddedError;
use super::files::{self, Readers};
use super::names::Names;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Ten years, because every client keeps a copy.
const AUTHORITY_LIFE: Duration = DAY.saturating_mul(3652);
/// Short, because it renews itself.
const SERVER_LIFE: Duration = DAY.saturating_mul(90);
/// Clocks of clients may be behind ours.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// The authority's key and name.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    name: String,
}

/// Whom a certificate is for.
pub(super) struct Subject {
    /// The common name.
    pub(super) name: &'static str,
    pub(super) names: Names,
    usage: ExtendedKeyUsagePurpose,
    life: Duration,
}

impl Subject {
    pub(super) fn server(name: &'static str, names: Names, life: Duration) -> Self {
        Self { name, names, usage: ExtendedKeyUsagePurpose::ServerAuth, life }
    }

    pub(super) fn client(name: &'static str, names: Names, life: Duration) -> Self {
        Self { name, names, usage: ExtendedKeyUsagePurpose::ClientAuth, life }
    }
}

/// A fresh certificate and its key, in PEM.
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: Zeroizing<String>,
}

/// The authority's files in the folder `tls`.
pub(super) struct AuthorityFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl AuthorityFiles {
    pub(super) fn in_folder(tls: &Path) -> Self {
        Self { certificate: tls.join("ca.crt"), key: tls.join("ca.key") }
    }
}

impl Authority {
    /// Opens the authority, or makes it on the first start. The key is written first: a first start that ends between
    /// the two files is finished by the next one, and until then no client has seen a certificate.
    pub(super) fn open_or_make(files: &AuthorityFiles, now: SystemTime) -> Result<Self, EmbeddedError> {
        let (has_key, has_certificate) = (files.key.exists(), files.certificate.exists());
        if has_certificate && !has_key {
            return Err(EmbeddedError::Missing {
                missing: files.key.clone(),
                beside: files.certificate.clone(),
                hint: "restore it, or remove the certificate to get a new authority, which clients must then copy",
            });
        }
        if !has_key {
            let key = Zeroizing::new(KeyPair::generate()?.serialize_pem());
            files::write(&files.key, key.as_bytes(), Readers::Owner)?;
        }
        let pem = files::read_secret(&files.key)?;
        let key = KeyPair::from_pem(&pem).map_err(|cause| EmbeddedError::Damaged {
            path: files.key.clone(),
            expected: "a private key in PEM",
            cause: cause.to_string(),
        })?;
        let (params, name) = params(&key, now);
        if !has_certificate {
            let certificate = params.self_signed(&key)?.pem();
            files::write(&files.certificate, certificate.as_bytes(), Readers::Everyone)?;
        }
        Ok(Self { issuer: Issuer::new(params, key), name })
    }

    /// The common name: it holds a digest of the key, so two authorities never share one.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Issues a server certificate with a fresh key.
    pub(super) fn issue(&self, names: &Names, now: SystemTime) -> Result<Issued, EmbeddedError> {
        self.issue_as(&Subject::server("notary-server", names.clone(), SERVER_LIFE), now)
    }

    /// Issues a certificate with a fresh key.
    pub(super) fn issue_as(&self, subject: &Subject, now: SystemTime) -> Result<Issued, EmbeddedError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = subject.names.alternatives()?;
        params.distinguished_name = common_name(subject.name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![subject.usage.clone()];
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(1970, 1, 1) + since_epoch(now).saturating_sub(CLOCK_SKEW);
        params.not_after = date_time_ymd(1970, 1, 1) + since_epoch(now) + subject.life;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { certificate, key: Zeroizing::new(key.serialize_pem()) })
    }
}

fn params(key: &KeyPair, now: SystemTime) -> (CertificateParams, String) {
    let digest = digest::digest(&digest::SHA256, &key.subject_public_key_info());
    let short: String = hex::encode(digest).chars().take(12).collect();
    let name = format!("notary-server authority {short}");
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(&name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(1970, 1, 1) + since_epoch(now).saturating_sub(CLOCK_SKEW);
    params.not_after = date_time_ymd(1970, 1, 1) + since_epoch(now) + AUTHORITY_LIFE;
    (params, name)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn since_epoch(now: SystemTime) -> Duration {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
