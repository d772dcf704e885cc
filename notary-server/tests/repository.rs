//! TUF 1.0 repositories beside Notary's collections: what may be published, and what a reader makes of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;

use chrono::TimeDelta;
use http::{Method, StatusCode};
use libtrust::dialect::tuf;
use libtrust::names::RoleName;
use libtrust::testing::version;
use support::repository::{Key, Online, Publisher, delegate, file, with_member};
use support::{GUN, Server};

const OK: StatusCode = StatusCode::OK;

/// A repository whose snapshots and timestamps are the server's.
async fn published() -> (Server, Publisher) {
    let server = Server::new();
    let mut publisher = Publisher::new(&server, GUN, Online::Server).await;
    publisher.target("latest");
    let answer = server.put_first(GUN, &publisher).await;
    assert_eq!((answer.status, answer.body.len()), (OK, 0), "{}", String::from_utf8_lossy(&answer.body));
    (server, publisher)
}

#[tokio::test]
async fn a_first_publication_is_read_and_verified() {
    let (server, publisher) = published().await;
    let reader = server.reader(GUN, &publisher.root_file());
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [1, 1, 1, 1]);
    assert_eq!(reader.find(server.now(), "latest").await.unwrap(), "targets");
    assert!(reader.find(server.now(), "other").await.is_err());
}

#[tokio::test]
async fn what_the_server_signs_names_files_by_version_and_roots_nowhere() {
    let (server, mut publisher) = published().await;
    for number in 2..4 {
        publisher.targets.version = version(number);
        assert_eq!(server.put(GUN, &[("targets.json", &publisher.targets_file())]).await.status, OK);
    }
    let snapshot = server.says(GUN, "snapshot.json").await;
    let meta = snapshot["meta"].as_object().unwrap();
    assert_eq!((meta.len(), meta["targets.json"]["version"].as_u64()), (1, Some(3)), "roots are not named");
    let targets = server.metadata(GUN, "3.targets.json").await.body;
    assert_eq!(meta["targets.json"]["length"].as_u64(), Some(targets.len() as u64));
    assert_eq!(snapshot["_type"], "snapshot");
    let timestamp = server.says(GUN, "timestamp.json").await;
    let named = &timestamp["meta"]["snapshot.json"];
    let file = server.metadata(GUN, "3.snapshot.json").await.body;
    assert_eq!((named["version"].as_u64(), named["length"].as_u64()), (Some(3), Some(file.len() as u64)));
    let reader = server.reader(GUN, &publisher.root_file());
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [1, 3, 3, 3]);
}

#[tokio::test]
async fn files_are_served_under_both_kinds_of_names_as_they_were_sent() {
    let (server, publisher) = published().await;
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    for (name, expected) in [("root", &root), ("targets", &targets)] {
        assert_eq!(&server.metadata(GUN, &format!("{name}.json")).await.body, expected);
        assert_eq!(&server.metadata(GUN, &format!("1.{name}.json")).await.body, expected);
        assert_eq!(server.metadata(GUN, &format!("2.{name}.json")).await.status, StatusCode::NOT_FOUND);
    }
    let current = server.metadata(GUN, "timestamp.json").await;
    assert_eq!(current.headers["cache-control"], "no-cache");
    let immutable = server.metadata(GUN, "1.root.json").await;
    assert_eq!(immutable.headers["cache-control"], "public, max-age=2592000, s-maxage=2592000");
    assert_eq!(immutable.headers["content-type"], "application/json");
    let known = http::Request::builder()
        .uri(format!("/tuf/{GUN}/metadata/timestamp.json"))
        .header("if-none-match", &current.headers["etag"]);
    let again = server.send(known.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(server.request(Method::HEAD, &format!("/tuf/{GUN}/metadata/1.root.json")).await.status, OK);
    assert_eq!(server.metadata(GUN, "other.json").await.error()["detail"], serde_json::json!({}));
}

#[tokio::test]
async fn owners_who_sign_everything_send_everything() {
    let server = Server::new();
    let mut publisher = Publisher::new(&server, GUN, Online::Nobody).await;
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let answer = server.put(GUN, &[("root", &root), ("targets", &targets)]).await;
    assert!(answer.refusal().starts_with("ErrBadHierarchy: no snapshot was included"), "{}", answer.refusal());
    let snapshot = publisher.snapshot_file(1, &[("targets", 1)]);
    let parts: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("snapshot", &snapshot)];
    let answer = server.put(GUN, &parts).await;
    assert!(answer.refusal().starts_with("ErrBadHierarchy: no timestamp was sent"), "{}", answer.refusal());
    let timestamp = publisher.timestamp_file(1, 1);
    assert_eq!(server.put(GUN, &[parts[0], parts[1], parts[2], ("timestamp", &timestamp)]).await.status, OK);
    let reader = server.reader(GUN, &root);
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [1, 1, 1, 1]);

    // A new timestamp alone, and a new root with nothing but a timestamp.
    assert_eq!(server.put(GUN, &[("timestamp", &publisher.timestamp_file(2, 1))]).await.status, OK);
    publisher.root.version = version(2);
    let (root, timestamp) = (publisher.root_file(), publisher.timestamp_file(3, 1));
    assert_eq!(server.put(GUN, &[("root", &root), ("timestamp", &timestamp)]).await.status, OK);
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [2, 3, 1, 1]);
    assert_eq!(server.metadata(GUN, "timestamp.json").await.body, timestamp);
}

