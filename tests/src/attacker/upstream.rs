//! The real server, as the attacker asks it.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::exchange::{Answer, Request, head, is_of_the_connection};
use crate::trust_server::TrustServer;

/// Where the real server is, and how it proves itself.
pub(super) struct Upstream {
    host: String,
    tls: Arc<ClientConfig>,
}

impl Upstream {
    pub fn new(server: &TrustServer) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(server.ca())?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Self { host: server.host(), tls: Arc::new(tls.with_root_certificates(roots).with_no_client_auth()) })
    }

    /// The server's answer for a file.
    pub fn get(&self, gun: &str, file: &str) -> Result<Answer> {
        let path = format!("/v2/{gun}/_trust/tuf/{file}");
        self.ask(&Request { method: "GET".to_owned(), path, headers: vec![], body: vec![] })
    }

    /// The server's answer to a request. HTTP/1.0, so that it comes whole and the connection ends with it.
    pub fn ask(&self, request: &Request) -> Result<Answer> {
        let stream = TcpStream::connect(&self.host)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let name = ServerName::try_from(self.host.split(':').next().context("a host")?.to_owned())?;
        let connection = ClientConnection::new(Arc::clone(&self.tls), name)?;
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));

        let mut text = format!("{} {} HTTP/1.0\r\nHost: {}\r\n", request.method, request.path, self.host);
        for (name, value) in request.headers.iter().filter(|(name, _)| !is_of_the_connection(name)) {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n", request.body.len());
        stream.get_mut().write_all(text.as_bytes())?;
        stream.get_mut().write_all(&request.body)?;
        stream.get_mut().flush()?;

        let (first, headers) = head(&mut stream)?;
        let status = first.split(' ').nth(1).context("a status")?.parse()?;
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let mut body = Vec::new();
        match length {
            Some((_, length)) => _ = stream.take(length.parse()?).read_to_end(&mut body)?,
            None => _ = stream.read_to_end(&mut body)?,
        }
        let headers = headers.into_iter().filter(|(name, _)| !is_of_the_connection(name)).collect();
        Ok(Answer { status, headers, body })
    }
}
