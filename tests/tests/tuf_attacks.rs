//! The attacks of the TUF specification's list, played on `trust tuf` by somebody between it and the repository, with none of the
//! keys or with some. Each ends in 1 with its own words, no attacker's file is kept, and the next honest refresh succeeds.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use stories::tuf::attacked::{DELEGATED, FILE, OTHER, World};
use stories::tuf::site::Answer;

// ---------------------------------------------------------------- arbitrary installation

#[test]
fn a_whole_repository_of_somebody_else_is_refused() -> Result<()> {
    let world = World::start()?;
    let stranger = world.strangers()?;
    world.site.show(stranger.folder());
    world.refresh_fails("valid signatures did not meet threshold for timestamp")?;
    world.recovers()
}

#[test]
fn a_next_root_of_somebody_else_is_refused() -> Result<()> {
    let world = World::start()?;
    let mut stranger = world.strangers()?;
    stranger.rotate("root")?;
    let root = std::fs::read(stranger.folder().join("metadata/2.root.json"))?;
    world.site.answer("metadata/2.root.json", Answer::Bytes(root));
    world.refresh_fails("could not rotate trust to a new trusted root")?;
    world.recovers()
}

#[test]
fn another_artifact_is_refused() -> Result<()> {
    let world = World::start()?;
    world.user.forget_targets()?;
    world.site.answer(&world.artifact(FILE)?, Answer::Bytes(b"malware.....3".to_vec()));
    world.download_fails(FILE, &[], "app.bin is not what was signed: its sha256 is another")?;
    world.recovers()
}

// ---------------------------------------------------------------- endless data

#[test]
fn files_without_end_are_given_up() -> Result<()> {
    let mut world = World::start()?;
    world.site.answer("metadata/2.root.json", Answer::Endless);
    world.refresh_fails("has more than 512000 bytes for 2.root.json")?;
    world.site.repent();
    world.site.answer("metadata/timestamp.json", Answer::Endless);
    world.refresh_fails("has more than 16384 bytes for timestamp.json")?;
    world.recovers()?;
    world.repository.add("targets", FILE, "application 3, which is longer than 2")?;
    world.repository.publish(&["targets"])?;
    let length = world.file(world.repository.folder(), "3.snapshot.json")?.len();
    world.site.answer("metadata/3.snapshot.json", Answer::Endless);
    world.refresh_fails_keeping(&["timestamp.json"], &format!("has more than {length} bytes for 3.snapshot.json"))?;
    world.recovers()
}

#[test]
fn an_artifact_without_end_is_given_up() -> Result<()> {
    let world = World::start()?;
    world.user.forget_targets()?;
    world.site.answer(&world.artifact(FILE)?, Answer::Endless);
    world.download_fails(FILE, &[], "app.bin should have 13 bytes and has")?;
    world.recovers()
}

// ---------------------------------------------------------------- extraneous dependencies

