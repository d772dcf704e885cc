//! Why a server gave no answer.

use std::error::Error;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) enum Failure {
    /// No connection, or it broke, or it took too long.
    Unreachable(String),
    /// No trusted connection.
    Tls {
        cause: String,
        /// The other side does not speak TLS at all.
        is_plain: bool,
    },
    /// More than the limit.
    TooLarge,
}

impl Failure {
    /// What an error of the HTTP library means.
    pub(in crate::client) fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(tls) = chain(&error).find_map(|error| error.downcast_ref::<rustls::Error>()) {
            let is_plain = matches!(tls, rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType));
            return Self::Tls { cause: explain(tls), is_plain };
        }
        if error.is_connect() && ends_the_handshake(&error) {
            let cause = "it ended the connection where TLS begins; perhaps it speaks none".to_owned();
            return Self::Tls { cause, is_plain: true };
        }
        let cause = causes(&error);
        Self::Unreachable(if error.is_timeout() { format!("it took too long: {cause}") } else { cause })
    }
}

/// An error and all below it. What an I/O error carries is not its source, so it is looked into.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let below = |error: &&'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(carried) => Some(carried),
            None => error.source(),
        }
    };
    std::iter::successors(Some(error), below)
}

/// A connection that stood and was closed before TLS did.
fn ends_the_handshake(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::{ConnectionReset, UnexpectedEof};
    chain(error)
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| matches!(error.kind(), ConnectionReset | UnexpectedEof))
}

fn explain(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError, Error as Tls, InvalidMessage};
    let hint = match error {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no authority that is trusted here has issued its certificate; name its authority's certificate, if you know it to be right"
        }
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name",
        Tls::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "its certificate has expired, or this machine's clock is wrong"
        }
        Tls::AlertReceived(AlertDescription::CertificateRequired) => "it wants a client certificate",
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => "it does not speak TLS",
        _ => return error.to_string(),
    };
    format!("{hint} ({error})")
}

/// An error and what is below it, each once.
pub(in crate::client) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}
