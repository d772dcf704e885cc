use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use libtrust::keys::{KeyAlgorithm, SigningKey};
use libtrust::names::RoleName;
use ring::rand::SystemRandom;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use zeroize::Zeroizing;

use super::*;
use crate::keystore::{KeyRecord, KeyStore, RowAt, SqliteKeyStore};
use crate::seal;

struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.db")
    }

    async fn open(&self, aliases: &[&str]) -> SqliteKeyStore {
        SqliteKeyStore::open(&self.path(), passphrases(aliases), Iterations::MIN).await.unwrap()
    }

    async fn sql(&self, statement: &str) {
        let options = SqliteConnectOptions::new().filename(self.path());
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Every row, seals and all.
    async fn rows(&self) -> Vec<SealedRow> {
        let rows = self.open(&["any"]).await.rows().rows(None, 1000).await.unwrap();
        rows.into_iter().filter_map(|at| at.row.ok()).collect()
    }

    async fn seal_as_go115(&self, record: &KeyRecord, key: &SigningKey, alias: &str) {
        let token = seal::seal_as_go115(&format!("secret of {alias}"), &key.to_plain(), Iterations::NOTARY);
        self.sql(&format!("UPDATE private_keys SET private = '{token}' WHERE key_id = '{}'", record.id)).await;
    }
}

/// The first is the default.
fn passphrases(aliases: &[&str]) -> Passphrases {
    let all = Passphrases::under(aliases[0]).unwrap();
    aliases.iter().fold(all, |all, alias| all.with(alias, Zeroizing::new(format!("secret of {alias}"))).unwrap())
}

async fn new_key(store: &SqliteKeyStore, gun: &str) -> KeyRecord {
    let make = Box::new(|| SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()));
    store.pending(&gun.parse().unwrap(), &RoleName::Timestamp, KeyAlgorithm::Ed25519, make).await.unwrap()
}

async fn three_keys(fixture: &Fixture) -> Vec<KeyRecord> {
    let store = fixture.open(&["old"]).await;
    let mut records = Vec::new();
    for gun in ["example.org/a", "example.org/b", "example.org/c"] {
        records.push(new_key(&store, gun).await);
    }
    records
}

async fn run(rows: &dyn SealedRows, aliases: &[&str], writing: Writing) -> (Rotation, Vec<Event>) {
    let mut events = Vec::new();
    let passphrases = Arc::new(passphrases(aliases));
    let rotation = rotate(rows, passphrases, Iterations::MIN, writing, |event| events.push(event)).await.unwrap();
    (rotation, events)
}

fn failures(events: &[Event]) -> Vec<String> {
    let words = |event: &Event| match event {
        Event::Failed(error) => Some(error.to_string()),
        Event::Resealed { .. } => None,
    };
    events.iter().filter_map(words).collect()
}

