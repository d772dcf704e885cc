//! What may be published, and what a client reads afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use chrono::TimeDelta;
use http::StatusCode;
use libtrust::keys::KeyAlgorithm;
use libtrust::metadata::Threshold;
use libtrust::names::RoleName;
use libtrust::testing::{Key, file, role_keys, version};
use support::{GUN, Server};

#[tokio::test]
async fn a_first_publication_can_be_read_and_verified() {
    let server = Server::new();
    let mut publisher = server.client_held(GUN).await;
    publisher.tag(10, 1);
    let answer = server.publish_client_held(&publisher).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    let chain = server.verify(GUN).await;
    assert_eq!(chain.role(&RoleName::Targets).unwrap().targets.len(), 10);
}

#[tokio::test]
async fn the_server_signs_snapshots_it_holds_the_key_of() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    assert_eq!(server.publish_server_held(&publisher).await.status, StatusCode::OK);
    for number in 2..5 {
        publisher.targets.version = version(number);
        publisher.tag(3, number);
        assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
        assert_eq!(server.verify(GUN).await.snapshot().version, version(number));
    }
    assert_eq!(server.version(GUN, "timestamp").await, 4);
}

#[tokio::test]
async fn files_in_any_layout_are_served_byte_for_byte_and_named_by_those_bytes() {
    let server = Server::new();
    let publisher = server.server_held(GUN).await;
    let pretty = |bytes: Vec<u8>| {
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        format!("{}\n", serde_json::to_string_pretty(&value).unwrap()).into_bytes()
    };
    let (root, targets) = (pretty(publisher.root_file()), pretty(publisher.targets_file()));
    assert_eq!(server.post(GUN, &[("root", &root), ("targets", &targets)]).await.status, StatusCode::OK);
    server.verify(GUN).await;
    assert_eq!(server.served(GUN, "root.json").await, root);
    assert_eq!(server.served(GUN, "targets.json").await, targets);
}

