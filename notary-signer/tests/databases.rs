//! The program on database servers: beside Notary's own signer, its commands, and outages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use notary_service::database::testing::{self, Server};
use notary_service::database::{Engine, MySqlPool, PostgresPool, Settings, Url};
use serde_json::{Value, json};
use signer_proto::health_names::SIGNER;
use sqlx::{AssertSqlSafe, Executor as _};
use support::{Client, GUN, Place, Running, TIMESTAMP, authorize, command, eventually, id_of};
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

/// What seals the keys, here and at Notary's signer.
const PASSPHRASE: (&str, &str) = ("NOTARY_SIGNER_MAIN", "sekrit");

/// Runs statements, each on its own.
async fn run(url: &Url, statements: &[&str]) {
    for statement in statements.iter().copied() {
        match url.engine() {
            Engine::Postgres => {
                let mut connection = PostgresPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
                (*connection).execute(AssertSqlSafe(statement)).await.unwrap();
            }
            Engine::MySql => {
                let mut connection = MySqlPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
                (*connection).execute(AssertSqlSafe(statement)).await.unwrap();
            }
        }
    }
}

/// One number.
async fn number(url: &Url, query: &str) -> i64 {
    let query = sqlx::AssertSqlSafe(query);
    match url.engine() {
        Engine::Postgres => {
            let mut connection = PostgresPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
            sqlx::query_scalar(query).fetch_one(&mut *connection).await.unwrap()
        }
        Engine::MySql => {
            let mut connection = MySqlPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
            sqlx::query_scalar(query).fetch_one(&mut *connection).await.unwrap()
        }
    }
}

/// A database as Notary's migrations leave it.
async fn notarys(engine: Engine) -> Url {
    let (url, statements) = match engine {
        Engine::Postgres => (testing::postgres(), include_str!("notary/postgres.sql")),
        Engine::MySql => (testing::mariadb(), include_str!("notary/mysql.sql")),
    };
    let statements: Vec<&str> = statements.split(';').map(str::trim).filter(|text| !text.is_empty()).collect();
    run(&url, &statements).await;
    url
}

/// The configuration on a database. Both signers take it.
fn on(place: &Place, url: &Url, change: impl FnOnce(&mut Value)) -> PathBuf {
    place.config(|config| {
        let (backend, text) = match url.engine() {
            Engine::Postgres => ("postgres", url.to_string()),
            Engine::MySql => ("mysql", format!("root@tcp({})/{}", url.hosts()[0], url.database())),
        };
        config["storage"] = json!({ "backend": backend, "db_url": text, "default_alias": "main" });
        change(config);
    })
}

/// Notary's own signer; killed when dropped.
struct GoSigner {
    child: Child,
    port: u16,
}

impl GoSigner {
    fn start(place: &Place, url: &Url) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let file = on(place, url, |config| config["server"]["grpc_addr"] = json!(format!("127.0.0.1:{port}")));
        let own = place.path("go.json");
        std::fs::rename(file, &own).unwrap();
        let log = std::fs::File::create(place.path("go.log")).unwrap();
        let mut go = Command::new("/usr/bin/notary-signer");
        go.arg("-config").arg(&own).env_clear().env(PASSPHRASE.0, PASSPHRASE.1).stdin(Stdio::null());
        go.stdout(log.try_clone().unwrap()).stderr(log);
        let child = go.spawn().expect("Debian's package notary is installed");
        let mut signer = Self { child, port };
        eventually(|| {
            let log = || std::fs::read_to_string(place.path("go.log")).unwrap_or_default();
            assert!(signer.child.try_wait().unwrap().is_none(), "{}", log());
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        signer
    }

    async fn client(&self, place: &Place) -> Client {
        let read = |file: &str| std::fs::read_to_string(place.path(file)).unwrap();
        let tls = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(read("ca.crt")))
            .identity(Identity::from_pem(read("server.crt"), read("server.key")));
        let url = format!("https://127.0.0.1:{}", self.port);
        let channel = Channel::from_shared(url).unwrap().tls_config(tls).unwrap().connect().await.unwrap();
        Client { channel }
    }
}

impl Drop for GoSigner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end.
fn ended(config: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    command(config, environment).args(arguments).output().unwrap()
}

