//! 200 connections read and follow the chain of hashes while 8 publish: nothing may fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::task::JoinSet;

use super::{Plan, Stage, TEN_TAGS, progress};
use crate::client::Connection;
use crate::collection::{checksum, named_checksum};
use crate::peers::Slot;
use crate::publish::Publishers;
use crate::report::{Bar, Cell, Report, Row, Unit};
use crate::stats::Sample;

const READERS: usize = 200;

pub async fn measure(plan: &Plan, stage: &mut Stage, report: &mut Report) -> Result<()> {
    let mut row = Row::new(format!("{READERS} connections read while 8 publish"), Unit::Errors);
    if let Some(slot) = &mut stage.ours {
        progress("parallel reads and publishes");
        row.ours = Some(mix(plan, slot).await?);
    }
    progress("parallel reads and publishes on Go's server");
    row.go = Some(match mix(plan, &mut stage.go).await {
        Ok(cell) => cell,
        Err(failure) => Cell::failed(stage.go.epitaph().unwrap_or_else(|| format!("{failure:#}"))),
    });
    let errors = row.ours.as_ref().and_then(|cell| cell.value);
    row.bars.extend(Bar::at_most("errors", errors, 0.0));
    report.rows.push(row);
    Ok(())
}

async fn mix(plan: &Plan, slot: &mut Slot) -> Result<Cell> {
    let site = slot.site().await?;
    let mut publishers = Publishers::prepare(&site, "bench/mixed", TEN_TAGS, plan.time()).await?;
    let paths = Arc::new(publishers.paths());
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for number in 0..READERS {
        let connection = Connection::open(&site).await?;
        readers.spawn(Reader { connection, latencies: Vec::new() }.read(number, Arc::clone(&paths), Arc::clone(&stop)));
    }
    let begun = Instant::now();
    let published = publishers.run(plan.time()).await;
    stop.store(true, Ordering::Relaxed);
    let mut errors = u32::from(published.is_err());
    let mut failures: Vec<String> =
        published.as_ref().err().map(|failure| format!("{failure:#}")).into_iter().collect();
    let mut latencies = Vec::new();
    while let Some(done) = readers.join_next().await {
        let (reader, failure) = done?;
        latencies.extend(reader.latencies);
        errors += u32::from(failure.is_some());
        failures.extend(failure);
    }
    let reads = Sample::of(latencies, begun.elapsed());
    let first = slot.epitaph().or_else(|| failures.into_iter().next()).unwrap_or_default();
    let publishes = published.map_or(0.0, |(sample, _)| sample.rate);
    let mut note =
        format!("{:.1} s, {:.0} reads/s, {publishes:.0} publishes/s", begun.elapsed().as_secs_f64(), reads.rate);
    if !first.is_empty() {
        note = format!("{note}: {first}");
    }
    Ok(Cell { value: Some(f64::from(errors)), latency: Some((reads.p50_ms, reads.p99_ms)), note })
}

/// One reading connection. It ends at its first failure.
struct Reader {
    connection: Connection,
    latencies: Vec<Duration>,
}

impl Reader {
    async fn read(mut self, number: usize, paths: Arc<Vec<String>>, stop: Arc<AtomicBool>) -> (Self, Option<String>) {
        let turns = paths.iter().cycle().skip(number % paths.len().max(1));
        for path in turns {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            if let Err(failure) = self.follow(path).await {
                return (self, Some(format!("{failure:#}")));
            }
        }
        (self, None)
    }

    /// What a client reads: the timestamp, the snapshot it names, the targets that names.
    async fn follow(&mut self, path: &str) -> Result<()> {
        let timestamp = self.get(format!("{path}timestamp.json")).await?;
        let snapshot = self.named(path, "snapshot", &timestamp).await?;
        self.named(path, "targets", &snapshot).await?;
        Ok(())
    }

    async fn named(&mut self, path: &str, role: &str, by: &[u8]) -> Result<Vec<u8>> {
        let sum = named_checksum(by, role)?;
        let bytes = self.get(format!("{path}{role}.{sum}.json")).await?;
        ensure!(checksum(&bytes) == sum, "{path}{role}.{sum}.json has another checksum");
        Ok(bytes)
    }

    async fn get(&mut self, path: String) -> Result<Vec<u8>> {
        let begun = Instant::now();
        let answer = tokio::time::timeout(Duration::from_secs(30), self.connection.get(&path)).await;
        let Ok(bytes) = answer else { bail!("GET {path}: no answer in 30 s") };
        let bytes = bytes?;
        self.latencies.push(begun.elapsed());
        Ok(bytes.to_vec())
    }
}