#[tokio::test]
async fn a_timestamp_names_the_snapshot_that_is_current_then() {
    let server = Server::new();
    let publisher = Publisher::new(&server, GUN, Online::Nobody).await;
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let snapshot = publisher.snapshot_file(1, &[("targets", 1)]);
    let first: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("snapshot", &snapshot)];
    let put = |timestamp: Vec<u8>| {
        let server = &server;
        async move { server.put(GUN, &[first[0], first[1], first[2], ("timestamp", &timestamp)]).await }
    };
    assert!(put(publisher.timestamp_file(1, 2)).await.refusal().contains("the timestamp names version 2"));
    let foreign = file(&publisher.timestamp(1, 1), &[&publisher.snapshot_key]);
    assert!(put(foreign).await.refusal().contains("threshold"));
    let mut old = publisher.timestamp(1, 1);
    old.expires = server.now();
    assert!(put(file(&old, &[&publisher.timestamp_key])).await.refusal().contains("expired"));
    assert_eq!(put(publisher.timestamp_file(1, 1)).await.status, OK);
    let again = server.put(GUN, &[("timestamp", &publisher.timestamp_file(1, 1))]).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::BAD_REQUEST, "VERSION"));
}

#[tokio::test]
async fn what_nobody_signed_for_the_repository_is_refused() {
    let (server, mut publisher) = published().await;
    publisher.targets.version = version(2);
    let foreign = file(&publisher.targets, &[&publisher.root_key]);
    assert!(server.put(GUN, &[("targets", &foreign)]).await.refusal().starts_with("ErrBadTargets: valid signatures"));
    publisher.targets.expires = server.now();
    let refusal = server.put(GUN, &[("targets", &publisher.targets_file())]).await.refusal();
    assert!(refusal.starts_with("ErrBadTargets: targets expired"), "{refusal}");
    let answer = server.put(GUN, &[("targets", b"{}")]).await;
    assert_eq!(answer.code(), "MALFORMED_JSON");
    assert_eq!(server.put(GUN, &[("a%0Ab", b"{}")]).await.code(), "INVALID_ROLE");
    let other = server.put("registry.example/other", &[("targets", &publisher.targets_file())]).await;
    assert!(other.refusal().starts_with("ErrValidation"), "{}", other.refusal());
    assert_eq!(server.signed_version(GUN, "timestamp.json").await, 1);
}

#[tokio::test]
async fn an_old_version_is_a_conflict() {
    let (server, mut publisher) = published().await;
    publisher.targets.version = version(5);
    assert_eq!(server.put(GUN, &[("targets", &publisher.targets_file())]).await.status, OK);
    for number in [5, 4, 1] {
        publisher.targets.version = version(number);
        let answer = server.put(GUN, &[("targets", &publisher.targets_file())]).await;
        assert_eq!(answer.code(), "VERSION");
    }
    // Versions have no bound of Notary's tables here.
    publisher.targets.version = version(1 << 40);
    assert_eq!(server.put(GUN, &[("targets", &publisher.targets_file())]).await.status, OK);
}

