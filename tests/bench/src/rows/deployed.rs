//! Three of our servers over one PostgreSQL with a signer as a process of its own, beside Go's server with its signer.

use std::time::Instant;

use anyhow::{Context, Result};
use libtrust::dialect::Dialect;
use libtrust::keys::KeyAlgorithm;
use libtrust::names::{Gun, RoleName};
use notary_server::signer::OnlineSigner;
use notary_server::signer::remote::{ClientFiles, RemoteOptions, RemoteSigner, SignerAddress, SignerTls};
use serde_json::Value;
use stories::peers::signer::Signer;

use super::publishes::{SERVER_SNAPSHOT, insert, pair};
use super::{Plan, READ_GUN, Stage, TEN_TAGS, progress};
use crate::client::Connection;
use crate::collection::Collection;
use crate::peers::Deployment;
use crate::report::{Bar, Cell, Report, Row, Unit};
use crate::stats::Sample;
use crate::wrk;

/// Servers of ours over one database.
const REPLICAS: usize = 3;
/// What a signature is over, in bytes: a timestamp.
const MESSAGE: [u8; 300] = [b'x'; 300];
/// Signatures of a run, one after the other.
const SIGNATURES: usize = 2_000;

pub async fn measure(plan: &Plan, stage: &mut Stage, report: &mut Report) -> Result<()> {
    let limit = insert(plan, stage, "bench/rows-of-deployed").await?;
    for slot in stage.ours.iter_mut().chain([&mut stage.go]) {
        slot.stop();
    }
    let mut ours = match &stage.program {
        Some(program) => {
            let (postgres, scratch) = (&stage.postgres, stage.scratch.as_path());
            Some(Deployment::ours(program, REPLICAS, postgres, scratch, &stage.certificate).await?)
        }
        None => None,
    };
    let mut go = Deployment::go(&stage.postgres, &stage.scratch, &stage.certificate).await?;
    publishes(plan, &mut ours, &mut go, &limit, report).await?;
    go.rest();
    if let Some(ours) = &mut ours {
        reads(plan, stage, ours, report).await?;
        ours.rest();
    }
    signatures(ours.as_ref().map(|ours| &ours.signer), &go.signer, report).await
}

async fn publishes(
    plan: &Plan,
    ours: &mut Option<Deployment>,
    go: &mut Deployment,
    limit: &Cell,
    report: &mut Report,
) -> Result<()> {
    let go_server = go.servers.first_mut().context("no server")?;
    for (name, shape) in [("client-signed", TEN_TAGS), ("server-held", SERVER_SNAPSHOT)] {
        let work = format!("publish 10 tags, {name} snapshot, PostgreSQL, separate signer");
        let mut row = Row::new(work, Unit::PerSecond);
        let mut first = ours.as_mut().filter(|ours| !ours.servers.is_empty()).map(|ours| ours.servers.swap_remove(0));
        let measured = pair(plan, &mut first, go_server, shape, &mut row).await;
        if let (Some(ours), Some(first)) = (ours.as_mut(), first) {
            ours.servers.push(first);
        }
        measured?;
        row.limit = Some(limit.clone());
        row.bars.extend(Bar::at_least("times Go", row.to_go(), 10.0));
        row.bars.extend(Bar::at_least("of pgbench", row.to_limit(), 0.5));
        report.rows.push(row);
    }
    Ok(())
}

/// Reads through each replica while all run.
async fn reads(plan: &Plan, stage: &mut Stage, ours: &mut Deployment, report: &mut Report) -> Result<()> {
    let path = format!("/v2/{READ_GUN}/_trust/tuf/timestamp.json");
    let mut sites = Vec::new();
    for slot in &mut ours.servers {
        sites.push(slot.site().await?);
    }
    let mut connection = Connection::open(sites.first().context("no server")?).await?;
    Collection::open(&mut connection, READ_GUN, TEN_TAGS).await?;
    let bytes = connection.get(&path).await?;
    stage.nginx.serve(&path, &bytes)?;
    let (mut replicas, mut nginx) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        progress(&format!("GET timestamp.json through {} replicas, round {round} of {}", sites.len(), plan.rounds));
        for site in &sites {
            replicas.push(wrk::read(&site.url(&path), plan.seconds, &stage.scratch).await?);
        }
        nginx.push(wrk::read(&stage.nginx.site.url(&path), plan.seconds, &stage.scratch).await?);
    }
    let mut row = Row::new(format!("GET timestamp.json, each of {} replicas", sites.len()), Unit::PerSecond);
    row.ours = Some(Cell::median(&replicas));
    row.limit = Some(Cell::median(&nginx).note("nginx"));
    row.bars.extend(Bar::at_least("of nginx", row.to_limit(), 0.8));
    let tail = Sample::median(&replicas).zip(Sample::median(&nginx)).map(|(ours, nginx)| ours.p99_ms / nginx.p99_ms);
    row.bars.extend(Bar::at_most("p99 to nginx's", tail, 2.0));
    report.rows.push(row);
    Ok(())
}

async fn signatures(ours: Option<&Signer>, go: &Signer, report: &mut Report) -> Result<()> {
    progress("signatures over gRPC");
    let mut row = Row::new("signature over gRPC, one after the other", Unit::PerSecond);
    let sample = match ours {
        Some(signer) => Some(sign(signer).await?),
        None => None,
    };
    row.ours = sample.map(|sample| Cell::median(&[sample]));
    row.go = Some(Cell::median(&[sign(go).await?]));
    row.bars.extend(Bar::at_most("ms p50", sample.map(|sample| sample.p50_ms), 1.0));
    report.rows.push(row);
    Ok(())
}

/// Signs as our server does, with one key, after the first signature.
async fn sign(at: &Signer) -> Result<Sample> {
    let service = at.trust_service();
    let file = |key: &str| service.get(key).and_then(Value::as_str).map(Into::into).context("a file of the signer's");
    let client = ClientFiles { certificate: file("tls_client_cert")?, key: file("tls_client_key")? };
    let signer = RemoteSigner::new(&RemoteOptions {
        signers: vec![SignerAddress::parse(&at.host(), None)?],
        tls: SignerTls { ca: Some(file("tls_ca_file")?), client: Some(client) },
        timeout: std::time::Duration::from_secs(20),
    })?;
    let (gun, role): (Gun, _) = ("bench/signatures".parse()?, RoleName::Timestamp);
    let key = signer.create_key(&gun, &role, KeyAlgorithm::Ecdsa).await?;
    let key = Dialect::Notary.key_id(&key);
    let message = serde_json::json!({ "_type": "Timestamp", "filler": String::from_utf8_lossy(&MESSAGE) }).to_string();
    signer.sign(&key, &gun, &role, message.as_bytes()).await?;
    let mut latencies = Vec::new();
    let begun = Instant::now();
    for _ in 0..SIGNATURES {
        let start = Instant::now();
        signer.sign(&key, &gun, &role, message.as_bytes()).await?;
        latencies.push(start.elapsed());
    }
    Ok(Sample::of(latencies, begun.elapsed()))
}