#[tokio::test]
async fn an_old_version_is_a_conflict_and_changes_nothing() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    publisher.targets.version = version(5);
    server.publish_server_held(&publisher).await;
    for number in [5, 4, 1] {
        publisher.targets.version = version(number);
        let answer = server.post(GUN, &[("targets", &publisher.targets_file())]).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "VERSION"));
    }
    assert_eq!(server.version(GUN, "targets").await, 5);
    assert_eq!(server.version(GUN, "timestamp").await, 1);
    publisher.targets.version = version(9);
    assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_root_nothing_is_accepted() {
    let server = Server::new();
    let publisher = server.server_held(GUN).await;
    let answer = server.post(GUN, &[("targets", &publisher.targets_file())]).await;
    assert_eq!(answer.refusal(), "ErrValidation: no pre-existing root and no root provided in update.");
    assert_eq!(server.file(GUN, "root.json").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_first_publication_needs_targets() {
    let server = Server::new();
    let publisher = server.server_held(GUN).await;
    let answer = server.post(GUN, &[("root", &publisher.root_file())]).await;
    assert_eq!(answer.refusal(), "ErrValidation: targets must be loaded first");
}

#[tokio::test]
async fn a_snapshot_that_names_files_nobody_has_is_refused() {
    let server = Server::new();
    let publisher = server.client_held(GUN).await;
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let named = [(&RoleName::Root, &root[..]), (&RoleName::Targets, &targets[..])];
    let snapshot = publisher.snapshot_file(1, &named);
    let answer = server.post(GUN, &[("root", &root), ("snapshot", &snapshot)]).await;
    assert_eq!(
        answer.refusal(),
        "ErrBadSnapshot: snapshot version 1 names targets, which is neither uploaded nor stored"
    );
    let ghost = "targets/ghost".parse().unwrap();
    let snapshot = publisher.snapshot_file(1, &[named[0], named[1], (&ghost, b"never uploaded")]);
    let answer = server.post(GUN, &[("root", &root), ("targets", &targets), ("snapshot", &snapshot)]).await;
    assert!(answer.refusal().contains("targets/ghost"), "{}", answer.refusal());
    assert_eq!(server.file(GUN, "root.json").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_snapshot_with_a_wrong_length_is_refused() {
    let server = Server::new();
    let publisher = server.client_held(GUN).await;
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let mut snapshot = publisher.snapshot(1, &[(&RoleName::Root, &root), (&RoleName::Targets, &targets)]);
    snapshot.meta.get_mut("targets").unwrap().length = Some(1);
    let snapshot = file(&snapshot, &[&publisher.snapshot_key]);
    let answer = server.post(GUN, &[("root", &root), ("targets", &targets), ("snapshot", &snapshot)]).await;
    assert!(answer.refusal().starts_with("ErrBadSnapshot: targets has"), "{}", answer.refusal());
}

#[tokio::test]
async fn who_holds_the_snapshot_key_must_sign_the_snapshot() {
    let server = Server::new();
    let publisher = server.client_held(GUN).await;
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let answer = server.post(GUN, &[("root", &root), ("targets", &targets)]).await;
    assert_eq!(
        answer.refusal(),
        "ErrBadHierarchy: no snapshot was included in update and server does not hold current snapshot key for \
         repository"
    );
    assert_eq!(answer.error()["detail"]["Error"]["Missing"], "snapshot");
}

#[tokio::test]
async fn a_root_whose_timestamp_key_is_not_the_servers_is_refused() {
    let server = Server::new();
    let (mut publisher, _) = libtrust::testing::Publisher::whole(GUN);
    publisher.tag(1, 1);
    let answer = server.publish_client_held(&publisher).await;
    assert!(answer.refusal().starts_with("ErrBadRoot: no  timestamp keys exist on the server"), "{}", answer.refusal());
}

#[tokio::test]
async fn keys_of_another_collection_do_not_sign_this_one() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    let foreign = server.key("registry.example/other", "timestamp").await;
    publisher.rotate(RoleName::Timestamp, &foreign);
    let answer = server.publish_server_held(&publisher).await;
    assert!(answer.refusal().starts_with("ErrBadRoot: no  timestamp keys exist on the server"), "{}", answer.refusal());
    assert_eq!(server.file(GUN, "timestamp.json").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn roots_follow_one_another_by_one_version_and_both_signatures() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    publisher.root.version = version(3);
    let answer = server.post(GUN, &[("root", &publisher.root_file())]).await;
    assert_eq!(answer.refusal(), "ErrBadRoot: Root modifications must increment the version. Current 1, new 3");

    let new = Key::certified(GUN, server.now(), server.now() + TimeDelta::days(10));
    publisher.root.version = version(2);
    publisher.rotate(RoleName::Root, &new.public);
    let alone = server.post(GUN, &[("root", &file(&publisher.root, &[&new]))]).await;
    assert!(
        alone.refusal().starts_with("ErrBadRoot: could not rotate trust to a new trusted root"),
        "{}",
        alone.refusal()
    );
    let old_only = server.post(GUN, &[("root", &file(&publisher.root, &[&publisher.root_key]))]).await;
    assert!(old_only.refusal().contains("failed to validate integrity of roots"), "{}", old_only.refusal());
    let both = server.post(GUN, &[("root", &file(&publisher.root, &[&new, &publisher.root_key]))]).await;
    assert_eq!(both.status, StatusCode::OK);
    assert_eq!(server.verify(GUN).await.root().version, version(2));
    server.served(GUN, "1.root.json").await;
}

#[tokio::test]
async fn an_expired_root_certificate_does_not_block_its_own_rotation() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    publisher.root_key = Key::certified(GUN, server.now(), server.now() + TimeDelta::days(2));
    publisher.rotate(RoleName::Root, &publisher.root_key.public.clone());
    assert_eq!(server.publish_server_held(&publisher).await.status, StatusCode::OK);
    server.pass(TimeDelta::days(3));
    publisher.targets.version = version(2);
    assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
    let new = Key::certified(GUN, server.now(), server.now() + TimeDelta::days(10));
    publisher.root.version = version(2);
    publisher.rotate(RoleName::Root, &new.public);
    let rotated = server.post(GUN, &[("root", &file(&publisher.root, &[&new, &publisher.root_key]))]).await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", String::from_utf8_lossy(&rotated.body));
    server.verify(GUN).await;
}

#[tokio::test]
async fn a_targets_key_cannot_change_without_targets_signed_by_it() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    let new = Key::new(KeyAlgorithm::Ecdsa);
    publisher.root.version = version(2);
    publisher.rotate(RoleName::Targets, &new.public);
    let answer = server.post(GUN, &[("root", &publisher.root_file())]).await;
    assert!(
        answer.refusal().starts_with("ErrBadTargets: valid signatures did not meet threshold"),
        "{}",
        answer.refusal()
    );
    publisher.targets.version = version(2);
    let targets = file(&publisher.targets, &[&new]);
    assert_eq!(
        server.post(GUN, &[("root", &publisher.root_file()), ("targets", &targets)]).await.status,
        StatusCode::OK
    );
    server.verify(GUN).await;
}

#[tokio::test]
async fn a_delegate_publishes_alone_under_a_stored_parent() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    let alice = Key::new(KeyAlgorithm::Ecdsa);
    publisher.delegate("targets/alice", &[&alice]);
    server.publish_server_held(&publisher).await;
    let delegated = file(&publisher.empty_targets(1), &[&alice]);
    assert_eq!(server.post(GUN, &[("targets/alice", &delegated)]).await.status, StatusCode::OK);
    assert_eq!(server.served(GUN, "targets/alice.json").await, delegated);
    assert_eq!(server.served(GUN, "1.targets/alice.json").await, delegated);
    let mut chain = server.verify(GUN).await;
    let role: RoleName = "targets/alice".parse().unwrap();
    chain.delegation(&"targets/alice".parse().unwrap(), &support::parse(&role, &delegated), None).unwrap();

    let mallory = Key::new(KeyAlgorithm::Ecdsa);
    let forged = file(&publisher.empty_targets(2), &[&mallory]);
    let answer = server.post(GUN, &[("targets/alice", &forged)]).await;
    let refusal = answer.refusal();
    assert!(
        refusal.starts_with("ErrBadTargets: valid signatures did not meet threshold for targets/alice"),
        "{refusal}"
    );
    assert!(refusal.contains("version 2 has 0 of 1") && refusal.contains(alice.id.as_str()), "{refusal}");
}

#[tokio::test]
async fn a_delegation_nobody_made_is_refused() {
    let server = Server::new();
    let publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    let delegated = file(&publisher.empty_targets(1), &[&publisher.targets_key]);
    let answer = server.post(GUN, &[("targets/a", &delegated)]).await;
    assert_eq!(answer.refusal(), "ErrBadTargets: tuf: invalid role targets/a. delegation does not exist");
    let answer = server.post(GUN, &[("targets/a/b", &delegated)]).await;
    assert!(answer.refusal().starts_with("ErrBadTargets: targets/a was never published"), "{}", answer.refusal());
}

#[tokio::test]
async fn expired_uploads_are_refused_with_their_date() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    publisher.targets.expires = server.now() - TimeDelta::seconds(1);
    let answer = server.publish_server_held(&publisher).await;
    assert!(
        answer.refusal().starts_with("ErrBadTargets: targets expired at Fri Jan 15 07:59:59 UTC 2027"),
        "{}",
        answer.refusal()
    );
}