#[tokio::test]
async fn delegations_of_any_name_are_found_by_readers() {
    let (server, mut publisher) = published().await;
    let key = Key::new();
    for name in ["a/b", "..", "å \"%?#", "1.root", "x.json"] {
        publisher.delegate(name, &key);
    }
    publisher.targets.version = version(2);
    let targets = publisher.targets_file();
    let role = |name: &str| file(&publisher.role(1, &[name]), &[&key]);
    let (slash, dots, odd, number, json) =
        (role("t-slash"), role("t-dots"), role("t-odd"), role("t-number"), role("t-json"));
    let parts: Vec<(&str, &[u8])> = vec![
        ("targets.json", &targets),
        ("a%2Fb.json", &slash),
        ("...json", &dots),
        ("%C3%A5%20%22%25%3F%23.json", &odd),
        ("1.root.json", &number),
        ("x.json.json", &json),
    ];
    let answer = server.put(GUN, &parts).await;
    assert_eq!(answer.status, OK, "{}", String::from_utf8_lossy(&answer.body));
    let reader = server.reader(GUN, &publisher.root_file());
    for (target, role) in
        [("t-slash", "a/b"), ("t-dots", ".."), ("t-odd", "å \"%?#"), ("t-number", "1.root"), ("t-json", "x.json")]
    {
        assert_eq!(reader.find(server.now(), target).await.unwrap(), role);
    }
    assert_eq!(server.metadata(GUN, "1.a%2Fb.json").await.body, slash);
    assert_eq!(server.metadata(GUN, "a%2Fb.json").await.body, slash);

    // One of them alone, later.
    let newer = file(&publisher.role(2, &["t-new"]), &[&key]);
    assert_eq!(server.put(GUN, &[("a%2Fb.json", &newer)]).await.status, OK);
    assert_eq!(reader.find(server.now(), "t-new").await.unwrap(), "a/b");
    assert_eq!(server.says(GUN, "snapshot.json").await["meta"]["a/b.json"]["version"], 2);
}

#[tokio::test]
async fn a_delegation_must_hold_for_everyone_who_delegates_to_it() {
    let (server, mut publisher) = published().await;
    let (left, right, shared, other) = (Key::new(), Key::new(), Key::new(), Key::new());
    publisher.delegate("left", &left);
    publisher.delegate("right", &right);
    publisher.targets.version = version(2);
    let (mut by_left, mut by_right) = (publisher.role(1, &[]), publisher.role(1, &[]));
    delegate(&mut by_left.delegations, "shared", &shared);
    delegate(&mut by_right.delegations, "shared", &other);
    let (targets, by_left, by_right) = (publisher.targets_file(), file(&by_left, &[&left]), file(&by_right, &[&right]));
    let parts: [(&str, &[u8]); 3] = [("targets", &targets), ("left", &by_left), ("right", &by_right)];
    assert_eq!(server.put(GUN, &parts).await.status, OK);
    let role = publisher.role(1, &["t"]);
    let refusal = server.put(GUN, &[("shared", &file(&role, &[&shared]))]).await.refusal();
    assert!(refusal.contains("threshold") && refusal.contains("(as right delegates it)"), "{refusal}");
    assert_eq!(server.put(GUN, &[("shared", &file(&role, &[&shared, &other]))]).await.status, OK);
    let refusal = server.put(GUN, &[("nobodys", &file(&role, &[&shared]))]).await.refusal();
    assert!(refusal.contains("delegation does not exist"), "{refusal}");
    let reader = server.reader(GUN, &publisher.root_file());
    assert_eq!(reader.find(server.now(), "t").await.unwrap(), "shared");
}

#[tokio::test]
async fn hash_bins_are_published_one_by_one() {
    let (server, mut publisher) = published().await;
    let key = Key::new();
    publisher.bins(&key);
    publisher.targets.version = version(2);
    let (targets, bin) = (publisher.targets_file(), file(&publisher.role(1, &["a"]), &[&key]));
    // SHA-256 of `a` begins with c.
    assert_eq!(server.put(GUN, &[("targets", &targets), ("bin-c", &bin)]).await.status, OK);
    let reader = server.reader(GUN, &publisher.root_file());
    assert_eq!(reader.find(server.now(), "a").await.unwrap(), "bin-c");
    let newer = file(&publisher.role(2, &["a", "b"]), &[&key]);
    assert_eq!(server.put(GUN, &[("bin-c", &newer)]).await.status, OK);
    let mut delegating = publisher.role(3, &[]);
    delegate(&mut delegating.delegations, "further", &key);
    let refusal = server.put(GUN, &[("bin-c", &file(&delegating, &[&key]))]).await.refusal();
    assert!(refusal.contains("hash bin"), "{refusal}");
    let refusal = server.put(GUN, &[("bin-10", &bin)]).await.refusal();
    assert!(refusal.contains("delegation does not exist"), "{refusal}");
}

