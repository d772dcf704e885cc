//! `migrate`: makes the tables, adopts Notary's, brings them up to this release, leaves Notary.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use notary_service::database::schema::{Order, migrate};
use notary_service::database::{MySqlPool, PostgresPool};
use notary_signer::config::{Config, Storage};
use notary_signer::keystore::SIGNER;

/// Runs the command; data on standard output.
pub async fn run(config: &Config, order: Order) -> anyhow::Result<()> {
    let (Storage::Postgres { database, .. } | Storage::MySql { database, .. }) = &config.storage else {
        bail!("nothing to migrate: only postgres and mysql have tables that are made beforehand")
    };
    let (url, settings) = (database.url()?, database.settings());
    let place = url.to_string();
    let report = match &config.storage {
        Storage::MySql { .. } => migrate(&MySqlPool::new(url, settings), SIGNER, order).await,
        _ => migrate(&PostgresPool::new(url, settings), SIGNER, order).await,
    };
    let report = report.with_context(|| format!("cannot migrate {place}"))?;
    std::io::stdout().lock().write_all(report.as_bytes())?;
    Ok(())
}
