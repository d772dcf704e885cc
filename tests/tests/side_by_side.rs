//! Notary's server and ours on one database, with people at both.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::StatusCode;
use serde_json::json;
use stories::operator::{APP, OWN, Scene};
use stories::peers::database::Engine;
use stories::signing::{Part, SnapshotHolder};
use stories::trust_server::TrustServer;
use stories::wire::Wire;

/// Ours serves what is older than this no more, unless it is configured otherwise.
const BOUND: Duration = Duration::from_millis(250);
const ROUNDS: u64 = 20;

struct Both {
    go: TrustServer,
    ours: TrustServer,
    // After the servers: fields are dropped in order.
    scene: Scene,
}

impl Both {
    fn start(engine: Engine, staleness: Option<&str>) -> Result<Self> {
        let scene = Scene::set(engine)?;
        let go = scene.go()?;
        let more = staleness.map(|bound| ("cache", json!({ "max_staleness": bound })));
        let ours = scene.our_server(more.as_slice())?;
        Ok(Self { go, ours, scene })
    }

    fn wires(&self) -> Result<(Wire, Wire)> {
        Ok((Wire::new(&self.go)?, Wire::new(&self.ours)?))
    }
}

/// Reads until the timestamp has this version; no read that begins later than `bound` after `since` may be older. How
/// long it took.
async fn seen(wire: &Wire, gun: &str, version: u64, since: Instant, bound: Duration) -> Result<Duration> {
    loop {
        let age = since.elapsed();
        let current = wire.current(gun).await?;
        if current.timestamp >= version {
            return Ok(age);
        }
        ensure!(age <= bound, "{gun}: timestamp {} {age:?} after {version} was stored", current.timestamp);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What one server stores the other serves: at once (Notary's remembers nothing that is current), or within the bound.
async fn is_coherent(engine: Engine, staleness: Option<&str>, bound: Duration) -> Result<()> {
    let both = Both::start(engine, staleness)?;
    let (go, ours) = both.wires()?;
    let (gun, mut longest) = ("example.com/team/both", Duration::ZERO);
    let collection = go.create(gun, SnapshotHolder::Server).await?;
    for version in 2..ROUNDS {
        // In memory on both sides.
        ours.current(gun).await?;
        go.current(gun).await?;
        let (writer, reader, bound) = if version % 3 == 0 { (&ours, &go, Duration::ZERO) } else { (&go, &ours, bound) };
        let (status, body) = writer.publish(gun, &collection.upload(version)?).await?;
        ensure!(status == StatusCode::OK, "{status} {body}");
        let stored = Instant::now();
        longest = longest.max(seen(reader, gun, version, stored, bound).await?);
        ensure!(seen(writer, gun, version, stored, Duration::ZERO).await? < Duration::from_secs(10));
    }
    eprintln!("the other server told at the latest after {longest:?}");

    // Gone at one, gone at the other; made anew at one, there at the other.
    for (writer, reader, bound) in [(&go, &ours, bound), (&ours, &go, Duration::ZERO)] {
        reader.current(gun).await?;
        ensure!(writer.delete(&format!("/v2/{gun}/_trust/tuf/")).await? == StatusCode::OK);
        answered(reader, gun, StatusCode::NOT_FOUND, bound).await?;
        writer.create(gun, SnapshotHolder::Server).await?;
        answered(reader, gun, StatusCode::OK, bound).await?;
        ensure!(reader.current(gun).await?.timestamp == 1);
    }
    Ok(())
}

/// Reads until the timestamp is answered with this status; no read that begins later than `bound` from now may be
/// answered with another.
async fn answered(wire: &Wire, gun: &str, status: StatusCode, bound: Duration) -> Result<()> {
    let since = Instant::now();
    loop {
        let age = since.elapsed();
        let (found, _) = wire.get(&format!("/v2/{gun}/_trust/tuf/timestamp.json")).await?;
        if found == status {
            return Ok(());
        }
        ensure!(age <= bound, "{gun}: {found} instead of {status}, {age:?} after it changed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A race for one version of one collection.
struct Race<'a> {
    go: &'a Wire,
    ours: &'a Wire,
    gun: &'a str,
}

impl Race<'_> {
    /// Publishes two uploads to each server, Notary's so much later (or ours, if negative); gives the targets that won.
    async fn run(&self, uploads: [&[Part]; 4], later: i64) -> Result<Vec<u8>> {
        let wait = |micros: i64| tokio::time::sleep(Duration::from_micros(micros.max(0).unsigned_abs()));
        let go = async {
            wait(later).await;
            tokio::join!(self.go.publish(self.gun, uploads[0]), self.go.publish(self.gun, uploads[1]))
        };
        let ours = async {
            wait(-later).await;
            tokio::join!(self.ours.publish(self.gun, uploads[2]), self.ours.publish(self.gun, uploads[3]))
        };
        let (go, ours) = tokio::join!(go, ours);
        let answers = [go.0?, go.1?, ours.0?, ours.1?];
        let mut winners = Vec::new();
        for (place, (status, body)) in answers.iter().enumerate() {
            let (is_ours, is_conflict) = (place >= 2, body.contains(r#""code":"VERSION""#));
            match *status {
                StatusCode::OK => winners.push(place),
                StatusCode::BAD_REQUEST if is_conflict => {}
                // Notary's own way to say so when it is refused by the unique key of PostgreSQL, not found in advance.
                StatusCode::INTERNAL_SERVER_ERROR if !is_ours && body.contains("UPDATING") => {}
                _ => bail!("{answers:?}"),
            }
        }
        // Notary's server says 200 to whoever it finds stored already between its two looks, whoever stored it. What ours
        // says is stored is stored.
        let winner = winners.iter().copied().find(|place| *place >= 2).or(winners.first().copied());
        ensure!(winners.iter().filter(|place| **place >= 2).count() <= 1, "two won at ours: {answers:?}");
        let winner = winner.with_context(|| format!("nobody won: {answers:?}"))?;
        let targets = uploads[winner].iter().find(|(role, _)| role == "targets").context("targets in the upload")?;
        Ok(targets.1.clone())
    }
}

/// The targets that a server serves now.
async fn targets(wire: &Wire, gun: &str) -> Result<Vec<u8>> {
    wire.current(gun).await?;
    wire.file(gun, "targets.json").await?.context("no targets")
}

async fn races_have_one_winner(engine: Engine, holder: SnapshotHolder) -> Result<()> {
    let both = Both::start(engine, Some("0s"))?;
    let (go, ours) = both.wires()?;
    let (gun, mut now) = ("example.com/team/raced", Instant::now());
    let collection = ours.create(gun, holder).await?;
    let race = Race { go: &go, ours: &ours, gun };
    for version in 2..2 + ROUNDS {
        let uploads = [(); 4].map(|()| collection.upload(version));
        let [Ok(a), Ok(b), Ok(c), Ok(d)] = uploads else { bail!("cannot sign") };
        // From well before to well after the other's look at what is stored.
        let later = i64::try_from(version)? % 11 * 2_000 - 10_000;
        let winner = race.run([&a, &b, &c, &d], later).await?;
        ensure!(targets(&ours, gun).await? == winner, "version {version} at ours");
        ensure!(targets(&go, gun).await? == winner, "version {version} at Notary's");
        ensure!(now.elapsed() < Duration::from_secs(10), "a race took {:?}", now.elapsed());
        now = Instant::now();
    }
    Ok(())
}

/// People and their delegates publish and rotate keys at one server and then at the other, each with a signer of its own
/// on the same keys.
async fn people_use_either(engine: Engine) -> Result<()> {
    let mut scene = Scene::set(engine)?;
    scene.add_our_signer()?;
    let both = Both { go: scene.go()?, ours: scene.our_server(&[])?, scene };
    let (go, ours, scene) = (&both.go, &both.ours, &both.scene);
    scene.fill(ours)?;
    scene.everyone_publishes(go, "at-notarys")?;
    settled(&both).await?;
    scene.everyone_rotates(ours)?;
    scene.everyone_publishes(ours, "at-ours")?;
    scene.everyone_rotates(go)?;
    settled(&both).await?;
    scene.everyone_publishes(ours, "at-ours-again")?;
    let (theirs, mine) = (scene.person("left", go)?.list(APP)?, scene.person("right", ours)?.list(APP)?);
    ensure!(theirs == mine && theirs.len() == 9, "{theirs:?} {mine:?}");
    let told = scene.answers(&Wire::new(go)?).await?;
    scene.same(&told, &scene.answers(&Wire::new(ours)?).await?)
}

/// What was published last at Notary's server is told by ours within the bound.
async fn settled(both: &Both) -> Result<()> {
    let (wire, now) = (Wire::new(&both.ours)?, Instant::now());
    for gun in [APP, OWN] {
        seen(&wire, gun, both.scene.newest(gun, "timestamp")?, now, BOUND).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_notary_writes_to_postgresql_is_served_within_the_bound() -> Result<()> {
    is_coherent(Engine::Postgres, None, BOUND).await
}

#[tokio::test]
async fn what_notary_writes_to_mariadb_is_served_within_the_bound() -> Result<()> {
    is_coherent(Engine::MariaDb, None, BOUND).await
}

#[tokio::test]
async fn with_a_bound_of_zero_what_notary_writes_to_postgresql_is_served_at_once() -> Result<()> {
    is_coherent(Engine::Postgres, Some("0s"), Duration::ZERO).await
}

#[tokio::test]
async fn with_a_bound_of_zero_what_notary_writes_to_mariadb_is_served_at_once() -> Result<()> {
    is_coherent(Engine::MariaDb, Some("0s"), Duration::ZERO).await
}

#[tokio::test]
async fn a_race_between_the_servers_on_postgresql_has_one_winner() -> Result<()> {
    races_have_one_winner(Engine::Postgres, SnapshotHolder::Server).await
}

#[tokio::test]
async fn a_race_between_the_servers_on_mariadb_has_one_winner() -> Result<()> {
    races_have_one_winner(Engine::MariaDb, SnapshotHolder::Client).await
}

#[tokio::test]
async fn people_use_either_server_on_postgresql() -> Result<()> {
    people_use_either(Engine::Postgres).await
}

#[tokio::test]
async fn people_use_either_server_on_mariadb() -> Result<()> {
    people_use_either(Engine::MariaDb).await
}
