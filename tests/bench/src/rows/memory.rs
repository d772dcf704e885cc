//! Resident memory: idle, after the loads before, and after reading very many different files.

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::{Plan, Stage, progress};
use crate::client::{Connection, Site};
use crate::collection::{Collection, Shape, SnapshotHolder, UPLOAD, checksum, upload};
use crate::peers::Slot;
use crate::process::Process;
use crate::publish::LANES;
use crate::report::{Bar, Cell, Report, Row, Unit};

/// Many files in each update: targets, 20 delegations and the snapshot.
const WIDE: Shape = Shape { tags: 1, snapshot: SnapshotHolder::Client, delegations: 20 };

/// Connections that read from our server. Go's crashes when two read what it has not cached, so it gets one.
const READERS: usize = 32;

/// Resident memory of ours (if it runs) and of Go's, now.
pub struct Resident {
    ours: Option<Cell>,
    go: Cell,
}

pub async fn resident(stage: &mut Stage) -> Result<Resident> {
    let ours = match &mut stage.ours {
        Some(slot) => Some(cell(&slot.server().await?.process)?),
        None => None,
    };
    Ok(Resident { ours, go: cell(&stage.go.server().await?.process)? })
}

fn cell(process: &Process) -> Result<Cell> {
    let (now, highest) = process.resident_mib()?;
    Ok(Cell::value(now).note(format!("peak {highest:.0}")))
}

pub async fn measure(plan: &Plan, stage: &mut Stage, idle: Resident, report: &mut Report) -> Result<()> {
    let mut row = row("memory, idle", idle);
    let ours = row.ours.as_ref().and_then(|cell| cell.value);
    row.bars.extend(Bar::at_most("MiB", ours, 40.0));
    report.rows.push(row);
    let loaded = resident(stage).await?;
    report.rows.push(self::row("memory, after the loads above", loaded));

    let (ours, go) = plan.files;
    if let Some(slot) = &mut stage.ours {
        progress(&format!("reading {ours} different files"));
        read_many(slot, ours, READERS).await?;
    }
    progress(&format!("reading {go} different files from Go's server"));
    let crash = read_many(&mut stage.go, go, 1).await.err();
    let mut read = resident(stage).await?;
    read.go.note = match crash {
        Some(failure) => format!("{failure:#}"),
        None => format!("{go} files, {}", read.go.note),
    };
    report.rows.push(self::row(&format!("memory, after reading {ours} different files"), read));
    Ok(())
}

fn row(work: &str, resident: Resident) -> Row {
    Row { ours: resident.ours, go: Some(resident.go), ..Row::new(work, Unit::Mebibytes) }
}

/// Publishes `count` files, then reads each once by its checksum.
async fn read_many(slot: &mut Slot, count: usize, readers: usize) -> Result<()> {
    let site = slot.site().await?;
    let paths = load(&site, count).await.context("load files")?;
    let share = paths.len().div_ceil(readers).max(1);
    let mut tasks = JoinSet::new();
    for part in paths.chunks(share) {
        let (site, part) = (site.clone(), part.to_vec());
        tasks.spawn(async move {
            let mut connection = Connection::open(&site).await?;
            for path in part {
                connection.get(&path).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

async fn load(site: &Site, count: usize) -> Result<Vec<String>> {
    let mut tasks = JoinSet::new();
    for lane in 0..LANES {
        let site = site.clone();
        let mut connection = Connection::open(&site).await?;
        let mut collection = Collection::open(&mut connection, &format!("bench/files/{lane}"), WIDE).await?;
        tasks.spawn(async move {
            let mut paths = Vec::new();
            while paths.len() < count.div_ceil(LANES) {
                let files = collection.next_files();
                connection.post(&collection.path(), UPLOAD, upload(&files)).await?;
                let path = |(role, bytes)| format!("{}{role}.{}.json", collection.path(), checksum(bytes));
                paths.extend(files.iter().map(|(role, bytes)| path((role, bytes))));
            }
            anyhow::Ok(paths)
        });
    }
    let mut paths = Vec::new();
    while let Some(done) = tasks.join_next().await {
        paths.extend(done??);
    }
    paths.truncate(count);
    Ok(paths)
}
