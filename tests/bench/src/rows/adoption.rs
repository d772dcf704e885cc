//! A database that Go's server filled with very many collections: from the start of our server on it to the first answer.

use anyhow::{Context, Result};

use super::{Stage, TEN_TAGS, progress};
use crate::client::Connection;
use crate::collection::Collection;
use crate::peers::{Deployment, Recipe, Sections, Slot};
use crate::report::{Bar, Cell, Report, Row, Unit};

/// Collections in the database.
const COLLECTIONS: u32 = 100_000;
const GUN: &str = "bench/adopted";
/// The bar, in milliseconds.
const BAR: f64 = 2_000.0;

pub async fn measure(stage: &mut Stage, report: &mut Report) -> Result<()> {
    let Some(program) = &stage.program else { return Ok(()) };
    progress(&format!("a database of {COLLECTIONS} collections"));
    let mut go = Deployment::filled_by_go(&stage.postgres, &stage.scratch, &stage.certificate).await?;
    let server = go.servers.first_mut().context("no server")?;
    let mut connection = Connection::open(&server.site().await?).await?;
    Collection::open(&mut connection, GUN, TEN_TAGS).await?;
    let path = format!("/v2/{GUN}/_trust/tuf/timestamp.json");
    connection.get(&path).await?;
    // The same files under other names.
    let copies = format!(
        "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, data, sha256) \
         SELECT created_at, updated_at, gun || '/' || n, role, version, data, sha256 \
         FROM tuf_files, generate_series(2, {COLLECTIONS}) AS n; \
         INSERT INTO changefeed (created_at, gun, version, sha256, category) \
         SELECT created_at, gun || '/' || n, version, sha256, category \
         FROM changefeed, generate_series(2, {COLLECTIONS}) AS n"
    );
    stage.postgres.psql(Deployment::FILLED, &copies).await?;
    let mut row =
        Row::new(format!("first start on Notary's database of {COLLECTIONS} collections"), Unit::Milliseconds);
    row.go = Some(Cell::value(server.restart(&path).await?.as_secs_f64() * 1000.0));
    go.rest();
    let sections = Sections {
        trust_service: go.signer.trust_service(),
        storage: serde_json::json!({ "backend": "postgres", "db_url": stage.postgres.url_of(Deployment::FILLED) }),
    };
    let recipe =
        Recipe::configured("our server, adopting", program, "adopting", sections, &stage.scratch, &stage.certificate)?;
    let took = Slot::new(recipe).restart(&path).await?.as_secs_f64() * 1000.0;
    row.ours = Some(Cell::value(took));
    row.bars.extend(Bar::at_most("ms", Some(took), BAR));
    report.rows.push(row);
    Ok(())
}