#[tokio::test]
async fn readers_follow_roots_one_by_one_and_new_online_keys() {
    let (server, mut publisher) = published().await;
    let reader = server.reader(GUN, &publisher.root_file());
    reader.refresh(server.now()).await.unwrap();
    publisher.root.version = version(3);
    let refusal = server.put(GUN, &[("root", &publisher.root_file())]).await.refusal();
    assert!(refusal.starts_with("ErrBadRoot") && refusal.contains("version 3"), "{refusal}");

    // The owner changes keys: the old one and the new one sign.
    publisher.root.version = version(2);
    let next = Key::new();
    publisher.rotate(RoleName::Root, &next.public.clone());
    let refusal = server.put(GUN, &[("root", &file(&publisher.root, &[&next]))]).await.refusal();
    assert!(refusal.contains("could not rotate trust"), "{refusal}");
    let root = file(&publisher.root, &[&publisher.root_key, &next]);
    assert_eq!(server.put(GUN, &[("root", &root)]).await.status, OK);
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [2, 2, 1, 1]);

    // New online keys: the server signs both anew.
    publisher.root.version = version(3);
    for role in ["snapshot", "timestamp"] {
        let path = format!("/v2/{GUN}/_trust/tuf/{role}.key");
        let key = support::public_key(&server.request(Method::POST, &path).await.body);
        publisher.rotate(role.parse().unwrap(), &tuf::key_of(&key));
    }
    assert_eq!(server.put(GUN, &[("root", &file(&publisher.root, &[&next]))]).await.status, OK);
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [3, 3, 2, 1]);
    for number in 1..=3 {
        assert_eq!(server.signed_version(GUN, &format!("{number}.root.json")).await, number);
    }
}

#[tokio::test]
async fn a_sent_snapshot_keeps_what_readers_have_seen() {
    let server = Server::new();
    let mut publisher = Publisher::new(&server, GUN, Online::Timestamp).await;
    let key = Key::new();
    publisher.delegate("team", &key);
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let (team, snapshot) =
        (file(&publisher.role(1, &["t"]), &[&key]), publisher.snapshot_file(1, &[("targets", 1), ("team", 1)]));
    let parts: [(&str, &[u8]); 4] = [("root", &root), ("targets", &targets), ("team", &team), ("snapshot", &snapshot)];
    assert_eq!(server.put(GUN, &parts).await.status, OK);

    publisher.targets.version = version(2);
    let targets = publisher.targets_file();
    for (roles, words) in [
        (vec![("targets", 2)], "no longer names team"),
        (vec![("targets", 1), ("team", 1)], "names version 1"),
        (vec![("targets", 2), ("team", 2)], "without bringing it"),
        (vec![("targets", 2), ("team", 1), ("other", 1)], "neither uploaded nor stored"),
    ] {
        let snapshot = publisher.snapshot_file(2, &roles);
        let refusal = server.put(GUN, &[("targets", &targets), ("snapshot", &snapshot)]).await.refusal();
        assert!(refusal.starts_with("ErrBadSnapshot") && refusal.contains(words), "{words}: {refusal}");
    }
    let snapshot = publisher.snapshot_file(2, &[("targets", 2), ("team", 1)]);
    assert_eq!(server.put(GUN, &[("targets", &targets), ("snapshot", &snapshot)]).await.status, OK);
    let reader = server.reader(GUN, &root);
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [1, 2, 2, 2]);
    assert_eq!(reader.find(server.now(), "t").await.unwrap(), "team");
}

#[tokio::test]
async fn what_a_publisher_adds_to_a_snapshot_does_not_get_the_servers_signature() {
    let server = Server::new();
    let mut publisher = Publisher::new(&server, GUN, Online::Timestamp).await;
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let snapshot = publisher.snapshot_file(1, &[("targets", 1)]);
    let snapshot = with_member(&snapshot, &publisher.snapshot_key, "x-origin", "ours");
    let parts: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("snapshot", &snapshot)];
    let answer = server.put(GUN, &parts).await;
    assert_eq!(answer.status, OK, "{}", String::from_utf8_lossy(&answer.body));
    // From now on the server signs snapshots.
    publisher.root.version = version(2);
    publisher.targets.version = version(2);
    publisher.rotate(RoleName::Snapshot, &tuf::key_of(&server.key(GUN, "snapshot").await));
    assert_eq!(server.put_first(GUN, &publisher).await.status, OK);
    let says = server.says(GUN, "2.snapshot.json").await;
    assert_eq!((says.get("x-origin"), says["version"].as_u64()), (None, Some(2)));
    let reader = server.reader(GUN, &root);
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [2, 2, 2, 2]);
}

