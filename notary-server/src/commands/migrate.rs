//! `migrate`: makes the tables, adopts Notary's, brings them up to this release, leaves Notary.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use notary_server::config::{Config, PREFIX, Storage};
use notary_server::storage::sql::schema::SERVER;
use notary_service::config::{Database, environment};
use notary_service::database::schema::{Before, Catalog, Migrator, Outcome};
use notary_service::database::{MySqlPool, Pool, PostgresPool};

/// Runs the command; data on standard output.
pub async fn run(config: Option<&Path>, dry_run: bool, leave_notary: bool) -> anyhow::Result<()> {
    let Some(file) = config else { bail!("migrate needs a file: --config FILE") };
    let config = Config::load(file, &environment(PREFIX))?;
    let report = match &config.storage {
        Storage::Postgres(database) => {
            migrate(&PostgresPool::new(database.url()?, database.settings()), dry_run, leave_notary).await
        }
        Storage::MySql(database) => {
            migrate(&MySqlPool::new(database.url()?, database.settings()), dry_run, leave_notary).await
        }
        Storage::Memory | Storage::Sqlite { .. } => {
            bail!("nothing to migrate: only postgres and mysql have tables that are made beforehand")
        }
    };
    let report = report.with_context(|| format!("cannot migrate {}", place(&config.storage)))?;
    std::io::stdout().lock().write_all(report.as_bytes())?;
    Ok(())
}

async fn migrate<D: Catalog>(pool: &Pool<D>, dry_run: bool, leave_notary: bool) -> anyhow::Result<String> {
    let migrator = Migrator::new(pool.clone(), SERVER);
    let outcome = match (dry_run, leave_notary) {
        (true, false) => migrator.plan().await?,
        (true, true) => migrator.plan_leave().await?,
        (false, false) => migrator.apply().await?,
        (false, true) => migrator.leave_notary().await?,
    };
    pool.close().await;
    Ok(report(&outcome, dry_run))
}

/// What was found, what was done or would be, and what is the case then.
fn report(outcome: &Outcome, dry_run: bool) -> String {
    let found = match outcome.before {
        Before::Empty => "no tables".to_owned(),
        Before::Notary(Some(version)) => format!("Notary's tables, version {version}"),
        Before::Notary(None) => "Notary's tables, of no version".to_owned(),
        Before::Known(version) => format!("tables of version {version}"),
    };
    let mut text = format!("-- found: {found}\n");
    if outcome.statements.is_empty() {
        text.push_str("-- nothing to do\n");
    } else {
        text.push_str(if dry_run { "-- would run:\n" } else { "-- ran:\n" });
    }
    for statement in &outcome.statements {
        text.push_str(statement);
        text.push_str(if statement.starts_with("--") { "\n" } else { ";\n" });
    }
    let shared = if outcome.shared_with_notary { "shared with Notary" } else { "not shared with Notary" };
    let then = if dry_run { "then" } else { "now" };
    text.push_str(&format!("-- {then}: version {}, {shared}\n", outcome.version));
    text
}

fn place(storage: &Storage) -> String {
    let url = |database: &Database| database.url().map(|url| url.to_string());
    match storage {
        Storage::Postgres(database) | Storage::MySql(database) => url(database).unwrap_or_default(),
        Storage::Memory | Storage::Sqlite { .. } => String::new(),
    }
}
