//! An operator of Notary v1 moves to our server on the database they have, goes back, and moves for good.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use reqwest::StatusCode;
use stories::command::{Outcome, run};
use stories::operator::{APP, GONE, OWN, Scene};
use stories::peers::database::Engine;
use stories::peers::our_server;
use stories::process::Stop;
use stories::signing::SnapshotHolder;
use stories::trust_server::TrustServer;
use stories::wire::Wire;

/// Long enough for a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Versions of the newest timestamps, by collection.
fn newest_timestamps(scene: &Scene) -> Result<String> {
    scene.query("SELECT gun, max(version) FROM tuf_files WHERE role = 'timestamp' GROUP BY gun ORDER BY gun")
}

/// Runs `notary-server` with our configuration and these words after it.
fn command(scene: &Scene, words: &[&str]) -> Result<Outcome> {
    let mut command = our_server::command(&scene.ours()?)?;
    command.arg("-config").arg(scene.our_config(&[])?).args(words);
    run(&mut command)
}

/// Everything that is stored is served as Notary's server served it, and nothing but additions was made.
async fn adopted_in_place(scene: &Scene) -> Result<TrustServer> {
    let mut go = scene.go()?;
    scene.fill(&go)?;
    let told = scene.answers(&Wire::new(&go)?).await?;
    let reader = scene.person("reader", &go)?;
    let listed = reader.list(APP)?;
    ensure!(listed.len() == 3, "{listed:?}");
    go.stop(Stop::Kill)?;

    let (rows, place, schema) = (scene.rows()?, scene.place()?, scene.schema()?);
    let plan = command(scene, &["migrate", "--dry-run"])?.success()?.stdout;
    ensure!(plan.contains("found: Notary's tables, version") && plan.contains("shared with Notary"), "{plan}");
    ensure!(!plan.contains("ALTER") && !plan.contains("UPDATE"), "{plan}");
    ensure!(scene.schema()? == schema, "a dry run changed the database");

    let ours = scene.our_server(&[])?;
    scene.same(&told, &scene.answers(&Wire::new(&ours)?).await?)?;
    ensure!(scene.rows()? == rows, "rows were changed");
    ensure!(scene.place()? == place, "a table was rewritten");
    let (before, after) = (schema.lines().collect::<Vec<_>>(), scene.schema()?);
    for line in before {
        ensure!(after.lines().any(|now| now == line), "{line} is gone");
    }
    // One reader remembers what Notary's server told, the other never asked it.
    ensure!(reader.at(&ours).list(APP)? == listed);
    ensure!(scene.person("newcomer", &ours)?.list(APP)? == listed);
    scene.person("newcomer", &ours)?.run(&["list", GONE])?.failure("does not have trust data")?;
    Ok(ours)
}

