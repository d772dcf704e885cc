//! Somebody between clients and a trust server: sees every request, holds no key, and answers as they like.
//!
//! ```text
//! client ── HTTPS ──► attacker ── HTTPS ──► trust server
//! ```
//!
//! The attacker's certificate is good (or clients would not speak to it at all): whatever a client notices, it notices by
//! the metadata. Publications always reach the real server.

mod exchange;
mod state;
mod upstream;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use self::exchange::{Answer, Connection, Request};
pub use self::state::State;
use self::upstream::Upstream;
use crate::tls::Authority;
use crate::trust_server::TrustServer;

/// What the attacker does with reads.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
    /// Passes everything on.
    #[default]
    Honest,
    /// Shows this state and nothing else. To who has seen a newer one it is a rollback; to who has not, a freeze.
    Shows(State),
    /// Shows the files these roles had in that state, by whatever name they are asked for, and all others as they are
    /// now: mix and match.
    Mixes(State, Vec<String>),
    /// Answers for every collection with the files of this one.
    Replays(String),
    /// Gives the file of the second role for the first, by whatever name it is asked for.
    Swaps(String, String),
    /// Sends bytes of this role's file for as long as somebody takes them.
    Endless(String),
    /// Breaks the connection after that many bytes of this role's file.
    Cuts(String, usize),
    /// Answers whatever is asked of a collection with this status, publications too.
    Status(u16),
    /// Answers publications with this status and passes everything else on.
    RefusesPublications(u16),
    /// Takes every request and never answers.
    Silent,
}

/// A running attacker. It ends with the story.
pub struct Attacker {
    port: u16,
    ca: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Upstream,
    behaviour: Mutex<Behaviour>,
    seen: Mutex<Vec<String>>,
}

impl Attacker {
    /// Stands before a server; keeps its own certificates in `FOLDER/attacker`.
    pub fn before(server: &TrustServer, folder: &Path) -> Result<Self> {
        let own = folder.join("attacker");
        std::fs::create_dir_all(&own)?;
        let authority = Authority::new(&own)?;
        authority.issue("attacker")?;
        let tls = exchange::tls(&own.join("attacker.crt"), &own.join("attacker.key"))?;
        let listener = TcpListener::bind("127.0.0.1:0").context("no free loopback port")?;
        let port = listener.local_addr()?.port();
        let shared =
            Arc::new(Shared { upstream: Upstream::new(server)?, behaviour: Mutex::default(), seen: Mutex::default() });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, tls) = (Arc::clone(&serving), Arc::clone(&tls));
                // A client that goes away is its own affair.
                std::thread::spawn(move || shared.serve(Connection::accept(stream, tls)?));
            }
        });
        Ok(Self { port, ca: authority.certificate(), shared })
    }

    /// The attacker as clients see it: a trust server, at an address with a good certificate.
    pub fn server(&self) -> TrustServer {
        TrustServer::elsewhere(self.port, self.ca.clone())
    }

    /// From now on, do this.
    pub fn behave(&self, behaviour: Behaviour) {
        *held(&self.shared.behaviour) = behaviour;
    }

    /// Everything the real server shows of a collection now.
    pub fn snapshot_state(&self, gun: &str) -> Result<State> {
        State::seen_at(&self.shared.upstream, gun)
    }

    /// Method and path of every request so far, since this was last asked.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *held(&self.shared.seen))
    }
}

impl Shared {
    fn serve(&self, mut connection: Connection) -> Result<()> {
        let request = connection.request()?;
        held(&self.seen).push(format!("{} {}", request.method, request.path));
        let behaviour = held(&self.behaviour).clone();
        match &behaviour {
            Behaviour::Status(status) if request.path.contains("/_trust/") => {
                return connection.answer(&Answer::of_status(*status));
            }
            Behaviour::RefusesPublications(status) if request.method == "POST" && request.path.ends_with("/tuf/") => {
                return connection.answer(&Answer::of_status(*status));
            }
            Behaviour::Silent => {
                std::thread::sleep(Duration::from_secs(600));
                return Ok(());
            }
            _ => {}
        }
        let Some((gun, file)) = request.file().filter(|_| request.method == "GET") else {
            return connection.answer(&self.upstream.ask(&request)?);
        };
        let role = state::role_of(file);
        match &behaviour {
            Behaviour::Shows(state) => connection.answer(&Answer::of_file(state.file(gun, file))),
            Behaviour::Mixes(state, roles) if roles.contains(&role) => {
                connection.answer(&Answer::of_file(state.file(gun, &format!("{role}.json"))))
            }
            Behaviour::Replays(other) => connection.answer(&self.current(other, file, &role)?),
            Behaviour::Swaps(replaced, by) if *replaced == role => {
                connection.answer(&self.upstream.get(gun, &format!("{by}.json"))?)
            }
            Behaviour::Endless(endless) if *endless == role => connection.answer_without_end(),
            Behaviour::Cuts(cut, after) if *cut == role => {
                connection.answer_in_part(&self.upstream.ask(&request)?, *after)
            }
            _ => connection.answer(&self.upstream.ask(&request)?),
        }
    }

    /// A file of another collection: the one of that exact name, else the current one of the role.
    fn current(&self, gun: &str, file: &str, role: &str) -> Result<Answer> {
        let exact = self.upstream.get(gun, file)?;
        if exact.status == 200 { Ok(exact) } else { self.upstream.get(gun, &format!("{role}.json")) }
    }
}

impl Request {
    /// The collection and the name of the file that is asked for.
    fn file(&self) -> Option<(&str, &str)> {
        let (gun, file) = self.path.strip_prefix("/v2/")?.split_once("/_trust/tuf/")?;
        file.ends_with(".json").then_some((gun, file))
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
