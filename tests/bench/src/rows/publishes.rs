//! Publishes on 8 connections, beside `pgbench` inserting the same rows.

use anyhow::{Context, Result};

use super::{Plan, READ_GUN, Stage, TEN_TAGS, progress};
use crate::client::Connection;
use crate::collection::{Collection, Shape, SnapshotHolder};
use crate::peers::{Rows, Slot};
use crate::publish::Publishers;
use crate::report::{Bar, Cell, Report, Row, Unit};
use crate::stats::Sample;

/// Times a load is put on the Go server again after it crashed under it.
const ATTEMPTS: u32 = 3;

pub const SERVER_SNAPSHOT: Shape = Shape { snapshot: SnapshotHolder::Server, ..TEN_TAGS };
const THOUSAND_TAGS: Shape = Shape { tags: 1000, ..SERVER_SNAPSHOT };

pub async fn measure(plan: &Plan, stage: &mut Stage, report: &mut Report) -> Result<()> {
    let limit = insert(plan, stage, "bench/rows").await?;
    durable(plan, stage, &limit, report).await?;
    for (name, shape) in [("client-signed", TEN_TAGS), ("server-held", SERVER_SNAPSHOT)] {
        let mut row = Row::new(format!("publish 10 tags, {name} snapshot, in memory"), Unit::PerSecond);
        pair(plan, &mut stage.ours_in_memory, &mut stage.go_in_memory, shape, &mut row).await?;
        row.bars.extend(Bar::at_least("times Go", row.to_go(), 3.0));
        report.rows.push(row);
    }
    for slot in stage.ours_in_memory.iter_mut().chain([&mut stage.go_in_memory]) {
        slot.stop();
    }
    Ok(())
}

async fn durable(plan: &Plan, stage: &mut Stage, limit: &Cell, report: &mut Report) -> Result<()> {
    let mut rate_of_ten = None;
    for (name, shape) in [
        ("10 tags, client-signed snapshot", TEN_TAGS),
        ("10 tags, server-held snapshot", SERVER_SNAPSHOT),
        ("1,000 tags, server-held snapshot", THOUSAND_TAGS),
    ] {
        let mut row = Row::new(format!("publish {name}"), Unit::PerSecond);
        pair(plan, &mut stage.ours, &mut stage.go, shape, &mut row).await?;
        let rate = |cell: &Option<Cell>| cell.as_ref().and_then(|cell| cell.value);
        let now = (rate(&row.ours), rate(&row.go));
        if shape.tags == THOUSAND_TAGS.tags {
            let (ours, go) = rate_of_ten.unwrap_or_default();
            row.bars.extend(Bar::at_most("times the cost of 10 tags", quotient(ours, now.0), 5.0));
            if let (Some(cell), Some(cost)) = (&mut row.go, quotient(go, now.1)) {
                cell.note = format!("{cost:.1} times the cost of 10 tags {}", cell.note).trim_end().to_owned();
            }
        } else {
            row.limit = Some(limit.clone());
            row.bars.extend(Bar::at_least("times Go", row.to_go(), 10.0));
            rate_of_ten = Some(now);
        }
        report.rows.push(row);
    }
    Ok(())
}

fn quotient(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    Some(left? / right?)
}

/// Measures ours and Go's in turn, round by round.
pub async fn pair(plan: &Plan, ours: &mut Option<Slot>, go: &mut Slot, shape: Shape, row: &mut Row) -> Result<()> {
    let (mut our_samples, mut go_samples) = (Vec::new(), Vec::new());
    let mut crash = None;
    let slug = row.work.replace([' ', ','], "-").to_lowercase();
    for round in 1..=plan.rounds {
        progress(&format!("{}, round {round} of {}", row.work, plan.rounds));
        if let Some(slot) = ours.as_mut() {
            our_samples.push(once(plan, slot, &format!("{slug}/{round}"), shape).await?);
        }
        for attempt in 1..=ATTEMPTS {
            match once(plan, go, &format!("{slug}/{round}/{attempt}"), shape).await {
                Ok(sample) => {
                    go_samples.push(sample);
                    break;
                }
                Err(failure) => {
                    let failure = go.epitaph().unwrap_or_else(|| format!("{failure:#}"));
                    progress(&format!("failed: {failure}"));
                    crash = Some(failure);
                }
            }
        }
    }
    row.ours = ours.is_some().then(|| Cell::median(&our_samples));
    row.go = Some(Cell::median(&go_samples).note(crash.unwrap_or_default()));
    Ok(())
}

async fn once(plan: &Plan, slot: &mut Slot, prefix: &str, shape: Shape) -> Result<Sample> {
    let site = slot.site().await?;
    let mut publishers = Publishers::prepare(&site, &format!("bench/{prefix}"), shape, plan.time()).await?;
    Ok(publishers.run(plan.time()).await?.0)
}

/// The limit: the rows of one real publish, to a collection of this name, inserted by `pgbench`.
pub async fn insert(plan: &Plan, stage: &mut Stage, gun: &str) -> Result<Cell> {
    let site = match &mut stage.ours {
        Some(slot) => slot.site().await?,
        None => stage.go.site().await?,
    };
    let mut connection = Connection::open(&site).await?;
    let timestamp = connection.get(&format!("/v2/{READ_GUN}/_trust/tuf/timestamp.json")).await?;
    let mut collection =
        Collection::open(&mut connection, gun, TEN_TAGS).await.context("open the collection of the rows")?;
    let files = collection.next_files();
    let mut rows: Rows = files.into_iter().map(|(role, bytes)| (role.to_string(), bytes)).collect();
    rows.push(("timestamp".to_owned(), timestamp.to_vec()));
    let mut samples = Vec::new();
    for round in 1..=plan.rounds {
        progress(&format!("pgbench, round {round} of {}", plan.rounds));
        samples.push(stage.postgres.insert(&rows, plan.seconds).await?);
    }
    Ok(Cell::median(&samples).note("pgbench"))
}
