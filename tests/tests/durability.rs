//! The server is killed, again and again, while eight publishers are busy: what it acknowledged is served afterwards,
//! and no collection is ever torn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use ring::rand::{SecureRandom, SystemRandom};
use stories::peers::notary::NotaryCli;
use stories::process::Stop;
use stories::signing::{Collection, Part, SnapshotHolder};
use stories::trust_server::{Kind, TrustServer};
use stories::wire::Wire;
use tokio::sync::Mutex;

const PUBLISHERS: usize = 8;
/// The longest a server lives under load before it is killed, in milliseconds.
const LONGEST_LIFE: u64 = 200;
/// When the killing ends, however few kills there were.
const TIME: Duration = Duration::from_secs(90);

/// One collection and what its publisher knows about it.
struct Publisher {
    collection: Collection,
    /// Newest version the server said yes to.
    acknowledged: u64,
    /// Newest version it was asked to take.
    tried: u64,
    /// The targets file of each acknowledged version.
    files: BTreeMap<u64, Vec<u8>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_hundreds_of_kills() -> Result<()> {
    let kills = match std::env::var("STORY_KILLS") {
        Ok(kills) => kills.parse().context("STORY_KILLS is a number")?,
        // The Go server is here to prove the story, not the other way round.
        Err(_) if Kind::under_test()? == Kind::Go => 10,
        Err(_) => 250,
    };
    let folder = tempfile::tempdir()?;
    // Started on a thread that stays: peers end with the thread that started them.
    let mut server = TrustServer::start_durable(folder.path())?;
    let publishers = Arc::new(everyone(&server).await?);

    let start = Instant::now();
    let mut killed = 0;
    while killed < kills && start.elapsed() < TIME {
        let busy = Arc::new(AtomicBool::new(true));
        let wire = Wire::new(&server)?;
        let work: Vec<_> = (0..PUBLISHERS)
            .map(|index| tokio::spawn(publish_while(Arc::clone(&publishers), index, wire.clone(), Arc::clone(&busy))))
            .collect();
        tokio::time::sleep(Duration::from_millis(random()? % LONGEST_LIFE)).await;
        server.stop(Stop::Kill)?;
        killed += 1;
        busy.store(false, Ordering::Relaxed);
        for task in work {
            task.await??;
        }
        server.resume()?;
        nothing_is_torn(&server, &publishers).await?;
    }

    let served = everything_acknowledged_is_served(&server, &publishers).await?;
    eprintln!("{killed} kills in {:?}, {served} acknowledged versions served", start.elapsed());
    ensure!(served > killed, "too few publishes between the kills to prove anything");
    let reader = NotaryCli::new("reader", folder.path(), &server)?;
    for publisher in publishers.iter() {
        let publisher = publisher.lock().await;
        ensure!(reader.list(&publisher.collection.gun)?.len() == 1, "the notary client reads it");
    }
    Ok(())
}

async fn everyone(server: &TrustServer) -> Result<Vec<Mutex<Publisher>>> {
    let wire = Wire::new(server)?;
    let mut publishers = Vec::new();
    for index in 0..PUBLISHERS {
        let holder = if index % 2 == 0 { SnapshotHolder::Client } else { SnapshotHolder::Server };
        let collection = wire.create(&format!("example.com/durable/{index}"), holder).await?;
        publishers.push(Mutex::new(Publisher { collection, acknowledged: 1, tried: 1, files: BTreeMap::new() }));
    }
    Ok(publishers)
}

/// Publishes version after version until told to stop or the server is gone.
async fn publish_while(all: Arc<Vec<Mutex<Publisher>>>, index: usize, wire: Wire, busy: Arc<AtomicBool>) -> Result<()> {
    let mut publisher = all[index].lock().await;
    while busy.load(Ordering::Relaxed) {
        let version = publisher.tried + 1;
        let parts = publisher.collection.upload(version)?;
        publisher.tried = version;
        match wire.publish(&publisher.collection.gun, &parts).await {
            Ok((StatusCode::OK, _)) => {
                publisher.acknowledged = version;
                publisher.files.insert(version, targets_of(parts)?);
            }
            Ok((status, body)) => anyhow::bail!("version {version} of {}: {status} {body}", publisher.collection.gun),
            // Killed before it answered: this version may be there or not.
            Err(_) => break,
        }
    }
    Ok(())
}

fn targets_of(parts: Vec<Part>) -> Result<Vec<u8>> {
    Ok(parts.into_iter().find(|(role, _)| role == "targets").context("targets")?.1)
}

/// Every collection hangs together and is not older than what was acknowledged.
async fn nothing_is_torn(server: &TrustServer, publishers: &[Mutex<Publisher>]) -> Result<()> {
    let wire = Wire::new(server)?;
    for publisher in publishers {
        let publisher = publisher.lock().await;
        let gun = &publisher.collection.gun;
        let current = wire.current(gun).await.with_context(|| format!("{gun} is torn"))?;
        let range = publisher.acknowledged..=publisher.tried;
        ensure!(range.contains(&current.targets), "{gun}: {current:?}, acknowledged and tried: {range:?}");
    }
    Ok(())
}

/// Every acknowledged version is there, byte for byte; gives how many that are.
async fn everything_acknowledged_is_served(server: &TrustServer, publishers: &[Mutex<Publisher>]) -> Result<usize> {
    let wire = Wire::new(server)?;
    let mut served = 0;
    for publisher in publishers {
        let publisher = publisher.lock().await;
        let gun = &publisher.collection.gun;
        for (version, bytes) in &publisher.files {
            let file = wire.file(gun, &format!("{version}.targets.json")).await?;
            ensure!(file.as_ref() == Some(bytes), "version {version} of {gun} was acknowledged and is not served");
            served += 1;
        }
    }
    Ok(served)
}

fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).ok().context("no randomness")?;
    Ok(u64::from_le_bytes(bytes))
}
