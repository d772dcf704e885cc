//! Three servers and two signers over a Galera cluster of three nodes, under load, while one after the other of them is
//! killed, cut off or vanishes: nothing acknowledged is lost, no collection is torn, and publishing goes on before what
//! failed is back.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use stories::load::Load;
use stories::peers::galera::{Galera, NODES};
use stories::peers::our_server;
use stories::peers::signer::{Signer, SignerKind};
use stories::process::Stop;
use stories::trust_server::TrustServer;
use stories::wire::Wire;

const PUBLISHERS: usize = 8;
/// `cache.max_staleness`, which is the default, and time for a read to be asked.
const STALE: Duration = Duration::from_millis(300);
/// No fail-over takes this long.
const FAIL_OVER: Duration = Duration::from_secs(30);

struct Cluster {
    load: Load,
    servers: Vec<TrustServer>,
    signers: Vec<Signer>,
    galera: Galera,
}

impl Cluster {
    async fn start(folder: &Path) -> Result<Self> {
        let galera = Galera::start(folder)?;
        let storage = |first| json!({ "backend": "mysql", "db_url": galera.url("trust", first) });
        let keys = |first| json!({ "backend": "mysql", "db_url": galera.url("trust", first), "default_alias": "one" });
        let signers = (0..2).map(|index| Signer::start(SignerKind::Ours, folder, &keys(index + 1)));
        let signers = signers.collect::<Result<Vec<_>>>()?;
        let mut servers = Vec::new();
        for index in 0..3 {
            let own = folder.join(format!("server-{index}"));
            std::fs::create_dir(&own)?;
            let mut trust_service = signers.first().context("a signer")?.trust_service();
            trust_service["hostname"] = signers.iter().map(Signer::host).collect();
            servers.push(our_server::configured(&own, &trust_service, &storage(index))?);
        }
        let wires = servers.iter().map(Wire::new).collect::<Result<_>>()?;
        let load = Load::start(wires, PUBLISHERS, STALE).await?;
        Ok(Self { load, servers, signers, galera })
    }

    /// Everybody publishes again.
    async fn goes_on(&self, after: &str) -> Result<()> {
        let took = self.load.goes_on(FAIL_OVER).await.with_context(|| after.to_owned())?;
        eprintln!("{after}: all publish again after {took:?}");
        Ok(())
    }

    async fn play(&mut self) -> Result<()> {
        self.goes_on("the start").await?;
        for server in 0..3 {
            self.servers[server].stop(Stop::Kill)?;
            self.goes_on(&format!("server {server} was killed")).await?;
            self.servers[server].resume()?;
        }
        for signer in 0..2 {
            self.signers[signer].stop(Stop::Kill)?;
            self.goes_on(&format!("signer {signer} was killed")).await?;
            self.signers[signer].resume()?;
        }
        for node in 0..NODES {
            self.galera.kill(node)?;
            self.goes_on(&format!("node {node} was killed")).await?;
            self.galera.revive(node)?;
            self.goes_on(&format!("node {node} is back")).await?;
        }
        self.galera.cut_off(0)?;
        self.goes_on("node 0 was cut off from the others").await?;
        self.galera.heal(0)?;
        self.goes_on("node 0 is back").await?;
        self.galera.vanish(1)?;
        self.goes_on("node 1 vanished").await?;
        self.galera.heal(1)?;
        self.goes_on("node 1 is back").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_while_one_of_each_fails() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    let mut cluster = Cluster::start(folder.path()).await?;
    eprintln!("the cluster stands after {:?}", begun.elapsed());
    let played = cluster.play().await;
    // What publishers and readers saw says more than that they gave up.
    let tally = cluster.load.finish().await?;
    played?;
    eprintln!("{tally:?} in {:?}", begun.elapsed());
    Ok(())
}
