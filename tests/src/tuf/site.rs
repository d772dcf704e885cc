//! A web server for a repository in a folder: plain HTTP on a loopback port, as simple as a mirror can be.
//!
//! A file is looked for under the name that was asked, percent signs and all; if there is none, under the decoded one.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;

/// What is answered instead of a file.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This status and nothing more.
    Status(u16),
    /// These bytes.
    Bytes(Vec<u8>),
    /// The file that another name has.
    FileOf(String),
    /// Bytes without end, announced as such.
    Endless,
    /// The file, but only so many bytes of it before the connection closes; all of it was announced.
    Cut(usize),
    /// The file, one byte every so often.
    Slow(Duration),
    /// So many bytes of the file, and then nothing, for a minute.
    Stalls(usize),
}

/// A running web server. It ends with the story.
#[derive(Clone)]
pub struct Site {
    url: String,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    folder: PathBuf,
    instead: HashMap<String, Answer>,
    asked: Vec<String>,
}

impl Site {
    /// Serves a folder.
    pub fn start(folder: &Path) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Shared { folder: folder.to_owned(), instead: HashMap::new(), asked: Vec::new() };
        let site = Self { url, shared: Arc::new(Mutex::new(shared)) };
        let answering = site.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let site = answering.clone();
                // A client that goes away is none of our business.
                std::thread::spawn(move || site.serve(connection));
            }
        });
        Ok(site)
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on serves another folder.
    pub fn show(&self, folder: &Path) {
        self.shared().folder = folder.to_owned();
    }

    /// From now on answers this path (as asked, without the first slash) otherwise.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.shared().instead.insert(path.to_owned(), answer);
    }

    /// From now on answers honestly.
    pub fn repent(&self) {
        self.shared().instead.clear();
    }

    /// What was asked since this was asked last, without the first slash.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared().asked)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the requests of one connection.
    fn serve(&self, connection: TcpStream) -> std::io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection.try_clone()?);
        let mut writer = connection;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            while reader.read_line(&mut line)? > 2 {}
            let (file, answer) = {
                let mut shared = self.shared();
                shared.asked.push(path.clone());
                let answer = shared.instead.get(&path).cloned();
                let name = if let Some(Answer::FileOf(other)) = &answer { other } else { &path };
                (find(&shared.folder, name), answer)
            };
            respond(&mut writer, file, answer)?;
        }
    }
}

fn respond(writer: &mut TcpStream, file: Option<Vec<u8>>, answer: Option<Answer>) -> std::io::Result<()> {
    match (answer, file) {
        (Some(Answer::Status(status)), _) => head(writer, status, Some(0)),
        (Some(Answer::Bytes(bytes)), _) => {
            head(writer, 200, Some(bytes.len()))?;
            writer.write_all(&bytes)
        }
        (Some(Answer::Endless), _) => {
            head(writer, 200, None)?;
            loop {
                writer.write_all(&[b' '; 4096])?;
            }
        }
        (_, None) => head(writer, 404, Some(0)),
        (Some(Answer::Cut(bytes)), Some(file)) => {
            head(writer, 200, Some(file.len()))?;
            writer.write_all(file.get(..bytes).unwrap_or(&file))?;
            writer.shutdown(std::net::Shutdown::Both)
        }
        (Some(Answer::Slow(pause)), Some(file)) => {
            head(writer, 200, Some(file.len()))?;
            for byte in file {
                writer.write_all(&[byte])?;
                std::thread::sleep(pause);
            }
            Ok(())
        }
        (Some(Answer::Stalls(bytes)), Some(file)) => {
            head(writer, 200, Some(file.len()))?;
            writer.write_all(file.get(..bytes).unwrap_or(&file))?;
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        (Some(Answer::FileOf(_)) | None, Some(file)) => {
            head(writer, 200, Some(file.len()))?;
            writer.write_all(&file)
        }
    }
}

/// Without a length the body ends with the connection.
fn head(writer: &mut TcpStream, status: u16, length: Option<usize>) -> std::io::Result<()> {
    let length = length.map_or_else(|| "Connection: close".to_owned(), |length| format!("Content-Length: {length}"));
    writer.write_all(format!("HTTP/1.1 {status} Status\r\n{length}\r\n\r\n").as_bytes())
}

fn find(folder: &Path, name: &str) -> Option<Vec<u8>> {
    std::fs::read(folder.join(name)).or_else(|_| std::fs::read(folder.join(decoded(name)))).ok()
}

fn decoded(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let [first, after @ ..] = rest {
        let octet = match (first, after) {
            (b'%', [high, low, ..]) => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        bytes.push(octet.unwrap_or(*first));
        rest = after.get(if octet.is_some() { 2.. } else { 0.. }).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
