//! Server, signer and PostgreSQL are killed in turn, again and again, while eight publishers and eight readers are busy.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use stories::load::Load;
use stories::peers::our_server;
use stories::peers::postgres::Postgres;
use stories::peers::signer::{Signer, SignerKind};
use stories::process::Stop;
use stories::wire::Wire;

const PUBLISHERS: usize = 8;
/// `cache.max_staleness`, which is the default, and time for a read to be asked.
const STALE: Duration = Duration::from_millis(300);
/// No recovery takes this long.
const RECOVERY: Duration = Duration::from_secs(30);
/// When the killing ends, however few kills there were, unless `STORY_KILLS` says how many.
const TIME: Duration = Duration::from_secs(60);

async fn works_again(load: &Load, killed: &str) -> Result<()> {
    let took = load.goes_on(RECOVERY).await.with_context(|| format!("after the {killed} was killed"))?;
    eprintln!("the {killed} is back: all publish again after {took:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kills_of_server_signer_and_database() -> Result<()> {
    let wanted: Option<u32> = std::env::var("STORY_KILLS").ok().map(|kills| kills.parse()).transpose()?;
    let folder = tempfile::tempdir()?;
    let mut postgres = Postgres::start(folder.path())?;
    postgres.query("postgres", "CREATE DATABASE trust")?;
    let url = postgres.url("trust");
    let keys = json!({ "backend": "postgres", "db_url": url, "default_alias": "one" });
    let mut signer = Signer::start(SignerKind::Ours, folder.path(), &keys)?;
    let collections = json!({ "backend": "postgres", "db_url": url });
    let mut server = our_server::configured(folder.path(), &signer.trust_service(), &collections)?;
    let load = Load::start(vec![Wire::new(&server)?], PUBLISHERS, STALE).await?;

    let (start, mut rounds) = (Instant::now(), 0);
    let played: Result<()> = async {
        while wanted.map_or(start.elapsed() < TIME, |wanted| rounds < wanted) {
            server.stop(Stop::Kill)?;
            server.resume()?;
            works_again(&load, "server").await?;
            signer.stop(Stop::Kill)?;
            signer.resume()?;
            works_again(&load, "signer").await?;
            postgres.kill()?;
            postgres.resume()?;
            works_again(&load, "database").await?;
            rounds += 1;
        }
        Ok(())
    }
    .await;
    // What publishers and readers saw says more than that they gave up.
    let tally = load.finish().await?;
    played?;
    eprintln!("{rounds} kills of each in {:?}: {tally:?}", start.elapsed());
    Ok(())
}
