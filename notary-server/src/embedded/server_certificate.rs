//! The server's own certificate: issued by our authority, renewed before it ends or when its names change.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::authority::{Authority, Issued, Subject};
use super::error::EmbeddedError;
use super::files::{self, Readers};
use super::names::Names;

/// The server certificate's files in the folder `tls`.
#[derive(Debug, Clone)]
pub(super) struct ServerFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// What was done about the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    /// It serves on.
    Kept,
    /// A new one is in place.
    Issued,
}

impl ServerFiles {
    pub(super) fn in_folder(tls: &Path) -> Self {
        Self::named(tls, "server")
    }

    pub(super) fn named(folder: &Path, name: &str) -> Self {
        Self { certificate: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) }
    }

    /// Issues a certificate unless the one in place will do: same authority, same names, matching key, and more than a
    /// third of its life left. A certificate is worth nothing without its authority, so a damaged or half-written one
    /// is replaced; only a key open to others is refused.
    pub(super) fn ensure(
        &self,
        authority: &Authority,
        names: &Names,
        now: SystemTime,
    ) -> Result<Renewal, EmbeddedError> {
        self.ensure_with(authority, names, now, || authority.issue(names, now))
    }

    /// As [`ServerFiles::ensure`], for a certificate of another kind.
    pub(super) fn ensure_as(
        &self,
        authority: &Authority,
        subject: &Subject,
        now: SystemTime,
    ) -> Result<Renewal, EmbeddedError> {
        self.ensure_with(authority, &subject.names, now, || authority.issue_as(subject, now))
    }

    fn ensure_with(
        &self,
        authority: &Authority,
        names: &Names,
        now: SystemTime,
        issue: impl FnOnce() -> Result<Issued, EmbeddedError>,
    ) -> Result<Renewal, EmbeddedError> {
        if self.key.exists() {
            let key = files::read_secret(&self.key)?;
            let certificate = std::fs::read(&self.certificate).unwrap_or_default();
            if serves_on(&certificate, &key, authority, names, now).unwrap_or(false) {
                return Ok(Renewal::Kept);
            }
        }
        let issued = issue()?;
        files::write(&self.key, issued.key.as_bytes(), Readers::Owner)?;
        files::write(&self.certificate, issued.certificate.as_bytes(), Readers::Everyone)?;
        Ok(Renewal::Issued)
    }
}

/// `None` if the files cannot be understood.
fn serves_on(pem: &[u8], key: &str, authority: &Authority, names: &Names, now: SystemTime) -> Option<bool> {
    let certificate = Certificate::from_der(&CertificateDer::from_pem_slice(pem).ok()?).ok()?;
    let content = certificate.tbs_certificate();
    let is_pair =
        content.subject_public_key_info().to_der().ok()? == KeyPair::from_pem(key).ok()?.subject_public_key_info();
    let is_ours = content.issuer().to_string() == format!("CN={}", authority.name());
    let (_, alternatives) = content.get_extension::<SubjectAltName>().ok()??;
    Some(is_pair && is_ours && names_in(&alternatives) == *names && has_a_third_left(&certificate, now))
}

fn has_a_third_left(certificate: &Certificate, now: SystemTime) -> bool {
    let validity = certificate.tbs_certificate().validity();
    let begin = validity.not_before.to_unix_duration();
    let end = validity.not_after.to_unix_duration();
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    now >= begin && end.saturating_sub(now) > end.saturating_sub(begin) / 3
}

fn names_in(alternatives: &SubjectAltName) -> Names {
    let mut names = Names { dns: BTreeSet::new(), addresses: BTreeSet::new() };
    for name in &alternatives.0 {
        match name {
            GeneralName::DnsName(name) => {
                names.dns.insert(name.to_string());
            }
            GeneralName::IpAddress(bytes) => {
                let bytes = bytes.as_bytes();
                let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                if let Ok(address) = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)) {
                    names.addresses.insert(address);
                }
            }
            _ => {}
        }
    }
    names
}
