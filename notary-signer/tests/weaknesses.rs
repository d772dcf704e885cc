//! Weaknesses of Notary's signer, one test and more for each, against the real program with a real gRPC client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use libtrust::keys::{KeyType, PublicKey, SignatureScheme};
use serde_json::{Value, json};
use signer_proto::health_names::{KEY_MANAGEMENT, SIGNER};
use signer_proto::proto::SignatureRequest;
use sqlx::Executor as _;
use tonic::Code;

use support::{GUN, Place, Running, TIMESTAMP, authorize, command, eventually, id_of, key_id};

const UNKNOWN: &str = "00000000000000000000000000000000000000000000000000000000deadbeef";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w01_a_request_without_a_key_id_does_not_end_the_process() {
    let place = Place::new();
    let mut signer = place.start();
    let client = place.client(&signer, "server").await;
    let request = SignatureRequest { key_id: None, content: TIMESTAMP.to_vec(), ..Default::default() };
    assert_eq!(client.sign_request(request).await.unwrap_err().code(), Code::InvalidArgument);
    let id = client.new_key().await;
    client.sign(&id, TIMESTAMP).await.unwrap();
    signer.signal("-TERM");
    assert_eq!(signer.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w02_deleting_an_empty_id_deletes_nothing() {
    let place = Place::new();
    let signer = place.start_with(|config| authorize(config, &["*"], &["server"]));
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    let shouted = id.to_uppercase();
    for odd in ["", " ", "%", "_", "*", "' OR 1=1 --", &id[1..], &shouted, &format!("{id}0")] {
        assert_eq!(client.delete(odd).await.unwrap_err().code(), Code::InvalidArgument, "{odd}");
    }
    client.delete(UNKNOWN).await.unwrap();
    client.sign(&id, TIMESTAMP).await.unwrap();
    client.delete(&id).await.unwrap();
    assert_eq!(client.sign(&id, TIMESTAMP).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w03_an_empty_id_names_no_key() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    client.new_key().await;
    assert_eq!(client.info("").await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(client.sign("", TIMESTAMP).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w04_a_database_that_cannot_be_read_gives_an_error_and_no_empty_key() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    place.sql("ALTER TABLE private_keys RENAME TO away").await;
    let refused = client.create(GUN, "timestamp", "ecdsa").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(!refused.message().contains("private_keys"), "details are for the log: {refused:?}");
    eventually(|| signer.log().iter().any(|line| line.contains("private_keys")));
    place.sql("ALTER TABLE away RENAME TO private_keys").await;
    client.create(GUN, "timestamp", "ecdsa").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w05_only_a_missing_key_is_not_found() {
    let place = Place::new();
    let id = {
        let signer = place.start();
        place.client(&signer, "server").await.new_key().await
    };
    let signer = Running::spawn(&place.config(|_| {}), &[("NOTARY_SIGNER_MAIN", "another")]);
    let client = place.client(&signer, "server").await;

    let refused = client.sign(&id, TIMESTAMP).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains(&id) && refused.message().contains("\"main\""), "{refused:?}");
    assert_eq!(client.info(&id).await.unwrap().role, "timestamp", "a public key needs no passphrase");
    let refused = client.create(GUN, "timestamp", "ecdsa").await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "a key that cannot sign is not handed out");

    let missing = client.info(UNKNOWN).await.unwrap_err();
    assert_eq!((missing.code(), missing.message()), (Code::NotFound, format!("key {UNKNOWN} not found").as_str()));
    let missing = client.sign(UNKNOWN, TIMESTAMP).await.unwrap_err();
    let words = format!("signing key not found: {UNKNOWN}");
    assert_eq!((missing.code(), missing.message()), (Code::NotFound, words.as_str()));

    place.sql("ALTER TABLE private_keys RENAME TO away").await;
    for id in [id.as_str(), UNKNOWN] {
        assert_eq!(client.info(id).await.unwrap_err().code(), Code::Unavailable);
        assert_eq!(client.sign(id, TIMESTAMP).await.unwrap_err().code(), Code::Unavailable);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w05_a_missing_passphrase_is_named_at_the_start() {
    let place = Place::new();
    let output = command(&place.config(|_| {}), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("NOTARY_SIGNER_MAIN") && words.contains("NOTARY_SIGNER_MAIN_FILE"), "{words}");
    assert!(!place.path("keys.db").exists(), "and nothing was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w06_parallel_callers_of_two_signers_get_one_pending_key() {
    let place = Place::new();
    let (one, two) = (place.start(), place.start());
    let clients = [place.client(&one, "server").await, place.client(&two, "server").await];
    let calls: Vec<_> = (0..32)
        .map(|n| {
            let client = clients[n % 2].clone();
            tokio::spawn(async move { client.new_key().await })
        })
        .collect();
    let mut ids = Vec::new();
    for call in calls {
        ids.push(call.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    clients[0].sign(&ids[0], TIMESTAMP).await.unwrap();
    assert_ne!(clients[1].new_key().await, ids[0], "a key that signed is not pending");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w07_no_content_and_no_secret_reaches_the_log() {
    let place = Place::new();
    let signer = place.start_with(|config| config["logging"] = json!({ "level": "debug" }));
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    let content = format!(r#"{{"_type":"Timestamp","x":"{}"}}"#, "confidential".repeat(100_000));
    client.sign(&id, content.as_bytes()).await.unwrap();
    client.sign(&id, b"confidential").await.unwrap_err();
    eventually(|| signer.find("not signed").is_some());
    for line in signer.log() {
        assert!(line.len() < 2_000 && !line.contains("confidential") && !line.contains("sekrit"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w08_health_follows_the_database() {
    let place = Place::new();
    let signer = place.start_with(|config| config["server"]["ops_addr"] = json!("127.0.0.1:0"));
    let client = place.client(&signer, "server").await;
    for service in ["", KEY_MANAGEMENT, SIGNER] {
        assert_eq!(client.health(service).await.unwrap(), 1, "{service}");
    }
    for service in ["grpc.health.v1.Health.Overall", "proto.Signer", "x"] {
        let refused = client.health(service).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::NotFound, "unknown service"));
    }
    assert!(signer.ops("/healthz").starts_with("HTTP/1.1 200"));
    assert!(signer.ops("/readyz").starts_with("HTTP/1.1 200"));

    place.sql("ALTER TABLE private_keys RENAME TO away").await;
    let gone = Instant::now();
    while client.health(SIGNER).await.unwrap() != 2 {
        assert!(gone.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(client.health("").await.unwrap(), 2);
    assert!(signer.ops("/healthz").starts_with("HTTP/1.1 503"));
    assert!(signer.ops("/livez").starts_with("HTTP/1.1 200"));

    place.sql("ALTER TABLE away RENAME TO private_keys").await;
    let back = Instant::now();
    while client.health(SIGNER).await.unwrap() != 1 {
        assert!(back.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w09_who_has_no_certificate_of_the_authority_is_not_served() {
    let (place, other) = (Place::new(), Place::new());
    let signer = place.start();
    let id = place.client(&signer, "server").await.new_key().await;
    // TLS 1.3 lets a client believe it is connected until it hears otherwise.
    if let Ok(channel) = place.connect(&signer, "").await {
        assert!(support::Client { channel }.sign(&id, TIMESTAMP).await.is_err());
    }
    for end in ["crt", "key"] {
        std::fs::copy(other.path(&format!("server.{end}")), place.path(&format!("stranger.{end}"))).unwrap();
    }
    if let Ok(channel) = place.connect(&signer, "stranger").await {
        assert!(support::Client { channel }.sign(&id, TIMESTAMP).await.is_err());
    }
    assert!(signer.find("signing").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w09_without_an_authority_only_this_machine_is_served() {
    let place = Place::new();
    let anonymous = |address: &'static str| {
        move |config: &mut Value| {
            config["server"]["client_ca_file"] = Value::Null;
            config["server"]["grpc_addr"] = json!(address);
        }
    };
    for address in [":0", "0.0.0.0:0", "signer.example:0", "[::]:0"] {
        let output = command(&place.config(anonymous(address)), &[("NOTARY_SIGNER_MAIN", "x")]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{address}");
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains("server.client_ca_file") && words.contains("allow_anonymous"), "{words}");
    }
    let mut flag = command(&place.config(anonymous("127.0.0.1:0")), &[("NOTARY_SIGNER_MAIN", "x")]);
    assert_eq!(flag.args(["--listen", ":0"]).output().unwrap().status.code(), Some(1), "a flag is no way around");
    let signer = place.start_with(anonymous("127.0.0.1:0"));
    let client = place.client(&signer, "").await;
    client.new_key().await;
    let signer = place.start_with(|config| {
        anonymous("0.0.0.0:0")(config);
        config["server"]["allow_anonymous"] = json!(true);
    });
    assert!(signer.log().iter().any(|line| line.contains("no server.client_ca_file")), "and it says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w09_each_list_permits_its_own_calls_and_refusals_are_audited() {
    let place = Place::new();
    for name in ["signs", "manages", "deletes", "other"] {
        place.issue(name);
    }
    let signer = place.start_with(|config| {
        authorize(config, &["Signs"], &["manages"]);
        config["authorization"]["key_deletion"] = json!(["deletes"]);
    });
    let deletes = place.client(&signer, "deletes").await;
    let signs = place.client(&signer, "signs").await;
    let manages = place.client(&signer, "manages").await;
    let other = place.client(&signer, "other").await;
    let id = manages.new_key().await;
    signs.sign(&id, TIMESTAMP).await.unwrap();
    assert!(signs.info(&id).await.is_ok() && manages.info(&id).await.is_ok());

    let denied = Some(Code::PermissionDenied);
    assert_eq!(signs.create(GUN, "timestamp", "ecdsa").await.err().map(|e| e.code()), denied);
    assert_eq!(signs.delete(&id).await.err().map(|e| e.code()), denied);
    assert_eq!(manages.delete(&id).await.err().map(|e| e.code()), denied, "servers manage keys and delete none");
    assert_eq!(manages.sign(&id, TIMESTAMP).await.err().map(|e| e.code()), denied);
    assert_eq!(other.info(&id).await.err().map(|e| e.code()), denied);
    assert_eq!(other.delete("").await.err().map(|e| e.code()), denied, "who may nothing learns nothing");
    eventually(|| signer.all("refused").len() == 6);
    let refusal = &signer.all("refused")[0];
    assert_eq!(refusal["peer.name"], "signs");
    assert_eq!(refusal["rpc.method"], "CreateKey");
    assert!(refusal["peer.address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(refusal["error"].as_str().unwrap().contains("authorization.key_management"));
    deletes.delete(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w09_by_default_nobody_deletes() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    assert_eq!(client.delete(&id).await.unwrap_err().code(), Code::PermissionDenied);
    client.sign(&id, TIMESTAMP).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w09_a_key_signs_only_for_its_gun_and_role() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    let request = |gun: &str, role: &str, content: &[u8]| SignatureRequest {
        key_id: Some(key_id(&id)),
        content: content.to_vec(),
        gun: gun.to_owned(),
        role: role.to_owned(),
    };
    for (gun, role, content, code) in [
        ("example.org/other", "timestamp", TIMESTAMP, Code::InvalidArgument),
        (GUN, "snapshot", TIMESTAMP, Code::InvalidArgument),
        (GUN, "root", TIMESTAMP, Code::InvalidArgument),
        ("", "", br#"{"_type":"Snapshot"}"#.as_slice(), Code::InvalidArgument),
        ("", "", b"not metadata", Code::InvalidArgument),
        ("", "", b"", Code::InvalidArgument),
        ("a*", "", TIMESTAMP, Code::InvalidArgument),
        ("", "releases", TIMESTAMP, Code::InvalidArgument),
    ] {
        let refused = client.sign_request(request(gun, role, content)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{gun} {role}: {refused:?}");
    }
    client.sign_request(request(GUN, "timestamp", TIMESTAMP)).await.unwrap();
    client.sign_request(request("", "", br#"{"_type":"timestamp"}"#)).await.unwrap();
    for role in ["root", "targets", "targets/releases"] {
        assert_eq!(client.create(GUN, role, "ecdsa").await.unwrap_err().code(), Code::InvalidArgument, "{role}");
    }
    for (gun, role) in [("", "timestamp"), (GUN, ""), (GUN, "releases"), (&"x".repeat(256), "timestamp")] {
        assert_eq!(client.create(gun, role, "ecdsa").await.unwrap_err().code(), Code::InvalidArgument);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w09_signatures_are_audited_before_and_after_with_the_caller_at_every_log_level() {
    let place = Place::new();
    // "listening" is how the test finds the port; the level is lowered afterwards.
    let signer = place.start();
    for _ in 0..3 {
        signer.signal("-USR2");
    }
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    client.sign(&id, TIMESTAMP).await.unwrap();
    eventually(|| signer.find("signed").is_some());
    for message in ["creating a key", "created a key", "signing", "signed"] {
        let line = signer.find(message).unwrap();
        assert_eq!((&line["gun.name"], &line["role.name"]), (&json!(GUN), &json!("timestamp")), "{line}");
        assert_eq!(line["peer.name"], "server");
        assert!(line["peer.address"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
    assert_eq!(signer.find("signed").unwrap()["key.id"], id.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w10_first_use_is_written_once_and_before_the_signature() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    place.sql("CREATE TRIGGER no BEFORE UPDATE ON private_keys BEGIN SELECT RAISE(ABORT, 'no'); END").await;
    assert_eq!(client.sign(&id, TIMESTAMP).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(client.new_key().await, id, "still pending: it signed nothing");
    place.sql("DROP TRIGGER no").await;
    client.sign(&id, TIMESTAMP).await.unwrap();
    place.sql("UPDATE private_keys SET last_used = 'then', updated_at = 'then'").await;
    for _ in 0..10 {
        client.sign(&id, TIMESTAMP).await.unwrap();
    }
    assert_eq!(place.text("SELECT last_used || updated_at FROM private_keys").await, "thenthen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w11_a_key_deleted_by_another_signer_soon_signs_no_more() {
    let place = Place::new();
    let change = |config: &mut Value| {
        authorize(config, &["*"], &["*"]);
        config["key_cache"] = json!({ "recheck_time": "300ms" });
    };
    let (one, two) = (place.start_with(change), place.start_with(change));
    let (first, second) = (place.client(&one, "server").await, place.client(&two, "server").await);
    let id = first.new_key().await;
    first.sign(&id, TIMESTAMP).await.unwrap();
    second.sign(&id, TIMESTAMP).await.unwrap();
    second.delete(&id).await.unwrap();
    assert_eq!(second.sign(&id, TIMESTAMP).await.unwrap_err().code(), Code::NotFound);
    let deleted = Instant::now();
    while first.sign(&id, TIMESTAMP).await.is_ok() {
        assert!(deleted.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(first.sign(&id, TIMESTAMP).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(first.info(&id).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w12_a_persons_passphrase_is_hashed_often_and_may_come_from_a_file_under_a_new_alias() {
    let place = Place::new();
    let human = |config: &mut Value| config["storage"]["iterations"] = Value::Null;
    let old = {
        let signer = place.start_with(human);
        place.client(&signer, "server").await.new_key().await
    };
    let sealed = place.text("SELECT CAST(private AS TEXT) FROM private_keys").await;
    let header = BASE64_URL_SAFE_NO_PAD.decode(sealed.split('.').next().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["p2c"], 600_000);

    std::fs::write(place.path("next"), "a new passphrase\n").unwrap();
    let config = place.config(|config| config["storage"]["default_alias"] = json!("next"));
    let file = place.path("next");
    let environment = [("NOTARY_SIGNER_MAIN", "sekrit"), ("NOTARY_SIGNER_NEXT_FILE", file.to_str().unwrap())];
    let signer = Running::spawn(&config, &environment);
    let client = place.client(&signer, "server").await;
    client.sign(&old, TIMESTAMP).await.unwrap();
    client.create(GUN, "snapshot", "ed25519").await.unwrap();
    assert_eq!(place.text("SELECT group_concat(passphrase_alias) FROM private_keys").await, "main,next");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w13_asking_again_leaves_no_unused_keys_behind() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    for _ in 0..5 {
        client.new_key().await;
    }
    assert_eq!(place.text("SELECT CAST(count(*) AS TEXT) FROM private_keys").await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w13_keys_of_collections_that_are_gone_are_deleted_on_command() {
    let place = Place::new();
    let recheck = |config: &mut Value| config["key_cache"] = json!({ "recheck_time": "100ms" });
    let signer = place.start_with(recheck);
    let client = place.client(&signer, "server").await;
    let (kept, young) = (client.new_key().await, id_of(&client.create("a/young", "timestamp", "ecdsa").await.unwrap()));
    let gone = id_of(&client.create("a/gone", "timestamp", "ecdsa").await.unwrap());
    client.sign(&gone, TIMESTAMP).await.unwrap();
    let old = "UPDATE private_keys SET created_at = '2020-01-01', updated_at = '2020-01-01', last_used = '2020-01-01'";
    place.sql(&format!("{old} WHERE key_id <> '{young}'")).await;

    let gc = |list: &str, arguments: &[&str]| {
        std::fs::write(place.path("stored"), list).unwrap();
        let mut gc = command(&place.config(recheck), &[("NOTARY_SIGNER_MAIN", "sekrit")]);
        let output = gc.arg("gc").arg("--keep-guns").arg(place.path("stored")).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    };
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).to_rfc3339();
    for (list, words) in [
        (format!("{GUN}\n"), "cut off"),
        (format!("{GUN}\n# 1 collections at 2020-01-01T00:00:00Z\n"), "make it anew"),
        (format!("{GUN}\n# 2 collections at {now}\n"), "says 2 collections and names 1"),
        (format!("# 0 collections at {now}\n"), "every key would be deleted"),
    ] {
        let (done, said) = gc(&list, &[]);
        assert!(!done && said.contains(words), "{said}");
    }
    let list = format!("{GUN}\n# 1 collections at {now}\n");
    assert!(!gc(&list, &["--older-than", "1h"]).0, "clocks of several programs are at work");
    let (done, said) = gc(&list, &["--dry-run"]);
    assert!(done && said.contains(&gone) && said.contains("1 keys would be deleted"), "{said}");
    client.sign(&gone, TIMESTAMP).await.unwrap();
    let (done, said) = gc(&list, &[]);
    assert!(done && said.contains("1 keys deleted; 1 belong to stored collections, 1 are too young"), "{said}");
    let deleted = Instant::now();
    while client.sign(&gone, TIMESTAMP).await.is_ok() {
        assert!(deleted.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(client.sign(&gone, TIMESTAMP).await.unwrap_err().code(), Code::NotFound);
    client.sign(&kept, TIMESTAMP).await.unwrap();
    client.sign(&young, TIMESTAMP).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w14_an_algorithm_that_is_not_made_is_refused_in_notarys_words() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    for algorithm in ["rsa", "", "ECDSA"] {
        let refused = client.create(GUN, "timestamp", algorithm).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.message(), format!("algorithm {algorithm} not supported for create key"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w15_looking_for_a_pending_key_uses_an_index() {
    let place = Place::new();
    drop(place.start());
    let mut database = place.database().await;
    let plan = "EXPLAIN QUERY PLAN SELECT key_id FROM private_keys WHERE gun = 'g' AND role = 'r' \
                AND algorithm = 'a' AND last_used IS NULL AND deleted_at IS NULL";
    let rows = database.fetch_all(plan).await.unwrap();
    let step: String = sqlx::Row::get(&rows[0], "detail");
    assert!(step.contains("USING INDEX private_keys_pending"), "{step}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w16_a_call_ends_at_its_deadline() {
    let place = Place::new();
    let signer = place.start_with(|config| config["limits"] = json!({ "request_time": "400ms" }));
    let client = place.client(&signer, "server").await;
    let mut lock = place.database().await;
    lock.execute("BEGIN IMMEDIATE").await.unwrap();
    let begun = Instant::now();
    let refused = client.create(GUN, "timestamp", "ecdsa").await.unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    assert!(begun.elapsed() < Duration::from_secs(3), "the database is locked for longer");
    eventually(|| signer.find("abandoned before there was an answer").is_some());

    // The caller's own deadline, by the header that says so.
    let mut request = tonic::Request::new(signer_proto::proto::CreateKeyRequest {
        algorithm: "ecdsa".into(),
        gun: GUN.into(),
        role: "snapshot".into(),
    });
    request.set_timeout(Duration::from_millis(50));
    let mut management = signer_proto::proto::key_management_client::KeyManagementClient::new(client.channel.clone());
    management.create_key(request).await.unwrap_err();
    eventually(|| signer.all("abandoned before there was an answer").len() == 2);
    lock.execute("ROLLBACK").await.unwrap();
    client.create(GUN, "snapshot", "ecdsa").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w16_a_stop_finishes_what_is_under_way_and_a_second_one_does_not_wait() {
    for second in [false, true] {
        let place = Place::new();
        let mut signer = place.start_with(|config| config["server"]["ops_addr"] = json!("127.0.0.1:0"));
        let client = place.client(&signer, "server").await;
        let mut lock = place.database().await;
        lock.execute("BEGIN IMMEDIATE").await.unwrap();
        let call = tokio::spawn(async move { client.create(GUN, "timestamp", "ecdsa").await });
        eventually(|| signer.find("creating a key").is_some());
        signer.signal("-TERM");
        eventually(|| signer.find("stopping: calls under way are finished").is_some());
        assert!(signer.ops("/readyz").starts_with("HTTP/1.1 503"));
        if second {
            signer.signal("-INT");
            assert_eq!(signer.wait().code(), Some(1));
            assert!(call.await.unwrap().is_err());
        } else {
            lock.execute("ROLLBACK").await.unwrap();
            call.await.unwrap().unwrap();
            assert_eq!(signer.wait().code(), Some(0));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w16_figures_are_served_without_names() {
    let place = Place::new();
    let signer = place.start_with(|config| config["server"]["ops_addr"] = json!("127.0.0.1:0"));
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    client.sign(&id, TIMESTAMP).await.unwrap();
    client.sign(UNKNOWN, TIMESTAMP).await.unwrap_err();
    client.delete(&id).await.unwrap_err();
    let figures = signer.ops("/metrics");
    for line in [
        "notary_signer_grpc_requests_total{method=\"Sign\",code=\"OK\"} 1\n",
        "notary_signer_grpc_requests_total{method=\"Sign\",code=\"NOT_FOUND\"} 1\n",
        "notary_signer_grpc_duration_seconds_count{method=\"CreateKey\"} 1\n",
        "notary_signer_grpc_in_flight 0\n",
        "notary_signer_refusals_total 1\n",
        "notary_signer_key_store_errors_total 0\n",
        "notary_signer_key_store_up 1\n",
        "notary_signer_key_cache_keys 1\n",
        "notary_signer_key_cache_hits_total 1\n",
        "notary_signer_certificate_expiry_timestamp_seconds ",
    ] {
        assert!(figures.contains(line), "{line}{figures}");
    }
    assert!(!figures.contains(GUN) && !figures.contains(&id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_verify_and_answers_are_as_notarys() {
    let place = Place::new();
    let signer = place.start();
    let client = place.client(&signer, "server").await;
    for (algorithm, key_type, method, scheme) in [
        ("ecdsa", KeyType::Ecdsa, "ecdsa", SignatureScheme::EcdsaFixed),
        ("ed25519", KeyType::Ed25519, "eddsa", SignatureScheme::Ed25519),
    ] {
        let key = client.create(GUN, "snapshot", algorithm).await.unwrap();
        let public = PublicKey::new(key_type, key.public_key.clone());
        let id = id_of(&key);
        assert_eq!(libtrust::dialect::notary::key_id(&public).as_str(), id);
        let info = client.info(&id).await.unwrap();
        assert_eq!(
            (info.role.as_str(), &info.public_key, &info.key_info),
            ("snapshot", &key.public_key, &key.key_info)
        );
        let content = br#"{"_type":"Snapshot"}"#;
        let signature = client.sign(&id, content).await.unwrap();
        assert_eq!(signature.key_info, key.key_info);
        assert_eq!(signature.algorithm.unwrap().algorithm, method);
        public.verifying_key().unwrap().verify(&scheme, content, &signature.content).unwrap();
    }
}