/// What is old is signed anew with the keys that Notary's programs made.
async fn renewed(scene: &Scene, ours: &mut TrustServer) -> Result<()> {
    ours.stop(Stop::Terminate)?;
    let before = newest_timestamps(scene)?;
    scene.query(match scene.engine() {
        Engine::Postgres => "UPDATE tuf_files SET created_at = created_at - interval '9 days' WHERE role = 'timestamp'",
        Engine::MariaDb => "UPDATE tuf_files SET created_at = created_at - interval 9 day WHERE role = 'timestamp'",
    })?;
    ours.resume()?;
    let begun = Instant::now();
    let wire = Wire::new(ours)?;
    let is_newer = |old: &str, new: &str| {
        old.lines().zip(new.lines()).all(|(old, new)| old != new) && old.lines().count() == new.lines().count()
    };
    while !is_newer(&before, &newest_timestamps(scene)?) {
        ensure!(begun.elapsed() < SOON, "not renewed: {before} {}", newest_timestamps(scene)?);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for gun in [APP, OWN] {
        let stored = scene.newest(gun, "timestamp")?;
        ensure!(wire.current(gun).await?.timestamp == stored, "{gun}");
    }
    Ok(())
}

/// Our signer takes the place of Notary's, with the keys it finds.
fn signer_adopted_in_place(scene: &mut Scene, ours: &mut TrustServer) -> Result<()> {
    let keys = scene.keys()?;
    scene.add_our_signer()?;
    ensure!(scene.keys()? == keys, "keys were changed");
    ours.stop(Stop::Terminate)?;
    *ours = scene.our_server(&[])?;
    scene.everyone_publishes(ours, "our-signer")?;
    // From here on some keys are ours.
    scene.everyone_rotates(ours)?;
    ensure!(scene.keys()?.starts_with(&keys), "Notary's keys were changed");
    Ok(())
}

async fn moves_over_back_and_for_good(engine: Engine) -> Result<()> {
    let mut scene = Scene::set(engine)?;
    let mut ours = adopted_in_place(&scene).await?;
    scene.everyone_publishes(&ours, "adopted")?;
    scene.everyone_rotates(&ours)?;
    signer_adopted_in_place(&mut scene, &mut ours)?;
    renewed(&scene, &mut ours).await?;
    // Everybody's cache is from before the renewal.
    scene.everyone_publishes(&ours, "renewed")?;
    command(&scene, &["check"])?.success()?;
    names_that_differ_in_case(&scene, &ours).await?;

    // Back to Notary's server and signer: what ours wrote is as good to them as their own.
    let told = scene.answers(&Wire::new(&ours)?).await?;
    ours.stop(Stop::Terminate)?;
    let mut go = scene.go()?;
    scene.same(&told, &scene.answers(&Wire::new(&go)?).await?)?;
    scene.everyone_publishes(&go, "back")?;
    scene.everyone_rotates(&go)?;
    let listed = scene.person("reader", &go)?.list(APP)?;
    let told = scene.answers(&Wire::new(&go)?).await?;
    go.stop(Stop::Kill)?;
    scene.end_notarys_signer()?;

    // For good.
    let plan = command(&scene, &["migrate", "--leave-notary", "--dry-run"])?.success()?.stdout;
    ensure!(plan.contains("ALTER TABLE tuf_files"), "{plan}");
    for done in
        [command(&scene, &["migrate", "--leave-notary"])?, scene.our_signer_command(&["migrate", "--leave-notary"])?]
    {
        let done = done.success()?.stdout;
        ensure!(done.contains("now: version") && done.contains("not shared with Notary"), "{done}");
    }
    ours.resume()?;
    scene.same(&told, &scene.answers(&Wire::new(&ours)?).await?)?;
    ensure!(scene.person("latecomer", &ours)?.list(APP)? == listed);
    scene.everyone_publishes(&ours, "left")?;
    scene.everyone_rotates(&ours)?;
    command(&scene, &["check"])?.success()?;
    Wire::new(&ours)?.create(&APP.replace("/app", "/App"), SnapshotHolder::Client).await?;
    ensure!(scene.person("latecomer", &ours)?.list(APP)?.len() > listed.len());
    Ok(())
}

/// Notary's tables on MySQL compare names without case: the second of two such names is refused, with the first.
async fn names_that_differ_in_case(scene: &Scene, ours: &TrustServer) -> Result<()> {
    let (wire, other, before) = (Wire::new(ours)?, APP.replace("/app", "/App"), scene.rows()?);
    let path = format!("/v2/{other}/_trust/tuf/");
    let made = wire.create(&other, SnapshotHolder::Server).await;
    match (scene.engine(), made.err().map(|refused| refused.to_string())) {
        (Engine::Postgres, None) => ensure!(wire.current(&other).await?.targets == 1),
        (Engine::MariaDb, Some(refused)) => {
            ensure!(refused.contains("400 Bad Request") && refused.contains("INVALID_GUN"), "{refused}");
            ensure!(refused.contains(APP), "{refused}");
            ensure!(wire.get(&format!("{path}timestamp.json")).await?.0 == StatusCode::NOT_FOUND);
        }
        (_, told) => bail!("{told:?}"),
    }
    // Deleting one leaves the other.
    ensure!(wire.delete(&path).await? == StatusCode::OK);
    ensure!(wire.current(APP).await?.timestamp == scene.newest(APP, "timestamp")?);
    ensure!(scene.engine() == Engine::Postgres || scene.rows()? == before, "rows were changed");
    Ok(())
}

#[tokio::test]
async fn a_database_of_notarys_on_postgresql_is_adopted_in_place_given_back_and_kept() -> Result<()> {
    moves_over_back_and_for_good(Engine::Postgres).await
}

#[tokio::test]
async fn a_database_of_notarys_on_mariadb_is_adopted_in_place_given_back_and_kept() -> Result<()> {
    moves_over_back_and_for_good(Engine::MariaDb).await
}