#[tokio::test]
async fn afterwards_the_old_passphrase_is_no_longer_needed() {
    let fixture = Fixture::new();
    let records = three_keys(&fixture).await;
    let store = fixture.open(&["new", "old"]).await;
    let newer = new_key(&store, "example.org/new").await;
    let (rotation, events) = run(&store.rows(), &["new", "old"], Writing::Replace).await;
    assert_eq!(rotation, Rotation { resealed: 3, as_wanted: 1, ..Rotation::default() });
    assert!(rotation.is_complete() && rotation.seen() == 4);
    assert!(events.iter().all(|event| matches!(event, Event::Resealed { from, .. } if from == "old")));
    let store = fixture.open(&["new"]).await;
    for record in records.iter().chain([&newer]) {
        assert_eq!(store.open(&record.id).await.unwrap().unwrap().record(), record);
    }
    let (again, _) = run(&store.rows(), &["new"], Writing::Replace).await;
    assert_eq!(again, Rotation { as_wanted: 4, ..Rotation::default() });
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_writes_nothing() {
    let fixture = Fixture::new();
    three_keys(&fixture).await;
    let before = fixture.rows().await;
    let (dry, _) = run(&fixture.open(&["any"]).await.rows(), &["new", "old"], Writing::DryRun).await;
    assert_eq!(fixture.rows().await, before);
    let (wet, _) = run(&fixture.open(&["any"]).await.rows(), &["new", "old"], Writing::Replace).await;
    assert_eq!(dry, wet);
}

#[tokio::test]
async fn rows_that_do_not_open_are_named_and_stay_as_they_are() {
    let fixture = Fixture::new();
    let records = three_keys(&fixture).await;
    let [unknown, damaged, good] = records.as_slice() else { unreachable!() };
    let foreign = new_key(&fixture.open(&["old"]).await, "example.org/d").await;
    let other = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
    let others_seal = seal::seal("secret of old", &other.to_plain(), Iterations::MIN, &SystemRandom::new()).unwrap();
    for (change, id) in [
        ("passphrase_alias = 'lost'", &unknown.id),
        ("private = substr(private, 1, 100)", &damaged.id),
        (&format!("private = '{others_seal}'"), &foreign.id),
    ] {
        fixture.sql(&format!("UPDATE private_keys SET {change} WHERE key_id = '{id}'")).await;
    }
    fixture.sql("CREATE TABLE before AS SELECT * FROM private_keys").await;
    let (rotation, events) = run(&fixture.open(&["any"]).await.rows(), &["new", "old"], Writing::Replace).await;
    assert_eq!(rotation, Rotation { resealed: 1, failed: 3, ..Rotation::default() });
    assert!(!rotation.is_complete());
    let failures = failures(&events);
    for (id, alias) in [(&unknown.id, "lost"), (&damaged.id, "old"), (&foreign.id, "old")] {
        let named = |text: &String| text.contains(id.as_str()) && text.contains(alias);
        assert!(failures.iter().any(named), "{failures:?}");
    }
    let options = SqliteConnectOptions::new().filename(fixture.path());
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let changed: Vec<String> =
        sqlx::query_scalar("SELECT key_id FROM (SELECT * FROM private_keys EXCEPT SELECT * FROM before)")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert_eq!(changed, [good.id.as_str()]);
}

#[tokio::test]
async fn without_the_new_passphrase_nothing_begins() {
    let fixture = Fixture::new();
    three_keys(&fixture).await;
    let (before, store) = (fixture.rows().await, fixture.open(&["any"]).await);
    let passphrases = Arc::new(Passphrases::under("new").unwrap().with("old", Zeroizing::new("x".into())).unwrap());
    let refused = rotate(&store.rows(), passphrases, Iterations::MIN, Writing::Replace, |_| ()).await.unwrap_err();
    assert!(refused.to_string().contains("\"new\""), "{refused}");
    assert_eq!(fixture.rows().await, before);
}

/// Stops after some rows, or has somebody delete keys at the last moment.
struct Meddling<R> {
    rows: R,
    fixture: Arc<Fixture>,
    deleting: AtomicBool,
    one_at_a_time: bool,
}

#[async_trait]
impl<R: SealedRows> SealedRows for Meddling<R> {
    async fn rows(&self, after: Option<i64>, limit: u32) -> Result<Vec<RowAt>, KeyStoreError> {
        if self.one_at_a_time && after.is_some() {
            return Err(KeyStoreError::Database { action: "read the keys", reason: "pulled out".to_owned() });
        }
        self.rows.rows(after, if self.one_at_a_time { 1 } else { limit }).await
    }

    async fn replace(&self, old: &SealedRow, new: &Seal) -> Result<bool, KeyStoreError> {
        if self.deleting.swap(false, Ordering::SeqCst) {
            let id = &old.record.id;
            self.fixture.sql(&format!("UPDATE private_keys SET deleted_at = 'now' WHERE key_id = '{id}'")).await;
        }
        self.rows.replace(old, new).await
    }

    async fn is_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError> {
        self.rows.is_unchanged_for(id, age).await
    }

    async fn delete_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError> {
        self.rows.delete_unchanged_for(id, age).await
    }
}

#[tokio::test]
async fn it_goes_on_where_it_was_stopped() {
    let fixture = Arc::new(Fixture::new());
    three_keys(&fixture).await;
    let rows = fixture.open(&["any"]).await.rows();
    let stopping = Meddling { rows, fixture: Arc::clone(&fixture), deleting: false.into(), one_at_a_time: true };
    let all = Arc::new(passphrases(&["new", "old"]));
    assert!(rotate(&stopping, all, Iterations::MIN, Writing::Replace, |_| ()).await.is_err());
    let (rest, _) = run(&fixture.open(&["any"]).await.rows(), &["new", "old"], Writing::Replace).await;
    assert_eq!(rest, Rotation { resealed: 2, as_wanted: 1, ..Rotation::default() });
}

#[tokio::test]
async fn what_changes_meanwhile_is_not_overwritten() {
    let fixture = Arc::new(Fixture::new());
    three_keys(&fixture).await;
    let rows = fixture.open(&["any"]).await.rows();
    let meddling = Meddling { rows, fixture: Arc::clone(&fixture), deleting: true.into(), one_at_a_time: false };
    let (rotation, _) = run(&meddling, &["new", "old"], Writing::Replace).await;
    assert_eq!(rotation, Rotation { resealed: 2, changed_meanwhile: 1, ..Rotation::default() });
    let row = fixture.rows().await.remove(0);
    let stale = SealedRow { seal: Seal { alias: "old".to_owned(), ..row.seal.clone() }, ..row };
    let store = fixture.open(&["any"]).await;
    assert!(!store.rows().replace(&stale, &stale.seal).await.unwrap(), "also the alias has to be the one read");
}

#[tokio::test]
async fn other_iterations_are_a_reason() {
    let fixture = Fixture::new();
    three_keys(&fixture).await;
    let rows = fixture.open(&["any"]).await.rows();
    let all = Arc::new(passphrases(&["old"]));
    let rotation = rotate(&rows, all, Iterations::NOTARY, Writing::Replace, |_| ()).await.unwrap();
    assert_eq!(rotation, Rotation { resealed: 3, ..Rotation::default() });
    for row in fixture.rows().await {
        assert_eq!(seal::iterations(&row.seal.private), Ok(Iterations::NOTARY));
    }
}

async fn go115_key(fixture: &Fixture) -> KeyRecord {
    let store = fixture.open(&["old"]).await;
    let key = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
    let same = SigningKey::from_plain(KeyAlgorithm::Ed25519, &key.to_plain()).unwrap();
    let (gun, role) = ("example.org/go".parse().unwrap(), RoleName::Snapshot);
    let record = store.pending(&gun, &role, KeyAlgorithm::Ed25519, Box::new(|| Ok(same))).await.unwrap();
    fixture.seal_as_go115(&record, &key, "old").await;
    record
}

fn derivation(row: &SealedRow) -> seal::Derivation {
    seal::open("secret of old", &row.seal.private).unwrap().derivation
}

#[tokio::test]
async fn keys_sealed_as_go_1_15_did_are_sealed_anew_even_if_all_else_is_as_wanted() {
    let fixture = Fixture::new();
    let record = go115_key(&fixture).await;
    let rows = fixture.open(&["old"]).await.rows();
    let all = Arc::new(passphrases(&["old"]));
    let rotation = rotate(&rows, all, Iterations::NOTARY, Writing::Replace, |_| ()).await.unwrap();
    assert_eq!(rotation, Rotation { resealed: 1, go115: 1, ..Rotation::default() });
    assert_eq!(derivation(&fixture.rows().await[0]), seal::Derivation::Standard);
    assert_eq!(fixture.open(&["old"]).await.open(&record.id).await.unwrap().unwrap().record(), &record);
}

#[tokio::test]
async fn a_weak_seal_is_replaced_behind_whoever_opens_the_key() {
    let fixture = Fixture::new();
    let record = go115_key(&fixture).await;
    let store = fixture.open(&["old"]).await;
    assert_eq!(store.open(&record.id).await.unwrap().unwrap().record(), &record);
    let deadline = Instant::now() + Duration::from_secs(20);
    while derivation(&fixture.rows().await[0]) != seal::Derivation::Standard {
        assert!(Instant::now() < deadline, "not sealed anew");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sealed_anew = fixture.rows().await;
    assert_eq!(store.open(&record.id).await.unwrap().unwrap().record(), &record);
    assert_eq!(fixture.rows().await, sealed_anew, "once");
}