#[test]
fn a_dependency_slipped_into_signed_metadata_is_refused() -> Result<()> {
    let mut world = World::start()?;
    world.repository.add("targets", FILE, "application 3")?;
    world.repository.publish(&["targets"])?;
    let targets = String::from_utf8(world.file(world.repository.folder(), "3.targets.json")?)?;
    let more = targets.replacen(r#""targets":{"#, r#""targets":{"bad.bin":{"hashes":{"sha256":"00"},"length":1},"#, 1);
    ensure!(more != targets, "nothing was slipped in: {targets}");
    world.site.answer("metadata/3.targets.json", Answer::Bytes(more.into_bytes()));
    world.refresh_fails_keeping(&["snapshot.json", "timestamp.json"], "for 3.targets.json")?;
    world.recovers()
}

#[test]
fn a_delegate_cannot_add_what_it_was_not_given() -> Result<()> {
    let mut world = World::start()?;
    world.repository.add("team", "elsewhere/dependency.bin", "not given")?;
    world.repository.publish(&["team"])?;
    world.user.refresh()?.success()?;
    world.download_fails(
        "elsewhere/dependency.bin",
        &[],
        "no role that may speak for elsewhere/dependency.bin lists it",
    )?;
    // What it was given is not hurt by it.
    world.recovers()
}

// ---------------------------------------------------------------- fast-forward

#[test]
fn versions_pushed_up_are_recovered_from_by_new_keys_alone() -> Result<()> {
    let mut world = World::start()?;
    world.repository.tell("version", &json!({"role": "timestamp", "version": 1_000_000}))?;
    world.repository.tell("version", &json!({"role": "snapshot", "version": 1_000_000}))?;
    world.repository.publish(&[])?;
    world.user.refresh()?.success()?;
    // The keepers have their versions again, but what the attacker pushed up stands.
    world.repository.tell("version", &json!({"role": "timestamp", "version": 2}))?;
    world.repository.tell("version", &json!({"role": "snapshot", "version": 2}))?;
    world.repository.publish(&[])?;
    world.refresh_fails("is lower than current version 1000001: timestamp")?;
    // A key beside the old ones is no recovery: it would open a rollback for nothing.
    world.repository.tell("rotate", &json!({"role": "timestamp", "keep": true}))?;
    world.repository.publish(&[])?;
    world.refresh_fails_keeping(&["root.json"], "is lower than current version 1000001: timestamp")?;
    world.repository.rotate("timestamp")?;
    world.repository.rotate("snapshot")?;
    world.repository.publish(&[])?;
    world.recovers()
}

// ---------------------------------------------------------------- indefinite freeze

#[test]
fn an_old_state_is_refused_once_it_expired() -> Result<()> {
    let mut world = World::start()?;
    for role in ["timestamp", "snapshot"] {
        world.repository.tell("expires", &json!({"role": role, "at": "2040-01-02T00:00:00Z"}))?;
    }
    world.repository.publish(&[])?;
    world.user = world.user.at("2040-01-01 23:59:00");
    world.user.refresh()?.success()?;
    let frozen = world.repository.copy("frozen")?;
    world.repository.tell("expires", &json!({"role": "timestamp", "at": "2040-02-01T00:00:00Z"}))?;
    world.repository.tell("timestamp", &json!({}))?;
    world.site.show(&frozen);
    world.user = world.user.at("2040-01-02 00:00:00");
    world.refresh_fails("timestamp expired at Mon Jan 2 00:00:00 UTC 2040")?;
    // A timestamp of today does not make an old snapshot good.
    world.site.show(world.repository.folder());
    world.refresh_fails_keeping(&["timestamp.json"], "snapshot expired at Mon Jan 2 00:00:00 UTC 2040")?;
    world.repository.tell("expires", &json!({"role": "snapshot", "at": "2040-02-01T00:00:00Z"}))?;
    world.repository.publish(&[])?;
    world.recovers()
}

#[test]
fn an_expired_root_is_refused() -> Result<()> {
    let mut world = World::with(&json!({"expires": "2040-01-02T00:00:00Z"}))?;
    world.user = world.user.at("2040-01-02 00:00:00");
    world.refresh_fails("root expired at Mon Jan 2 00:00:00 UTC 2040")
}

// ---------------------------------------------------------------- malicious mirrors

#[test]
fn a_mirror_that_withholds_files_is_named() -> Result<()> {
    let mut world = World::start()?;
    world.repository.rotate("root")?;
    // Not "there is no newer root": an attacker who withholds keys must not be helped.
    world.site.answer("metadata/2.root.json", Answer::Status(500));
    world.refresh_fails("answered with status 500 for 2.root.json")?;
    world.site.repent();
    world.site.answer("metadata/timestamp.json", Answer::Status(404));
    world.refresh_fails_keeping(&["root.json"], "has no timestamp.json")?;
    world.site.repent();
    world.site.answer("metadata/timestamp.json", Answer::Cut(20));
    world.refresh_fails("timestamp.json")?;
    world.recovers()?;
    world.user.forget_targets()?;
    world.site.answer(&world.artifact(FILE)?, Answer::Status(404));
    world.download_fails(FILE, &[], "lists app.bin and does not have it")?;
    world.recovers()
}

#[test]
fn a_mirror_that_spoils_files_is_found_out() -> Result<()> {
    let world = World::start()?;
    for garbage in ["", "{}", "<html>Welcome to our network</html>", "[[[[[[[["] {
        world.site.answer("metadata/timestamp.json", Answer::Bytes(garbage.into()));
        world.refresh_fails("timestamp")?;
    }
    world.recovers()
}

// ---------------------------------------------------------------- mix and match

#[test]
fn files_of_different_states_are_refused() -> Result<()> {
    let mut world = World::start()?;
    world.repository.add("targets", FILE, "application 3")?;
    world.repository.add("team", DELEGATED, "plugin 3")?;
    world.repository.publish(&["targets", "team"])?;
    world.site.answer("metadata/3.snapshot.json", Answer::FileOf("metadata/2.snapshot.json".to_owned()));
    world.refresh_fails_keeping(&["timestamp.json"], "checksum for snapshot did not match")?;
    world.site.repent();
    world.site.answer("metadata/3.targets.json", Answer::FileOf("metadata/2.targets.json".to_owned()));
    world.refresh_fails_keeping(&["snapshot.json"], "checksum for targets did not match")?;
    world.site.repent();
    world.site.answer("metadata/3.team.json", Answer::FileOf("metadata/2.team.json".to_owned()));
    world.download_fails(DELEGATED, &["targets.json"], "checksum for team did not match")?;
    world.recovers()
}

#[test]
fn files_of_different_states_are_refused_without_digests() -> Result<()> {
    let mut world = World::start()?;
    world.repository.add("targets", FILE, "application 3")?;
    world.repository.tell("publish", &json!({"roles": ["targets", "team"], "lengths": false}))?;
    world.site.answer("metadata/3.snapshot.json", Answer::FileOf("metadata/2.snapshot.json".to_owned()));
    world.refresh_fails_keeping(&["timestamp.json"], "snapshot is version 2, the timestamp names version 3")?;
    world.site.repent();
    world.site.answer("metadata/3.targets.json", Answer::FileOf("metadata/2.targets.json".to_owned()));
    world.refresh_fails_keeping(&["snapshot.json"], "targets is version 2, the snapshot names version 3")?;
    world.recovers()
}

// ---------------------------------------------------------------- rollback

#[test]
fn an_older_timestamp_is_refused() -> Result<()> {
    let world = World::start()?;
    world.site.show(&world.first);
    world.refresh_fails("version 1 is lower than current version 2: timestamp")?;
    world.recovers()
}

#[test]
fn an_older_root_is_refused() -> Result<()> {
    let world = World::start()?;
    world.site.answer("metadata/2.root.json", Answer::FileOf("metadata/1.root.json".to_owned()));
    world.refresh_fails("root is version 1")?;
    world.recovers()
}

/// Somebody has the timestamp's key, then the snapshot's too.
#[test]
fn older_files_are_refused_however_well_they_are_named() -> Result<()> {
    let mut world = World::start()?;
    world.repository.tell("version", &json!({"role": "snapshot", "version": 0}))?;
    world.repository.publish(&[])?;
    world.refresh_fails("version 1 is lower than current version 2: snapshot")?;
    world.repository.tell("version", &json!({"role": "snapshot", "version": 10}))?;
    world.repository.tell("version", &json!({"role": "targets", "version": 0}))?;
    world.repository.publish(&["targets"])?;
    world.refresh_fails_keeping(&["timestamp.json"], "version 1 is lower than current version 2: targets")?;
    world.repository.tell("version", &json!({"role": "targets", "version": 10}))?;
    world.repository.tell("version", &json!({"role": "team", "version": 0}))?;
    world.repository.publish(&["targets", "team"])?;
    world.refresh_fails_keeping(&["timestamp.json"], "version 1 is lower than current version 2: team")?;
    world.repository.tell("unlist", &json!({"role": "team"}))?;
    world.repository.publish(&[])?;
    world.refresh_fails_keeping(&["timestamp.json"], "no longer names team")?;
    world.repository.tell("version", &json!({"role": "team", "version": 10}))?;
    world.repository.publish(&["team"])?;
    world.recovers()
}

// ---------------------------------------------------------------- slow retrieval

#[test]
fn a_server_that_trickles_or_stalls_is_given_up() -> Result<()> {
    let mut world = World::start()?;
    world.user = world.user.with_options(&["--timeout", "1s"]);
    world.site.answer("metadata/timestamp.json", Answer::Slow(Duration::from_millis(20)));
    world.refresh_fails("cannot read timestamp.json from http://127.0.0.1")?;
    world.site.answer("metadata/timestamp.json", Answer::Stalls(20));
    world.refresh_fails("timestamp.json")?;
    world.site.repent();
    world.user.forget_targets()?;
    world.site.answer(&world.artifact(FILE)?, Answer::Stalls(4));
    world.download_fails(FILE, &[], "nothing came for 1 s")?;
    world.recovers()
}

// ---------------------------------------------------------------- key compromise

#[test]
fn one_stolen_key_of_two_is_not_enough() -> Result<()> {
    let mut world = World::start()?;
    world.repository.tell("rotate", &json!({"role": "targets", "keys": 3, "threshold": 2}))?;
    world.repository.tell("rotate", &json!({"role": "root", "keys": 3, "threshold": 2}))?;
    world.repository.publish(&["targets"])?;
    world.user.refresh()?.success()?;
    let honest = world.repository.copy("honest")?;
    // With one key, and with signatures of strangers beside it.
    world.repository.tell("signs", &json!({"role": "targets", "keys": 1, "strangers": 2}))?;
    world.repository.add("targets", FILE, "malware.....3")?;
    world.repository.publish(&["targets"])?;
    let newer = ["snapshot.json", "timestamp.json"];
    world.refresh_fails_keeping(&newer, "valid signatures did not meet threshold for targets")?;
    world.repository.tell("signs", &json!({"role": "root", "keys": 1}))?;
    world.repository.tell("root", &json!({}))?;
    world.refresh_fails("could not rotate trust to a new trusted root")?;
    world.site.show(&honest);
    Ok(())
}

#[test]
fn a_replaced_key_counts_no_more() -> Result<()> {
    let mut world = World::start()?;
    // The stolen key signs a timestamp, which the keepers answer with a new key.
    world.repository.tell("timestamp", &json!({}))?;
    let stolen = world.file(world.repository.folder(), "timestamp.json")?;
    world.repository.rotate("timestamp")?;
    world.repository.publish(&[])?;
    world.site.answer("metadata/timestamp.json", Answer::Bytes(stolen));
    let before = world.user.kept()?;
    world.user.refresh()?.failure("valid signatures did not meet threshold for timestamp")?;
    // What the retired key signed is forgotten with it.
    ensure!(world.user.kept()?.keys().all(|name| !["timestamp.json", "snapshot.json"].contains(&name.as_str())));
    ensure!(before.contains_key("timestamp.json"));
    world.recovers()
}

// ---------------------------------------------------------------- wrong software

#[test]
fn the_file_of_another_name_is_refused() -> Result<()> {
    let world = World::start()?;
    world.user.forget_targets()?;
    world.site.answer(&world.artifact(FILE)?, Answer::FileOf(world.artifact(OTHER)?));
    world.download_fails(FILE, &[], "app.bin should have 13 bytes and has")?;
    // Both sound, but one in the place of the other.
    world.site.answer("metadata/timestamp.json", Answer::FileOf("metadata/2.snapshot.json".to_owned()));
    world.refresh_fails("timestamp")?;
    world.recovers()
}

#[test]
fn targets_that_nobody_lists_are_not_found() -> Result<()> {
    let world = World::start()?;
    world.download_fails("absent.bin", &[], "no role that may speak for absent.bin lists it")?;
    world.download_fails("team/absent.bin", &[], "no role that may speak for team/absent.bin lists it")
}
