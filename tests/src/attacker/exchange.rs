//! One request and its answer, over TLS or not: a connection each, HTTP/1.1 as far as trust clients speak it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// More than any client of a story sends.
const MAX_BODY: usize = 64 << 20;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer as it goes out.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// A bare status.
    pub fn of_status(status: u16) -> Self {
        Self { status, headers: vec![], body: vec![] }
    }

    /// A file, or that there is none.
    pub fn of_file(file: Option<&[u8]>) -> Self {
        match file {
            Some(bytes) => Self { status: 200, headers: vec![], body: bytes.to_vec() },
            None => Self::of_status(404),
        }
    }
}

/// The server's side of TLS, with this certificate.
pub(super) fn tls(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificates = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_no_client_auth().with_single_cert(certificates, PrivateKeyDer::from_pem_file(key)?)?))
}

/// A client's connection.
pub(super) struct Connection {
    stream: BufReader<StreamOwned<ServerConnection, TcpStream>>,
}

impl Connection {
    pub fn accept(stream: TcpStream, tls: Arc<ServerConfig>) -> Result<Self> {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream: BufReader::new(StreamOwned::new(ServerConnection::new(tls)?, stream)) })
    }

    /// Reads the one request of this connection.
    pub fn request(&mut self) -> Result<Request> {
        let (first, headers) = head(&mut self.stream)?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().context("a method")?, words.next().context("a path")?);
        if header(&headers, "expect").is_some() {
            self.stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = match header(&headers, "transfer-encoding") {
            Some(_) => chunks(&mut self.stream)?,
            None => exactly(&mut self.stream, header(&headers, "content-length").map_or(Ok(0), str::parse)?)?,
        };
        Ok(Request { method, path, headers, body })
    }

    /// Answers, and ends the connection.
    pub fn answer(mut self, answer: &Answer) -> Result<()> {
        self.head(answer, Some(answer.body.len()))?;
        let stream = self.stream.get_mut();
        stream.write_all(&answer.body)?;
        stream.conn.send_close_notify();
        stream.flush()?;
        Ok(())
    }

    /// Promises the whole answer and breaks off after `bytes` of it.
    pub fn answer_in_part(mut self, answer: &Answer, bytes: usize) -> Result<()> {
        self.head(answer, Some(answer.body.len()))?;
        let stream = self.stream.get_mut();
        stream.write_all(answer.body.get(..bytes).unwrap_or(&answer.body))?;
        stream.flush()?;
        stream.sock.shutdown(Shutdown::Both)?;
        Ok(())
    }

    /// Sends white space after the beginning of some JSON until the client has had enough.
    pub fn answer_without_end(mut self) -> Result<()> {
        self.head(&Answer::of_status(200), None)?;
        let stream = self.stream.get_mut();
        stream.write_all(b"{\"signed\":")?;
        let blanks = [b' '; 64 << 10];
        loop {
            stream.write_all(&blanks)?;
        }
    }

    fn head(&mut self, answer: &Answer, length: Option<usize>) -> Result<()> {
        let mut head = format!("HTTP/1.1 {} Answer\r\nConnection: close\r\n", answer.status);
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(length) = length {
            head += &format!("Content-Length: {length}\r\n");
        }
        head += "\r\n";
        Ok(self.stream.get_mut().write_all(head.as_bytes())?)
    }
}

/// Headers that belong to one connection, not to what is passed on.
pub(super) fn is_of_the_connection(name: &str) -> bool {
    ["connection", "content-length", "expect", "host", "keep-alive", "te", "transfer-encoding", "accept-encoding"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
}

/// The first line and the headers.
pub(super) fn head(from: &mut impl BufRead) -> Result<(String, Vec<(String, String)>)> {
    let first = line(from)?;
    let mut headers = Vec::new();
    loop {
        let line = line(from)?;
        if line.is_empty() {
            return Ok((first, headers));
        }
        let (name, value) = line.split_once(':').context("a header")?;
        headers.push((name.to_owned(), value.trim().to_owned()));
        ensure!(headers.len() < 100, "too many headers");
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn line(from: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if from.take(64 << 10).read_line(&mut line)? == 0 {
        bail!("the connection ended");
    }
    Ok(line.trim_end().to_owned())
}

fn exactly(from: &mut impl Read, bytes: usize) -> Result<Vec<u8>> {
    ensure!(bytes <= MAX_BODY, "{bytes} bytes are too many");
    let mut body = vec![0; bytes];
    from.read_exact(&mut body)?;
    Ok(body)
}

fn chunks(from: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(line(from)?.split(';').next().unwrap_or_default(), 16)?;
        body.extend(exactly(from, size)?);
        ensure!(body.len() <= MAX_BODY, "too many bytes");
        ensure!(line(from)?.is_empty(), "a chunk ends with its line");
        if size == 0 {
            return Ok(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        let mut text = &b"4\r\nWiki\r\n6;x=y\r\npedia \r\n0\r\n\r\nrest"[..];
        assert_eq!(chunks(&mut text).unwrap(), b"Wikipedia ");
        assert_eq!(text, b"rest");
    }

    #[test]
    fn a_head_ends_at_the_empty_line() {
        let mut text = &b"GET /v2/ HTTP/1.1\r\nHost: a:1\r\nX:y\r\n\r\nbody"[..];
        let (first, headers) = head(&mut text).unwrap();
        assert_eq!((first.as_str(), header(&headers, "HOST"), text), ("GET /v2/ HTTP/1.1", Some("a:1"), &b"body"[..]));
    }
}
