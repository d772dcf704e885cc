//! What is measured, a file per kind of work.

mod adoption;
mod command;
mod deployed;
mod memory;
mod mixed;
mod publishes;
mod reads;
mod startup;
mod tuf;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::client::Connection;
use crate::collection::{Collection, Shape, SnapshotHolder};
use crate::peers::{Nginx, Postgres, Slot};
use crate::report::Report;
use crate::tls::Certificate;

/// How much is measured.
pub struct Plan {
    /// Runs of each cell, of which the median is taken.
    pub rounds: u32,
    /// Length of a run in seconds.
    pub seconds: u64,
    /// Different files that are read from our server, and from Go's.
    pub files: (usize, usize),
    pub groups: Vec<Group>,
}

impl Plan {
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn has(&self, group: Group) -> bool {
        self.groups.contains(&group)
    }
}

/// Rows that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Group {
    Reads,
    Publishes,
    Memory,
    Startup,
    Mixed,
    Deployed,
    Adoption,
    Command,
    Tuf,
}

/// Everything that runs. The servers end before what they stand on.
pub struct Stage {
    pub ours: Option<Slot>,
    pub ours_in_memory: Option<Slot>,
    pub go: Slot,
    pub go_in_memory: Slot,
    /// Our server's program and the certificate of the peers, for those that are started later.
    pub program: Option<PathBuf>,
    pub certificate: Certificate,
    pub nginx: Nginx,
    pub postgres: Postgres,
    pub scratch: PathBuf,
}

/// The collection whose files are read.
const READ_GUN: &str = "bench/read";

/// An image with ten tags, as most are.
const TEN_TAGS: Shape = Shape { tags: 10, snapshot: SnapshotHolder::Client, delegations: 0 };

/// Measures everything planned. What our server fails at fails the run; what Go's fails at is written down.
pub async fn measure(plan: &Plan, stage: &mut Stage, report: &mut Report) -> Result<()> {
    let idle = memory::resident(stage).await?;
    for slot in stage.ours.iter_mut().chain([&mut stage.go]) {
        let mut connection = Connection::open(&slot.site().await?).await?;
        Collection::open(&mut connection, READ_GUN, TEN_TAGS).await?;
    }
    if plan.has(Group::Reads) {
        reads::measure(plan, stage, report).await?;
    }
    if plan.has(Group::Publishes) {
        publishes::measure(plan, stage, report).await?;
    }
    if plan.has(Group::Memory) {
        memory::measure(plan, stage, idle, report).await?;
    }
    if plan.has(Group::Startup) {
        startup::measure(plan, stage, report).await?;
    }
    if plan.has(Group::Mixed) {
        mixed::measure(plan, stage, report).await?;
    }
    if plan.has(Group::Deployed) {
        deployed::measure(plan, stage, report).await?;
    }
    if plan.has(Group::Adoption) {
        adoption::measure(stage, report).await?;
    }
    if plan.has(Group::Command) {
        command::measure(plan, stage, report).await?;
    }
    if plan.has(Group::Tuf) {
        tuf::measure(plan, stage, report).await?;
    }
    Ok(())
}

/// Says on standard error what is being done.
pub fn progress(what: &str) {
    eprintln!("... {what}");
}