#[tokio::test]
async fn a_name_lives_in_both_dialects_with_the_same_online_keys() {
    let (server, publisher) = published().await;
    // The key the repository lists is the one that is told, though it has signed already.
    let told = tuf::key_of(&server.key(GUN, "timestamp").await);
    assert!(publisher.root.keys.values().any(|key| *key == told));
    let notary = server.server_held(GUN).await;
    assert_eq!(server.publish_server_held(&notary).await.status, OK);
    server.verify(GUN).await;
    assert_eq!(server.reader(GUN, &publisher.root_file()).refresh(server.now()).await.unwrap(), [1, 1, 1, 1]);

    assert_eq!(server.request(Method::DELETE, &format!("/tuf/{GUN}/")).await.status, OK);
    assert_eq!(server.metadata(GUN, "root.json").await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.metadata(GUN, "1.root.json").await.status, StatusCode::NOT_FOUND);
    server.verify(GUN).await;
    assert_eq!(server.put_first(GUN, &publisher).await.status, OK, "versions begin anew");
}

#[tokio::test]
async fn the_feeds_are_apart() {
    let (server, _) = published().await;
    let feed = async |path: &str| {
        let answer = server.get(&format!("{path}?records=10")).await;
        serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()["records"].clone()
    };
    assert_eq!(feed("/v2/_trust/changefeed").await, serde_json::json!([]));
    for path in ["/tuf/_changefeed".to_owned(), format!("/tuf/{GUN}/_changefeed")] {
        let records = feed(&path).await;
        assert_eq!(
            (records[0]["GUN"].as_str(), records[0]["Category"].as_str()),
            (Some(GUN), Some("update")),
            "{path}"
        );
    }
    server.request(Method::DELETE, &format!("/tuf/{GUN}/")).await;
    assert_eq!(feed("/tuf/_changefeed").await[1]["Category"], "deletion");
}

#[tokio::test]
async fn what_the_server_signs_is_renewed_before_it_expires() {
    let (server, publisher) = published().await;
    let reader = server.reader(GUN, &publisher.root_file());
    server.pass(TimeDelta::days(8));
    let done = server.tuf.renew_stale().await;
    assert_eq!((done.renewed, done.skipped, done.failed), (1, 0, 0));
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [1, 2, 1, 1]);
    // Long away: a reader does not wait for the walk.
    server.pass(TimeDelta::days(1000));
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [1, 3, 2, 1]);
    server.pass(TimeDelta::days(60));
    assert_eq!(server.tuf.renew_stale().await.renewed, 1);
    let mut publisher = publisher;
    publisher.targets.version = version(2);
    publisher.targets.expires = server.now() + TimeDelta::days(365);
    assert_eq!(server.put(GUN, &[("targets", &publisher.targets_file())]).await.status, OK);
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [1, 5, 3, 2]);
}

#[tokio::test]
async fn repositories_that_owners_sign_are_left_alone_by_renewal() {
    let server = Server::new();
    let publisher = Publisher::new(&server, GUN, Online::Nobody).await;
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let (snapshot, timestamp) = (publisher.snapshot_file(1, &[("targets", 1)]), publisher.timestamp_file(1, 1));
    let parts: [(&str, &[u8]); 4] =
        [("root", &root), ("targets", &targets), ("snapshot", &snapshot), ("timestamp", &timestamp)];
    assert_eq!(server.put(GUN, &parts).await.status, OK);
    server.pass(TimeDelta::days(8));
    let done = server.tuf.renew_stale().await;
    assert_eq!((done.renewed, done.skipped, done.failed), (0, 1, 0));
    assert_eq!(server.metadata(GUN, "timestamp.json").await.body, timestamp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_publications_each_version_wins_once() {
    let (server, publisher) = published().await;
    let (server, publisher) = (Arc::new(server), Arc::new(publisher));
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..12_u64 {
        let (server, publisher) = (server.clone(), publisher.clone());
        racers.spawn(async move {
            let mut targets = publisher.targets.clone();
            targets.version = version(2 + racer % 3);
            server.put(GUN, &[("targets", &file(&targets, &[&publisher.targets_key]))]).await.status
        });
    }
    let won = racers.join_all().await.into_iter().filter(|status| *status == OK).count();
    assert!((1..=3).contains(&won), "{won}");
    let versions = server.reader(GUN, &publisher.root_file()).refresh(server.now()).await.unwrap();
    assert_eq!(versions[3], 4);
    assert_eq!(versions[1], 1 + won as u64);
}
