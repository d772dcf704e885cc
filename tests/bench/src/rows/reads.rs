//! Reads of one collection's files, beside nginx serving the same bytes.

use anyhow::Result;

use super::{Plan, READ_GUN, Stage, progress};
use crate::client::{Connection, Site};
use crate::collection::named_checksum;
use crate::peers::Slot;
use crate::report::{Bar, Cell, Report, Row, Unit};
use crate::stats::Sample;
use crate::wrk;

/// Times the Go server is started again after it crashed under a read.
const ATTEMPTS: u32 = 3;

pub async fn measure(plan: &Plan, stage: &mut Stage, report: &mut Report) -> Result<()> {
    let base = format!("/v2/{READ_GUN}/_trust/tuf/");
    for file in ["timestamp.json", "root.json", "snapshot.SHA256.json"] {
        let mut row = Row::new(format!("GET {file}"), Unit::PerSecond);
        let (mut ours, mut go, mut nginx) = (Vec::new(), Vec::new(), Vec::new());
        let mut crash = None;
        for round in 1..=plan.rounds {
            progress(&format!("GET {file}, round {round} of {}", plan.rounds));
            let go_site = stage.go.site().await?;
            let go_path = path(&go_site, &base, file).await?;
            let (mut path_served, mut site_served) = (go_path.clone(), go_site);
            if let Some(slot) = &mut stage.ours {
                let site = slot.site().await?;
                let path = path(&site, &base, file).await?;
                ours.push(wrk::read(&site.url(&path), plan.seconds, &stage.scratch).await?);
                (path_served, site_served) = (path, site);
            }
            let bytes = Connection::open(&site_served).await?.get(&path_served).await?;
            stage.nginx.serve(&path_served, &bytes)?;
            nginx.push(wrk::read(&stage.nginx.site.url(&path_served), plan.seconds, &stage.scratch).await?);
            match read_go(&mut stage.go, &go_path, plan, stage.scratch.as_path()).await {
                Ok(sample) => go.push(sample),
                Err(failure) => crash = Some(failure.to_string()),
            }
        }
        row.ours = stage.ours.is_some().then(|| Cell::median(&ours));
        row.go = Some(Cell::median(&go).note(crash.unwrap_or_default()));
        row.limit = Some(Cell::median(&nginx).note("nginx"));
        row.bars.extend(Bar::at_least("of nginx", row.to_limit(), 0.8));
        if file == "timestamp.json" {
            row.bars.extend(Bar::at_least("times Go", row.to_go(), 20.0));
        }
        let tail = Sample::median(&ours).zip(Sample::median(&nginx)).map(|(ours, nginx)| ours.p99_ms / nginx.p99_ms);
        row.bars.extend(Bar::at_most("p99 to nginx's", tail, 2.0));
        report.rows.push(row);
    }
    Ok(())
}

/// The path of the file on this server, its checksum filled in. Asking for it also warms caches, which Go's server
/// would not survive doing in parallel.
async fn path(site: &Site, base: &str, file: &str) -> Result<String> {
    let mut connection = Connection::open(site).await?;
    let mut path = format!("{base}{file}");
    if file.contains("SHA256") {
        let timestamp = connection.get(&format!("{base}timestamp.json")).await?;
        path = path.replace("SHA256", &named_checksum(&timestamp, "snapshot")?);
    }
    connection.get(&path).await?;
    Ok(path)
}

async fn read_go(slot: &mut Slot, path: &str, plan: &Plan, scratch: &std::path::Path) -> Result<Sample> {
    let mut attempt = 1;
    loop {
        let site = slot.site().await?;
        Connection::open(&site).await?.get(path).await?;
        match wrk::read(&site.url(path), plan.seconds, scratch).await {
            Err(failure) if attempt == ATTEMPTS => {
                return Err(slot.epitaph().map_or(failure, anyhow::Error::msg));
            }
            Err(_) => attempt += 1,
            done => return done,
        }
    }
}
