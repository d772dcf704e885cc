//! Asks a service of this machine whether it is healthy: what `healthcheck` does in a container, where nothing else can.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::TlsFiles;
use crate::listen::ListenAddress;

/// For the whole question.
const LIMIT: Duration = Duration::from_secs(5);
/// Health answers are short.
const ANSWER_BYTES: u64 = 64 << 10;

/// Why a service does not count as healthy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Nobody listens, or the connection broke.
    #[error("{address}: does not answer: {cause}")]
    Away {
        /// Where it should listen.
        address: ListenAddress,
        /// The system's words.
        cause: std::io::Error,
    },
    /// No answer within five seconds.
    #[error("{address}: no answer within {} seconds", LIMIT.as_secs())]
    Slow {
        /// Where it should listen.
        address: ListenAddress,
    },
    /// It answers, and not with 200.
    #[error("{address}: {answer}")]
    Unhealthy {
        /// Where it listens.
        address: ListenAddress,
        /// The status line and what follows the header.
        answer: String,
    },
}

/// Asks the service that listens on `address` for `path`, over TLS if `tls` names its files. The answer's body if it is
/// healthy; `None` if the service listens but serves only clients with a certificate that this machine has none of.
///
/// Whose certificate it shows is not looked at: it is this machine's own listener, nothing secret is sent, and during a
/// reload it need not be the one in the file.
///
/// # Errors
/// When it is not healthy, or cannot be asked.
pub async fn ask(address: &ListenAddress, tls: Option<&TlsFiles>, path: &str) -> Result<Option<String>, ProbeError> {
    let away = |cause| ProbeError::Away { address: address.clone(), cause };
    let asked = timeout(LIMIT, async {
        let stream = TcpStream::connect(target(address).await?).await?;
        match tls {
            None => exchange(stream, path).await.map(Some),
            Some(files) => ask_over_tls(stream, files, path).await,
        }
    });
    let answer = asked.await.map_err(|_| ProbeError::Slow { address: address.clone() })?.map_err(away)?;
    let Some(answer) = answer else { return Ok(None) };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        return Ok(Some(body.to_owned()));
    }
    Err(ProbeError::Unhealthy { address: address.clone(), answer: format!("{status} {body}") })
}

/// Where a listener on every address is reached from its own machine.
async fn target(address: &ListenAddress) -> std::io::Result<SocketAddr> {
    let Some(host) = address.host() else { return Ok((Ipv4Addr::LOCALHOST, address.port()).into()) };
    let mut found = lookup_host((host, address.port())).await?;
    let first = found.next().ok_or_else(|| std::io::Error::other("the host has no address"))?;
    let local: IpAddr = if first.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    Ok(if first.ip().is_unspecified() { (local, first.port()).into() } else { first })
}

async fn ask_over_tls(stream: TcpStream, files: &TlsFiles, path: &str) -> std::io::Result<Option<String>> {
    let config = client(files).map_err(std::io::Error::other)?;
    let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
    let asked = async { exchange(TlsConnector::from(Arc::new(config)).connect(name, stream).await?, path).await };
    match asked.await {
        // With TLS 1.3 the refusal comes when the answer is read.
        Err(error) if files.client_ca.is_some() && is_refusal(&error) => Ok(None),
        other => other.map(Some),
    }
}

/// An alert is an answer: somebody speaks TLS there.
fn is_refusal(error: &std::io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::AlertReceived(_)))
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> std::io::Result<String> {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: healthcheck\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    match stream.take(ANSWER_BYTES).read_to_end(&mut answer).await {
        // Not every end of a TLS connection is announced.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof || answer.is_empty() => Err(error),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

/// Shows the service's own certificate to a service that wants one: it may be good for both.
fn client(files: &TlsFiles) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)));
    if files.client_ca.is_none() {
        return Ok(builder.with_no_client_auth());
    }
    let chain = CertificateDer::pem_file_iter(&files.certificate)?.collect::<Result<Vec<_>, _>>()?;
    Ok(builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&files.key)?)?)
}

/// Takes any certificate whose key the other end holds.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
