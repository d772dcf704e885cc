//! Publishers and readers that go on while servers, signers and databases fail, and what they know afterwards.
//!
//! A publisher sends each version until it is acknowledged, to one server after the other. A reader follows each
//! collection's links through all servers. Both accept "try again" (a broken connection, status 503) and nothing else:
//! any other answer, a collection that does not hang together, or one older than what was acknowledged a while ago, ends the load
//! with an error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::StatusCode;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::signing::{Collection, Part, SnapshotHolder};
use crate::wire::Wire;

/// From one try to the next.
const AGAIN: Duration = Duration::from_millis(20);

/// A running load.
pub struct Load {
    wires: Arc<[Wire]>,
    publishers: Arc<[Publisher]>,
    busy: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Result<()>>>,
}

/// One collection and what its publisher knows about it.
struct Publisher {
    collection: Collection,
    /// Newest version a server said yes to.
    acknowledged: AtomicU64,
    /// Newest version a server was asked to take.
    tried: AtomicU64,
    /// The targets file of each acknowledged version.
    files: Mutex<BTreeMap<u64, Vec<u8>>>,
    /// How often it was told to try again.
    refusals: AtomicU64,
}

/// How many of what there was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Acknowledged versions, each found again on every server.
    pub acknowledged: u64,
    /// Times a publisher was told to try again.
    pub refusals: u64,
}

impl Load {
    /// Creates `count` collections on the servers and starts to publish to and read from each of them.
    ///
    /// What was acknowledged must be read from every server `stale` later.
    pub async fn start(wires: Vec<Wire>, count: usize, stale: Duration) -> Result<Self> {
        let wires: Arc<[Wire]> = wires.into();
        let mut publishers = Vec::new();
        for index in 0..count {
            let holder = if index % 2 == 0 { SnapshotHolder::Client } else { SnapshotHolder::Server };
            let gun = format!("example.com/load/{index}");
            let wire = wires.get(index % wires.len()).context("no server")?;
            publishers.push(Publisher {
                collection: wire.create(&gun, holder).await?,
                acknowledged: AtomicU64::new(1),
                tried: AtomicU64::new(1),
                files: Mutex::default(),
                refusals: AtomicU64::new(0),
            });
        }
        let publishers: Arc<[Publisher]> = publishers.into();
        let busy = Arc::new(AtomicBool::new(true));
        let mut tasks = Vec::new();
        for index in 0..count {
            let (all, to, go_on) = (publishers.clone(), wires.clone(), busy.clone());
            tasks.push(tokio::spawn(async move { all[index].publish_while(&go_on, &to, index).await }));
            let (all, from, go_on) = (publishers.clone(), wires.clone(), busy.clone());
            tasks.push(tokio::spawn(async move { all[index].read_while(&go_on, &from, index, stale).await }));
        }
        Ok(Self { wires, publishers, busy, tasks })
    }

