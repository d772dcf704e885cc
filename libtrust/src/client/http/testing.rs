//! A small HTTP server in this process that does whatever a test wants, wrong things above all.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

type Handler = dyn Fn(&Seen, &mut dyn Write) -> io::Result<()> + Send + Sync;

/// The server; its threads end with the test process.
pub(crate) struct TestServer {
    pub port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl TestServer {
    /// Starts it. The handler writes whole answers, head included; an error from it cuts the connection.
    pub fn start(handler: impl Fn(&Seen, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::launch(None, handler)
    }

    pub fn start_tls(
        config: ServerConfig,
        handler: impl Fn(&Seen, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::launch(Some(Arc::new(config)), handler)
    }

    fn launch(
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Seen, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let server = Self { port, seen: Arc::clone(&seen), connections: Arc::clone(&connections) };
        let handler: Arc<Handler> = Arc::new(handler);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let (seen, handler, tls) = (Arc::clone(&seen), Arc::clone(&handler), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, &seen, &*handler),
                    Some(config) => {
                        serve(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), &seen, &*handler)
                    }
                });
            }
        });
        server
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(stream: impl Read + Write, seen: &Mutex<Vec<Seen>>, handler: &Handler) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = read(&mut stream) {
        seen.lock().unwrap().push(request.clone());
        let ended = handler(&request, stream.get_mut()).and_then(|()| stream.get_mut().flush());
        if ended.is_err() {
            return;
        }
    }
}

fn read(stream: &mut BufReader<impl Read>) -> io::Result<Option<Seen>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let mut next = || words.next().unwrap_or_default().to_owned();
    let mut request = Seen { method: next(), target: next(), ..Seen::default() };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request.headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    stream.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// A whole answer: status line, further header lines, body.
pub(crate) fn answer(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        text = format!("{text}{header}\r\n");
    }
    [text.as_bytes(), b"\r\n", body].concat()
}