fn words(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

async fn signs_beside_notarys(engine: Engine) {
    let (place, url) = (Place::new(), notarys(engine).await);
    let go = GoSigner::start(&place, &url);
    let theirs = go.client(&place).await;
    let made_before = [theirs.create(GUN, "timestamp", "ecdsa").await, theirs.create(GUN, "snapshot", "ed25519").await];
    let made_before = made_before.map(|key| id_of(&key.unwrap()));
    theirs.sign(&made_before[1], br#"{"_type":"Snapshot"}"#).await.unwrap();

    let signer = Running::spawn(&on(&place, &url, |config| authorize(config, &["*"], &["*"])), &[PASSPHRASE]);
    let ours = place.client(&signer, "server").await;
    // A pending key is the same here and there, until one of the two uses it.
    assert_eq!(ours.new_key().await, made_before[0]);
    assert_eq!(theirs.new_key().await, made_before[0]);
    ours.sign(&made_before[0], TIMESTAMP).await.unwrap();
    ours.sign(&made_before[1], br#"{"_type":"Snapshot"}"#).await.unwrap();
    assert_eq!(ours.info(&made_before[1]).await.unwrap().role, "snapshot");

    for (algorithm, role, message) in
        [("ecdsa", "timestamp", TIMESTAMP), ("ed25519", "snapshot", br#"{"_type":"Snapshot"}"#.as_slice())]
    {
        let id = id_of(&ours.create(GUN, role, algorithm).await.unwrap());
        assert!(!made_before.contains(&id), "those have signed");
        assert_eq!(id_of(&theirs.create(GUN, role, algorithm).await.unwrap()), id);
        assert_eq!(theirs.info(&id).await.unwrap().public_key, ours.info(&id).await.unwrap().public_key);
        theirs.sign(&id, message).await.unwrap();
        ours.sign(&id, message).await.unwrap();
        assert_ne!(id_of(&ours.create(GUN, role, algorithm).await.unwrap()), id, "theirs marked it used");
    }
    // Deleted here, gone there, where it was never opened.
    let doomed = id_of(&ours.create("example.org/other", "timestamp", "ecdsa").await.unwrap());
    ours.delete(&doomed).await.unwrap();
    assert_eq!(theirs.sign(&doomed, TIMESTAMP).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_postgresql_are_notarys_and_ours() {
    signs_beside_notarys(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_mariadb_are_notarys_and_ours() {
    signs_beside_notarys(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_are_shown_done_and_needed() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let (place, url) = (Place::new(), notarys(engine).await);
        let config = on(&place, &url, |config| config["storage"]["migrate"] = json!(false));
        let (_, refused) = words(&ended(&config, &[], &[PASSPHRASE]));
        assert!(refused.contains("notary-signer migrate") && refused.contains(url.database()), "{refused}");
        let (planned, said) = words(&ended(&config, &["migrate", "--dry-run"], &[PASSPHRASE]));
        assert!(planned.starts_with("-- found: Notary's tables, version") && planned.contains("trust_pending_keys"));
        assert!(planned.contains("-- then: version 1, shared with Notary"), "{planned}{said}");
        let (_, refused) = words(&ended(&config, &[], &[PASSPHRASE]));
        assert!(refused.contains("notary-signer migrate"), "a dry run changes nothing: {refused}");
        let (done, said) = words(&ended(&config, &["migrate"], &[PASSPHRASE]));
        assert!(done.contains("-- now: version 1, shared with Notary"), "{done}{said}");
        assert!(words(&ended(&config, &["migrate"], &[PASSPHRASE])).0.contains("-- nothing to do"));
        drop(Running::spawn(&config, &[PASSPHRASE]));
        let (left, said) = words(&ended(&config, &["migrate", "--leave-notary"], &[PASSPHRASE]));
        assert!(left.contains("not shared with Notary"), "{left}{said}");
        drop(Running::spawn(&config, &[PASSPHRASE]));
    }
    let place = Place::new();
    let output = ended(&place.config(|_| {}), &["migrate"], &[PASSPHRASE]);
    assert!(output.status.code() == Some(1) && words(&output).1.contains("nothing to migrate"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passphrases_are_rotated_while_signers_go_on() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let (place, url) = (Place::new(), notarys(engine).await);
        let by_notary = GoSigner::start(&place, &url).client(&place).await.new_key().await;
        let config = on(&place, &url, |config| config["storage"]["iterations"] = json!(1000));
        let both = [PASSPHRASE, ("NOTARY_SIGNER_NEXT", "another")];
        let signer = Running::spawn(&config, &both);
        let client = place.client(&signer, "server").await;
        let ours = id_of(&client.create(GUN, "snapshot", "ed25519").await.unwrap());
        let under = |alias: &str| format!("SELECT count(*) FROM private_keys WHERE passphrase_alias = '{alias}'");

        let rotate = ["passphrase", "rotate", "--alias", "next"];
        let (planned, said) = words(&ended(&config, &[&rotate[..], &["--dry-run"]].concat(), &both));
        assert!(planned.contains("2 would be sealed anew") && planned.contains(&by_notary), "{planned}{said}");
        assert_eq!(number(&url, &under("main")).await, 2);
        let output = ended(&config, &rotate, &both);
        let (done, said) = words(&output);
        assert!(output.status.success() && done.contains("2 sealed anew"), "{done}{said}");
        assert!(done.contains("set storage.default_alias to \"next\""), "{done}");
        assert_eq!(number(&url, &under("next")).await, 2);
        client.sign(&by_notary, TIMESTAMP).await.unwrap();
        client.sign(&ours, br#"{"_type":"Snapshot"}"#).await.unwrap();

        let next = on(&place, &url, |config| config["storage"]["default_alias"] = json!("next"));
        let later = Running::spawn(&next, &[("NOTARY_SIGNER_NEXT", "another")]);
        let later = place.client(&later, "server").await;
        later.sign(&by_notary, TIMESTAMP).await.unwrap();

        // A key whose passphrase is not there is named, the others are done.
        run(&url, &[&format!("UPDATE private_keys SET passphrase_alias = 'lost' WHERE key_id = '{ours}'")]).await;
        let output = ended(&next, &["passphrase", "rotate", "--iterations", "8192"], &both);
        let (done, said) = words(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(done.contains("1 sealed anew") && done.contains("1 not opened"), "{done}{said}");
        let named =
            |line: &str| line.contains(&ours) && line.contains("\"lost\"") && line.contains("NOTARY_SIGNER_LOST");
        assert!(done.lines().any(named), "{done}");
        let (_, refused) = words(&ended(&next, &["passphrase", "rotate", "--alias", "none"], &both));
        assert!(refused.contains("NOTARY_SIGNER_NONE"), "{refused}");
        let (_, refused) = words(&ended(&next, &["passphrase", "rotate", "--iterations", "1"], &both));
        assert!(refused.contains("--iterations"), "{refused}");
    }
}

#[tokio::test]
async fn commands_make_no_database_and_nothing_to_seal_is_said() {
    let place = Place::new();
    let output = ended(&place.config(|_| {}), &["passphrase", "rotate"], &[PASSPHRASE]);
    assert!(output.status.code() == Some(1) && words(&output).1.contains("keys.db"));
    assert!(!place.path("keys.db").exists());
    let memory = place.config(|config| config["storage"] = json!({ "backend": "memory" }));
    assert!(words(&ended(&memory, &["passphrase", "rotate"], &[PASSPHRASE])).1.contains("nothing to seal anew"));
}

async fn follows_its_database(mut database: Server) {
    let place = Place::new();
    let signer = Running::spawn(&on(&place, &database.url(), |_| {}), &[PASSPHRASE]);
    let client = place.client(&signer, "server").await;
    let id = client.new_key().await;
    assert_eq!(client.health(SIGNER).await.unwrap(), 1);
    database.kill();
    let begun = Instant::now();
    while client.health(SIGNER).await.unwrap() != 2 {
        assert!(begun.elapsed() < Duration::from_secs(10), "healthy without its database");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused = client.create(GUN, "snapshot", "ecdsa").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(!refused.message().contains("127.0.0.1"), "where it is is for the log: {refused:?}");
    assert_eq!(client.sign(&id, TIMESTAMP).await.unwrap_err().code(), Code::Unavailable, "it cannot be marked used");
    let seen = signer.all("the key store cannot be read");
    assert!(seen[0]["error"].as_str().unwrap().contains(&database.port().to_string()), "{seen:?}");
    let (_, said) = words(&ended(&on(&place, &database.url(), |_| {}), &[], &[PASSPHRASE]));
    assert!(said.contains(&database.port().to_string()), "{said}");

    database.start();
    let begun = Instant::now();
    while client.health(SIGNER).await.unwrap() != 1 {
        assert!(begun.elapsed() < Duration::from_secs(10), "not healthy though its database is back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(client.new_key().await, id, "what was answered is kept");
    client.sign(&id, TIMESTAMP).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signer_is_as_healthy_as_its_postgresql() {
    follows_its_database(Server::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signer_is_as_healthy_as_its_mariadb() {
    follows_its_database(Server::mariadb()).await;
}