    /// Waits until every publisher was acknowledged a version it began after this call; how long that took.
    pub async fn goes_on(&self, limit: Duration) -> Result<Duration> {
        let start = Instant::now();
        for publisher in self.publishers.iter() {
            let now = publisher.tried.load(Ordering::SeqCst);
            while publisher.acknowledged.load(Ordering::SeqCst) <= now {
                ensure!(!self.tasks.iter().any(JoinHandle::is_finished), "a publisher or reader has given up");
                ensure!(start.elapsed() < limit, "{} is not published to", publisher.collection.gun);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(start.elapsed())
    }

    /// Whether somebody has given up; [`Load::finish`] says why.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.tasks.iter().any(JoinHandle::is_finished)
    }

    /// Ends the load. Then, on every server: each collection hangs together, all are the same, none is older than what was
    /// acknowledged, and every acknowledged file is there byte for byte.
    pub async fn finish(self) -> Result<Tally> {
        self.busy.store(false, Ordering::SeqCst);
        for task in self.tasks {
            task.await??;
        }
        let mut tally = Tally::default();
        for publisher in self.publishers.iter() {
            let gun = &publisher.collection.gun;
            let range = publisher.acknowledged.load(Ordering::SeqCst)..=publisher.tried.load(Ordering::SeqCst);
            let mut seen = Vec::new();
            for wire in self.wires.iter() {
                let current = wire.current(gun).await.with_context(|| format!("{gun} is torn"))?;
                ensure!(range.contains(&current.targets), "{gun}: {current:?}, acknowledged and tried: {range:?}");
                seen.push((current.timestamp, current.snapshot, current.targets));
                for (version, bytes) in &*publisher.files.lock().await {
                    let file = wire.file(gun, &format!("{version}.targets.json")).await?;
                    ensure!(
                        file.as_ref() == Some(bytes),
                        "{gun}: version {version} was acknowledged and is not served"
                    );
                }
            }
            ensure!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{gun} differs between servers: {seen:?}");
            tally.acknowledged += publisher.files.lock().await.len() as u64;
            tally.refusals += publisher.refusals.load(Ordering::SeqCst);
        }
        Ok(tally)
    }
}

impl Publisher {
    async fn publish_while(&self, busy: &AtomicBool, wires: &[Wire], first: usize) -> Result<()> {
        let mut turn = first;
        while busy.load(Ordering::SeqCst) {
            let version = self.tried.load(Ordering::SeqCst) + 1;
            let parts = self.collection.upload(version)?;
            self.tried.store(version, Ordering::SeqCst);
            let (mut is_stored, mut may_be_stored) = (false, false);
            while !is_stored && busy.load(Ordering::SeqCst) {
                match wires[turn % wires.len()].publish(&self.collection.gun, &parts).await {
                    Ok((StatusCode::OK, _)) => is_stored = true,
                    // A try nobody answered had worked.
                    Ok((StatusCode::BAD_REQUEST, body)) if may_be_stored && body.contains("\"VERSION\"") => {
                        is_stored = true
                    }
                    Ok((StatusCode::SERVICE_UNAVAILABLE, _)) | Err(_) => {
                        may_be_stored = true;
                        self.refusals.fetch_add(1, Ordering::SeqCst);
                        turn += 1;
                        tokio::time::sleep(AGAIN).await;
                    }
                    Ok((status, body)) => bail!("version {version} of {}: {status} {body}", self.collection.gun),
                }
            }
            if is_stored {
                self.files.lock().await.insert(version, targets_of(parts)?);
                self.acknowledged.store(version, Ordering::SeqCst);
            }
        }
        Ok(())
    }

    async fn read_while(&self, busy: &AtomicBool, wires: &[Wire], first: usize, stale: Duration) -> Result<()> {
        let gun = &self.collection.gun;
        let mut newest = vec![0; wires.len()];
        let mut turn = first;
        while busy.load(Ordering::SeqCst) {
            let acknowledged = self.acknowledged.load(Ordering::SeqCst);
            tokio::time::sleep(stale).await;
            turn += 1;
            let server = turn % wires.len();
            match wires[server].current(gun).await {
                Ok(current) => {
                    ensure!(
                        current.targets >= acknowledged,
                        "{gun}: server {server} serves {current:?}, {acknowledged} was acknowledged {stale:?} ago"
                    );
                    ensure!(
                        current.timestamp >= newest[server],
                        "{gun}: server {server} went back to {current:?} from timestamp {}",
                        newest[server]
                    );
                    newest[server] = current.timestamp;
                }
                Err(error) if is_to_try_again(&error) => {}
                Err(error) => return Err(error).with_context(|| format!("{gun}: read through server {server}")),
            }
        }
        Ok(())
    }
}

fn is_to_try_again(error: &anyhow::Error) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some() || error.to_string().contains("503 Service Unavailable")
}

fn targets_of(parts: Vec<Part>) -> Result<Vec<u8>> {
    Ok(parts.into_iter().find(|(role, _)| role == "targets").context("targets")?.1)
}
