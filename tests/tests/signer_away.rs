//! The signer is killed, or hangs, and comes back: what is signed is served all the while, a publish is told to try
//! again, and works again as soon as there is a signer.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use serde_json::json;
use stories::peers::postgres::Postgres;
use stories::peers::signer::{Signer, SignerKind};
use stories::peers::{go_signer, our_server};
use stories::process::Stop;
use stories::signing::{Collection, SnapshotHolder};
use stories::trust_server::TrustServer;
use stories::wire::Wire;

const GUN: &str = "example.com/team/waiting";
/// `trust_service.timeout` of the servers here, and with it the longest a call to a signer that hangs may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// From the signer's return to the first publish that works.
const RETURN: Duration = Duration::from_secs(2);

struct Scene {
    server: TrustServer,
    signer: Signer,
    wire: Wire,
    collection: Collection,
    version: u64,
    _postgres: Option<Postgres>,
}

impl Scene {
    /// A collection whose snapshot is the server's, published once.
    async fn set(kind: SignerKind, folder: &Path) -> Result<Self> {
        let mut postgres = None;
        let signer = Signer::start_durable(kind, folder, || {
            let started = Postgres::start(folder)?;
            let url = go_signer::database(&started)?;
            postgres = Some(started);
            Ok(url)
        })?;
        let more = [("timeout", json!(format!("{}s", TIMEOUT.as_secs())))];
        let server = our_server::with_signer(folder, &signer, &more)?;
        let wire = Wire::new(&server)?;
        let collection = wire.create(GUN, SnapshotHolder::Server).await?;
        Ok(Self { server, signer, wire, collection, version: 1, _postgres: postgres })
    }

    /// Publishes the next version; status and body.
    async fn publish(&mut self) -> Result<(StatusCode, String)> {
        let answer = self.wire.publish(GUN, &self.collection.upload(self.version + 1)?).await?;
        self.version += u64::from(answer.0 == StatusCode::OK);
        Ok(answer)
    }

    /// A publish and a new key are told to try again, within `limit` each; reads and health are what they should be.
    async fn is_away(&mut self, limit: Duration) -> Result<()> {
        let start = Instant::now();
        let (status, body) = self.publish().await?;
        ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status} {body}");
        ensure!(body.contains("UNAVAILABLE") && body.contains("signer"), "{body}");
        ensure!(start.elapsed() < limit, "a publish took {:?}", start.elapsed());
        let start = Instant::now();
        let (status, body) = self.wire.get("/v2/example.com/team/other/_trust/tuf/timestamp.key").await?;
        ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status} {}", String::from_utf8_lossy(&body));
        ensure!(start.elapsed() < limit, "a key request took {:?}", start.elapsed());
        self.reads().await
    }

    async fn reads(&self) -> Result<()> {
        for _ in 0..10 {
            let start = Instant::now();
            let current = self.wire.current(GUN).await.context("reads go on")?;
            ensure!(current.targets == self.version, "{current:?}, published {}", self.version);
            ensure!(start.elapsed() < Duration::from_secs(1), "a read took {:?}", start.elapsed());
        }
        Ok(())
    }

    async fn health(&self) -> Result<(StatusCode, String)> {
        let (status, body) = self.wire.get("/_notary_server/health").await?;
        Ok((status, String::from_utf8(body)?))
    }

    /// Waits for a publish that works; how long that took.
    async fn works_again(&mut self) -> Result<Duration> {
        let start = Instant::now();
        loop {
            let (status, body) = self.publish().await?;
            if status == StatusCode::OK {
                return Ok(start.elapsed());
            }
            ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status} {body}");
            ensure!(start.elapsed() < Duration::from_secs(20), "{body}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let sent = Command::new("kill").args([signal, &self.signer.id()?.to_string()]).status()?;
        ensure!(sent.success());
        Ok(())
    }

    /// Stops the signer where it is, each of its threads: the signal reaches them one after the other.
    fn freeze(&self) -> Result<()> {
        self.signal("-STOP")?;
        let (start, tasks) = (Instant::now(), format!("/proc/{}/task", self.signer.id()?));
        loop {
            let states = std::fs::read_dir(&tasks)?.map(|task| Ok(std::fs::read_to_string(task?.path().join("stat"))?));
            let states: Vec<String> = states.collect::<Result<_>>()?;
            // The state stands after the name, which may hold anything.
            if states.iter().all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))) {
                return Ok(());
            }
            ensure!(start.elapsed() < Duration::from_secs(5), "the signer does not stop: {states:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

async fn killed_and_back(kind: SignerKind) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut scene = Scene::set(kind, folder.path()).await?;
    for round in 0..3 {
        scene.signer.stop(Stop::Kill)?;
        scene.is_away(Duration::from_secs(1)).await?;
        scene.is_away(Duration::from_millis(500)).await?;
        if round == 0 {
            // What an earlier look found is told for a second.
            let start = Instant::now();
            loop {
                let (status, body) = scene.health().await?;
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    ensure!(body.contains("Trust operational"), "{body}");
                    break;
                }
                ensure!(start.elapsed() < Duration::from_secs(5), "health is {status} {body}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        scene.signer.resume()?;
        let took = scene.works_again().await?;
        eprintln!("a publish worked {took:?} after the signer's return");
        ensure!(took < RETURN, "{took:?}");
        scene.reads().await?;
    }
    Ok(())
}

/// The signer is there and does not answer.
async fn hangs_and_recovers(kind: SignerKind) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut scene = Scene::set(kind, folder.path()).await?;
    scene.freeze()?;
    let hung = async {
        scene.is_away(TIMEOUT + Duration::from_secs(1)).await?;
        // Known by now.
        scene.is_away(Duration::from_millis(500)).await
    };
    let hung = hung.await;
    scene.signal("-CONT")?;
    hung?;
    // What hangs when it is stopped is looked at for up to three seconds at a time.
    let took = scene.works_again().await?;
    eprintln!("a publish worked {took:?} after the signer went on");
    ensure!(took < RETURN, "{took:?}");
    scene.reads().await
}

/// A server that is started while its signer is away serves what it has, and publishes once the signer is there.
async fn server_starts_first(kind: SignerKind) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut scene = Scene::set(kind, folder.path()).await?;
    scene.server.stop(Stop::Terminate)?;
    scene.signer.stop(Stop::Kill)?;
    scene.server.resume()?;
    scene.is_away(Duration::from_secs(1)).await?;
    scene.signer.resume()?;
    ensure!(scene.works_again().await? < RETURN);
    scene.reads().await
}

#[tokio::test]
async fn our_signer_is_killed_and_comes_back() -> Result<()> {
    killed_and_back(SignerKind::Ours).await
}

#[tokio::test]
async fn notarys_signer_is_killed_and_comes_back() -> Result<()> {
    killed_and_back(SignerKind::Go).await
}

#[tokio::test]
async fn our_signer_hangs_and_goes_on() -> Result<()> {
    hangs_and_recovers(SignerKind::Ours).await
}

#[tokio::test]
async fn notarys_signer_hangs_and_goes_on() -> Result<()> {
    hangs_and_recovers(SignerKind::Go).await
}

// A client that does not read while the server stops would be waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_starts_before_our_signer() -> Result<()> {
    server_starts_first(SignerKind::Ours).await
}

// A client that does not read while the server stops would be waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_starts_before_notarys_signer() -> Result<()> {
    server_starts_first(SignerKind::Go).await
}
