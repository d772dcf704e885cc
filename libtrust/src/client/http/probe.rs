//! Looking at a server itself, for people who ask why something does not work.

use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::header::DATE;

use super::{HttpTransport, MAX_KEY, Request};
use crate::client::transport::TransportError;
use crate::keys::certificate_end;

/// What a server shows before anything is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerProbe {
    /// The HTTP status of `/v2/`: 200, or 401 where credentials are wanted. Anything else is no trust server.
    pub status: u16,
    /// The server's time, if it says so.
    pub date: Option<DateTime<Utc>>,
    /// When its certificate ends; nothing without TLS.
    pub certificate_end: Option<DateTime<Utc>>,
}

impl HttpTransport {
    /// Connects and looks, without credentials.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn probe(&self) -> Result<ServerProbe, TransportError> {
        let url = self.address().join("/v2/").map_err(|error| self.rejected(0, error.to_string(), None))?;
        let answer = self.client.connections().send(&Request::new(Method::GET, url, MAX_KEY), None).await;
        let answer = answer.map_err(|failure| self.failed(failure, "/v2/", MAX_KEY))?;
        let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).map(|date| date.with_timezone(&Utc));
        let certificate_end = answer.certificate.as_deref().and_then(certificate_end);
        Ok(ServerProbe { status: answer.status, date, certificate_end })
    }
}
