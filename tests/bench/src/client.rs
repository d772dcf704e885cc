//! One keep-alive connection: the smallest client there is, so that it never is what we measure.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where a server answers and whom it must prove to be.
#[derive(Clone)]
pub struct Site {
    pub port: u16,
    pub tls: Arc<ClientConfig>,
}

impl Site {
    pub fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }
}

/// A connection that stays open.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    pub async fn open(site: &Site) -> Result<Self> {
        let tcp = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, site.port))).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::from(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST));
        let tls = TlsConnector::from(Arc::clone(&site.tls)).connect(name, tcp).await?;
        let (sender, connection) = handshake(TokioIo::new(tls)).await?;
        // What breaks the connection is reported by the request it breaks.
        tokio::spawn(connection);
        Ok(Self { sender, host: format!("127.0.0.1:{}", site.port) })
    }

    /// Sends one request and reads the whole answer.
    pub async fn send(&mut self, method: Method, path: &str, kind: &str, body: Bytes) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.host);
        if !kind.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        self.sender.ready().await?;
        let response = self.sender.send_request(request.body(Full::new(body))?).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// The body of a GET that must succeed.
    pub async fn get(&mut self, path: &str) -> Result<Bytes> {
        let answer = self.send(Method::GET, path, "", Bytes::new()).await.with_context(|| format!("GET {path}"))?;
        require_ok(&answer, "GET", path)?;
        Ok(answer.1)
    }

    /// A POST that must succeed.
    pub async fn post(&mut self, path: &str, kind: &str, body: Bytes) -> Result<()> {
        let answer = self.send(Method::POST, path, kind, body).await.with_context(|| format!("POST {path}"))?;
        require_ok(&answer, "POST", path)
    }
}

fn require_ok((status, body): &(StatusCode, Bytes), method: &str, path: &str) -> Result<()> {
    ensure!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(body).trim());
    Ok(())
}