#[tokio::test]
async fn a_version_that_notarys_tables_cannot_hold_is_refused() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    publisher.targets.version = version(1 << 31);
    let answer = server.publish_server_held(&publisher).await;
    assert!(answer.refusal().starts_with("ErrBadTargets: targets version 2147483648 is beyond 2147483647"));
}

#[tokio::test]
async fn an_upload_of_nothing_is_answered_and_mints_nothing() {
    let server = Server::new();
    let publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    for _ in 0..3 {
        assert_eq!(server.post(GUN, &[]).await.status, StatusCode::OK);
    }
    assert_eq!(server.version(GUN, "timestamp").await, 1);
    let answer = server.post("registry.example/none", &[]).await;
    assert!(answer.refusal().starts_with("ErrValidation"));
}

#[tokio::test]
async fn a_threshold_of_two_needs_two_keys_not_two_signatures() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    let second = Key::new(KeyAlgorithm::Ed25519);
    publisher.root.keys.insert(second.id.clone(), second.public.clone());
    let keys = role_keys(&[&publisher.targets_key.id, &second.id], 2);
    assert_eq!(keys.threshold, Threshold::try_from(2).unwrap());
    publisher.root.roles.insert(RoleName::Targets, keys);
    let root = publisher.root_file();
    let twice = file(&publisher.targets, &[&publisher.targets_key, &publisher.targets_key]);
    let answer = server.post(GUN, &[("root", &root), ("targets", &twice)]).await;
    assert!(answer.refusal().contains("has 1 of 2"), "{}", answer.refusal());
    let both = file(&publisher.targets, &[&publisher.targets_key, &second]);
    assert_eq!(server.post(GUN, &[("root", &root), ("targets", &both)]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_publishers_at_once_one_wins_and_the_other_is_told() {
    let server = std::sync::Arc::new(Server::new());
    let mut publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    for round in 2..12 {
        publisher.targets.version = version(round);
        let attempts: Vec<_> = (0..4)
            .map(|writer| {
                publisher.tag(2, round * 10 + writer);
                let (server, targets) = (server.clone(), publisher.targets_file());
                tokio::spawn(async move { server.post(GUN, &[("targets", &targets)]).await })
            })
            .collect();
        let mut won = 0;
        for attempt in attempts {
            let answer = attempt.await.unwrap();
            if answer.status == StatusCode::OK {
                won += 1;
            } else {
                assert_eq!(answer.code(), "VERSION");
            }
        }
        assert_eq!(won, 1);
        server.verify(GUN).await;
    }
}

#[tokio::test]
async fn a_snapshot_cannot_bring_back_older_targets() {
    let server = Server::new();
    let mut publisher = server.client_held(GUN).await;
    server.publish_client_held(&publisher).await;
    let (root, old) = (server.served(GUN, "root.json").await, server.served(GUN, "targets.json").await);
    publisher.targets.version = version(2);
    let new = publisher.targets_file();
    let snapshot = publisher.snapshot_file(2, &[(&RoleName::Root, &root), (&RoleName::Targets, &new)]);
    assert_eq!(server.post(GUN, &[("targets", &new), ("snapshot", &snapshot)]).await.status, StatusCode::OK);
    let back = publisher.snapshot_file(3, &[(&RoleName::Root, &root), (&RoleName::Targets, &old)]);
    let answer = server.post(GUN, &[("snapshot", &back)]).await;
    assert!(
        answer.refusal().starts_with("ErrBadSnapshot: snapshot version 3 names another targets"),
        "{}",
        answer.refusal()
    );
    assert_eq!(server.version(GUN, "targets").await, 2);
}

#[tokio::test]
async fn a_key_listed_twice_counts_once_for_the_server_too() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    let id = publisher.root.roles[&RoleName::Timestamp].key_ids[0].clone();
    publisher.root.roles.insert(RoleName::Timestamp, role_keys(&[&id, &id], 2));
    let answer = server.publish_server_held(&publisher).await;
    assert!(answer.refusal().starts_with("ErrBadRoot: no  timestamp keys exist on the server"), "{}", answer.refusal());
    publisher.root.roles.insert(RoleName::Timestamp, role_keys(&[&id, &id], 1));
    assert_eq!(server.publish_server_held(&publisher).await.status, StatusCode::OK);
    let timestamp: serde_json::Value = serde_json::from_slice(&server.served(GUN, "timestamp.json").await).unwrap();
    assert_eq!(timestamp["signatures"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn versions_the_server_makes_end_where_the_table_does() {
    let server = Server::new();
    let mut publisher = server.client_held(GUN).await;
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let last = publisher.snapshot_file((1 << 31) - 1, &[(&RoleName::Root, &root), (&RoleName::Targets, &targets)]);
    let parts: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("snapshot", &last)];
    assert_eq!(server.post(GUN, &parts).await.status, StatusCode::OK);
    publisher.root.version = version(2);
    let key = server.key(GUN, "snapshot").await;
    publisher.rotate(RoleName::Snapshot, &key);
    let answer = server.post(GUN, &[("root", &publisher.root_file())]).await;
    assert!(
        answer.refusal().starts_with("ErrBadSnapshot: snapshot version 2147483648 is beyond"),
        "{}",
        answer.refusal()
    );
    server.verify(GUN).await;
}

#[tokio::test]
async fn a_small_file_of_very_many_values_is_refused() {
    let server = Server::new();
    let publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    let bomb = format!("{{\"signed\":{{\"x\":[0{}]}}}}", ",0".repeat(2_000_000));
    let answer = server.post(GUN, &[("root", bomb.as_bytes())]).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "MALFORMED_JSON"));
    assert!(answer.error()["detail"].as_str().unwrap().contains("more than 2000000 values"), "{}", answer.error());
}
