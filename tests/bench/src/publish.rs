//! The load of publishing: updates of many collections signed beforehand, then sent and timed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::client::{Connection, Site};
use crate::collection::{Collection, Shape, UPLOAD, checksum, upload};
use crate::stats::Sample;

/// Parallel publishing connections.
pub const LANES: usize = 8;
/// Collections that a connection publishes in turn.
const COLLECTIONS: usize = 4;
/// Updates per connection that tell how many to sign for a run.
const CALIBRATION: usize = 12;
/// Signed bodies that one run may hold, in bytes.
const MEMORY: usize = 1 << 30;

/// A signed update, ready to send.
struct Update {
    path: String,
    body: Bytes,
    targets: String,
}

/// One connection and the collections it alone publishes.
struct Lane {
    connection: Connection,
    collections: Vec<Collection>,
    last: Option<(String, String)>,
}

impl Lane {
    fn sign(&mut self, count: usize) -> Vec<Update> {
        let mut updates = Vec::with_capacity(count);
        let turns = self.collections.len().max(1);
        for turn in 0..count {
            let Some(collection) = self.collections.get_mut(turn % turns) else { break };
            let files = collection.next_files();
            let targets = files.first().map(|(_, bytes)| checksum(bytes)).unwrap_or_default();
            updates.push(Update { path: collection.path(), body: upload(&files), targets });
        }
        updates
    }

    /// Sends until all is sent or one lane says stop; returns the latencies.
    async fn send(&mut self, updates: Vec<Update>, until: Instant, stop: &AtomicBool) -> Result<Vec<Duration>> {
        let mut latencies = Vec::with_capacity(updates.len());
        for update in updates {
            if stop.load(Ordering::Relaxed) || Instant::now() >= until {
                return Ok(latencies);
            }
            let begun = Instant::now();
            self.connection.post(&update.path, UPLOAD, update.body).await?;
            latencies.push(begun.elapsed());
            self.last = Some((update.path, update.targets));
        }
        stop.store(true, Ordering::Relaxed);
        Ok(latencies)
    }

    /// What was acknowledged last must be what is served.
    async fn check(&mut self) -> Result<()> {
        if let Some((path, expected)) = &self.last {
            let served = checksum(&self.connection.get(&format!("{path}targets.json")).await?);
            ensure!(served == *expected, "{path}targets.json is not what was published last");
        }
        Ok(())
    }
}

/// Publishers on their connections, calibrated to the server.
pub struct Publishers {
    lanes: Vec<Lane>,
    updates: Vec<Vec<Update>>,
}

impl Publishers {
    /// Opens the collections `prefix/LANE/N` and signs enough updates for `time`.
    pub async fn prepare(site: &Site, prefix: &str, shape: Shape, time: Duration) -> Result<Self> {
        let mut lanes = Vec::new();
        // One after the other: the Go server does not survive parallel requests for keys.
        for lane in 0..LANES {
            let mut connection = Connection::open(site).await?;
            let mut collections = Vec::new();
            for number in 0..COLLECTIONS {
                collections.push(Collection::open(&mut connection, &format!("{prefix}/{lane}/{number}"), shape).await?);
            }
            lanes.push(Lane { connection, collections, last: None });
        }
        let mut publishers = Self { lanes, updates: Vec::new() };
        publishers.sign(CALIBRATION).await?;
        let size = publishers.updates.iter().flatten().map(|update| update.body.len()).max().unwrap_or(1);
        let (calibration, _) = publishers.run(time).await?;
        let wanted = (calibration.rate * time.as_secs_f64() * 1.5) as usize / LANES + CALIBRATION;
        publishers.sign(wanted.min(MEMORY / size / LANES)).await?;
        Ok(publishers)
    }

    async fn sign(&mut self, count: usize) -> Result<()> {
        let mut tasks = Vec::new();
        for mut lane in self.lanes.drain(..) {
            tasks.push(tokio::task::spawn_blocking(move || {
                let updates = lane.sign(count);
                (lane, updates)
            }));
        }
        self.updates.clear();
        for task in tasks {
            let (lane, updates) = task.await?;
            self.lanes.push(lane);
            self.updates.push(updates);
        }
        Ok(())
    }

    /// Sends for `time`, or until one connection has sent all it has. Returns the sample and the time it took.
    pub async fn run(&mut self, time: Duration) -> Result<(Sample, Duration)> {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for (mut lane, updates) in self.lanes.drain(..).zip(self.updates.drain(..)) {
            let stop = Arc::clone(&stop);
            tasks.spawn(async move {
                let latencies = lane.send(updates, begun + time, &stop).await?;
                anyhow::Ok((lane, latencies))
            });
        }
        let mut latencies = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (lane, more) = done?.context("while publishing")?;
            self.lanes.push(lane);
            latencies.extend(more);
        }
        let elapsed = begun.elapsed();
        for lane in &mut self.lanes {
            lane.check().await?;
        }
        Ok((Sample::of(latencies, elapsed), elapsed))
    }

    /// The paths of all collections, each with a slash at its end.
    pub fn paths(&self) -> Vec<String> {
        self.lanes.iter().flat_map(|lane| &lane.collections).map(Collection::path).collect()
    }
}
