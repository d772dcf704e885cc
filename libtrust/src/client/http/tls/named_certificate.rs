//! A server's own certificate among those that are believed. One that `openssl req -x509` makes calls itself an authority,
//! and webpki takes no authority for a server; Docker does, if exactly this certificate was put into its folder.

use std::time::Duration;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Whether the server shows one of these certificates: for its name, and valid now. `None` if it shows another one, which
/// is to be judged by its issuer. That the server has its key is for the handshake to show, as ever.
pub(super) fn verify(
    named: &[CertificateDer<'static>],
    shown: &CertificateDer<'_>,
    server: &ServerName<'_>,
    now: UnixTime,
) -> Option<Result<(), Error>> {
    named.iter().any(|named| named.as_ref() == shown.as_ref()).then(|| judge(shown, server, now))
}

fn judge(shown: &CertificateDer<'_>, server: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
    verify_server_name(&ParsedCertificate::try_from(shown)?, server)?;
    let certificate = Certificate::from_der(shown).map_err(|_| CertificateError::BadEncoding)?;
    let validity = certificate.tbs_certificate().validity();
    let now = Duration::from_secs(now.as_secs());
    if now < validity.not_before.to_unix_duration() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.to_unix_duration() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}
