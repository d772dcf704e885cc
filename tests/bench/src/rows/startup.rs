//! From the start of the process to its first answer, once keys and data exist.

use anyhow::Result;

use super::{Plan, READ_GUN, Stage, progress};
use crate::peers::Slot;
use crate::report::{Bar, Cell, Report, Row, Unit};
use crate::stats::median;

/// Starts of each server, of which the median is taken.
const STARTS: u32 = 5;

/// The bar, in milliseconds.
const BAR: f64 = 200.0;

pub async fn measure(plan: &Plan, stage: &mut Stage, report: &mut Report) -> Result<()> {
    progress("starting each server again");
    let mut row = Row::new("start to first answer (timestamp.json)", Unit::Milliseconds);
    let starts = STARTS.min(plan.rounds * 3);
    if let Some(slot) = &mut stage.ours {
        row.ours = Some(starts_of(slot, starts).await?);
    }
    row.go = Some(starts_of(&mut stage.go, starts).await?);
    let ours = row.ours.as_ref().and_then(|cell| cell.value);
    row.bars.extend(Bar::at_most("ms", ours, BAR));
    report.rows.push(row);
    Ok(())
}

async fn starts_of(slot: &mut Slot, starts: u32) -> Result<Cell> {
    let mut times = Vec::new();
    for _ in 0..starts {
        let time = slot.restart(&format!("/v2/{READ_GUN}/_trust/tuf/timestamp.json")).await?;
        times.push(time.as_secs_f64() * 1000.0);
    }
    Ok(median(times).map_or_else(Cell::default, Cell::value))
}
