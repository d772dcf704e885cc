//! Faults in an SQLite key store: each has its own error that names the key and what to do, and none looks like a key
//! that is not there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use libtrust::keys::{KeyAlgorithm, SigningKey};
use libtrust::names::RoleName;
use notary_signer::keystore::{
    KeyRecord, KeyStore, KeyStoreError, PassphraseError, Passphrases, RowFault, SqliteKeyStore,
};
use notary_signer::policy::Mismatch;
use notary_signer::seal::{self, Iterations, OpenError};
use ring::rand::SystemRandom;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// A folder with a key store in it.
struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.db")
    }

    async fn open(&self) -> Result<SqliteKeyStore, KeyStoreError> {
        self.open_with("main", "secret").await
    }

    async fn open_with(&self, alias: &str, passphrase: &str) -> Result<SqliteKeyStore, KeyStoreError> {
        SqliteKeyStore::open(&self.path(), passphrases(alias, passphrase), Iterations::MIN).await
    }

    /// Changes the file behind the store's back.
    async fn sql(&self, statement: &str) {
        let mut connection =
            SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(self.path())).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

fn passphrases(alias: &str, passphrase: &str) -> Passphrases {
    Passphrases::new(alias, Zeroizing::new(passphrase.to_owned())).unwrap()
}

async fn new_key(store: &SqliteKeyStore) -> KeyRecord {
    let make = Box::new(|| SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()));
    let gun = "example.org/app".parse().unwrap();
    store.pending(&gun, &RoleName::Timestamp, KeyAlgorithm::Ed25519, make).await.unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sealed(plain: &[u8]) -> String {
    seal::seal("secret", plain, Iterations::MIN, &SystemRandom::new()).unwrap()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn keys_survive_a_restart_and_open_under_their_own_alias() {
    let fixture = Fixture::new();
    let (old, used) = {
        let store = fixture.open().await.unwrap();
        let used = new_key(&store).await;
        assert!(store.mark_used(&used.id).await.unwrap());
        (new_key(&store).await, used)
    };
    let both = passphrases("new", "other").with("main", Zeroizing::new("secret".to_owned())).unwrap();
    let store = SqliteKeyStore::open(&fixture.path(), both, Iterations::NOTARY).await.unwrap();
    assert_eq!(new_key(&store).await, old);
    assert!(store.open(&old.id).await.unwrap().is_some());
    assert!(store.open(&used.id).await.unwrap().unwrap().record().used);
}

#[tokio::test]
async fn the_files_are_readable_by_their_owner_alone() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path(), "").unwrap();
    std::fs::set_permissions(fixture.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = fixture.open().await.unwrap();
    new_key(&store).await;
    for entry in fixture.folder.path().read_dir().unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn rows_are_as_notary_has_them() {
    let fixture = Fixture::new();
    let store = fixture.open().await.unwrap();
    let key = new_key(&store).await;
    let mut connection =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(fixture.path())).await.unwrap();
    let row = sqlx::query("SELECT * FROM private_keys").fetch_one(&mut connection).await.unwrap();
    for (column, expected) in [
        ("encryption_alg", "A256GCM"),
        ("keywrap_alg", "PBES2-HS256+A128KW"),
        ("algorithm", "ed25519"),
        ("passphrase_alias", "main"),
        ("gun", "example.org/app"),
        ("role", "timestamp"),
        ("key_id", key.id.as_str()),
    ] {
        assert_eq!(row.get::<String, _>(column), expected, "{column}");
    }
    assert_eq!(row.get::<Vec<u8>, _>("public"), key.public.public);
    assert_eq!(row.get::<Option<String>, _>("last_used"), None);
    assert_eq!(row.get::<Option<String>, _>("deleted_at"), None);
    let plain = seal::open("secret", &row.get::<Vec<u8>, _>("private")).unwrap().plain;
    assert_eq!(plain.len(), 96);
    assert!(SigningKey::from_plain(KeyAlgorithm::Ed25519, &plain).is_ok());
}

#[tokio::test]
async fn first_use_is_written_once() {
    let fixture = Fixture::new();
    let store = fixture.open().await.unwrap();
    let key = new_key(&store).await;
    store.mark_used(&key.id).await.unwrap();
    fixture.sql("UPDATE private_keys SET last_used = 'then'").await;
    store.mark_used(&key.id).await.unwrap();
    let mut connection =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(fixture.path())).await.unwrap();
    let last_used: String =
        sqlx::query_scalar("SELECT last_used FROM private_keys").fetch_one(&mut connection).await.unwrap();
    assert_eq!(last_used, "then");
}

#[tokio::test]
async fn two_stores_on_one_file_agree_on_the_pending_key() {
    let fixture = Fixture::new();
    let (one, two) = tokio::join!(fixture.open(), fixture.open());
    let (one, two) = (one.unwrap(), two.unwrap());
    let (first, second) = tokio::join!(new_key(&one), new_key(&two));
    assert_eq!(first, second);
    assert!(two.mark_used(&first.id).await.unwrap());
    assert_ne!(new_key(&one).await.id, first.id);
}

#[tokio::test]
async fn a_wrong_passphrase_is_named() {
    let fixture = Fixture::new();
    let key = new_key(&fixture.open().await.unwrap()).await;
    let store = fixture.open_with("main", "other").await.unwrap();
    let error = store.open(&key.id).await.unwrap_err();
    let origin = "the program itself".to_owned();
    assert_eq!(error, KeyStoreError::WrongPassphrase { id: key.id.clone(), alias: "main".to_owned(), origin });
    assert!(error.to_string().contains(key.id.as_str()) && error.to_string().contains("main"));
    assert_eq!(store.by_id(&key.id).await.unwrap(), Some(key), "what needs no passphrase still works");
}

#[tokio::test]
async fn a_missing_alias_is_named() {
    let fixture = Fixture::new();
    let key = new_key(&fixture.open().await.unwrap()).await;
    let store = fixture.open_with("Main", "secret").await.unwrap();
    let error = store.open(&key.id).await.unwrap_err();
    let reason = PassphraseError::Unknown { alias: "main".to_owned(), places: String::new() };
    assert_eq!(error, KeyStoreError::MissingPassphrase { id: key.id, alias: "main".to_owned(), reason });
}

#[tokio::test]
async fn a_broken_private_column_is_not_a_missing_key() {
    let fixture = Fixture::new();
    let store = fixture.open().await.unwrap();
    let key = new_key(&store).await;
    let not_a_key = sealed(b"not a key");
    let unwrapped: fn(&RowFault) -> bool = |fault| matches!(fault, RowFault::Sealed(OpenError::Malformed { .. }));
    for (private, expected) in [
        ("x''".to_owned(), unwrapped),
        ("x'00ff'".to_owned(), unwrapped),
        ("zeroblob(10000000)".to_owned(), unwrapped),
        ("7".to_owned(), |fault| matches!(fault, RowFault::Column { column: "private", .. })),
        ("substr(private, 1, 250)".to_owned(), unwrapped),
        (format!("'{not_a_key}'"), |fault| matches!(fault, RowFault::PrivateKey)),
    ] {
        fixture.sql("CREATE TABLE IF NOT EXISTS kept AS SELECT private FROM private_keys").await;
        fixture.sql(&format!("UPDATE private_keys SET private = {private}")).await;
        let error = store.open(&key.id).await.unwrap_err();
        let KeyStoreError::UnreadableRow { id, alias, fault } = &error else { panic!("{error:?}") };
        assert_eq!((id.as_str(), alias.as_str()), (key.id.as_str(), "main"));
        assert!(expected(fault), "{private}: {fault:?}");
        fixture.sql("UPDATE private_keys SET private = (SELECT private FROM kept)").await;
    }
    assert!(store.open(&key.id).await.unwrap().is_some());
}

#[tokio::test]
async fn another_keys_private_part_is_refused() {
    let fixture = Fixture::new();
    let store = fixture.open().await.unwrap();
    let key = new_key(&store).await;
    let other = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
    fixture.sql(&format!("UPDATE private_keys SET private = '{}'", sealed(&other.to_plain()))).await;
    let fault = RowFault::Mismatch(Mismatch::PublicKey);
    let expected = KeyStoreError::UnreadableRow { id: key.id.to_string(), alias: "main".to_owned(), fault };
    assert_eq!(store.open(&key.id).await.unwrap_err(), expected);
}

#[tokio::test]
async fn a_row_that_contradicts_itself_is_refused() {
    let other = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
    let other_public = format!("public = x'{}'", hex(&other.public_key().public));
    for (change, at_fault) in [
        (other_public.as_str(), "public"),
        ("algorithm = 'rsa'", "algorithm"),
        ("algorithm = 'ecdsa'", "public"),
        ("gun = ''", "gun"),
        ("role = 'releases'", "role"),
        ("passphrase_alias = x'ff'", "passphrase_alias"),
    ] {
        let fixture = Fixture::new();
        let store = fixture.open().await.unwrap();
        let key = new_key(&store).await;
        fixture.sql(&format!("UPDATE private_keys SET {change}")).await;
        for error in [store.by_id(&key.id).await.unwrap_err(), store.open(&key.id).await.unwrap_err()] {
            let KeyStoreError::UnreadableRow { fault: RowFault::Column { column, .. }, id, .. } = error else {
                panic!("{change}: {error:?}")
            };
            assert_eq!((column, id.as_str()), (at_fault, key.id.as_str()), "{change}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_kept() {
    let fixture = Fixture::new();
    let garbage = b"this is not a database ".repeat(1000);
    std::fs::write(fixture.path(), &garbage).unwrap();
    assert!(matches!(fixture.open().await, Err(KeyStoreError::NotAKeyDatabase { .. })));
    assert_eq!(std::fs::read(fixture.path()).unwrap(), garbage);
}

#[tokio::test]
async fn a_database_of_something_else_is_refused() {
    for tables in [
        "CREATE TABLE tuf_files (id INTEGER)",
        "CREATE TABLE schema_migrations (version BIGINT, dirty BOOLEAN)",
        "CREATE TABLE schema_migrations (version BIGINT, dirty BOOLEAN); INSERT INTO schema_migrations VALUES (0, 0)",
    ] {
        let fixture = Fixture::new();
        std::fs::write(fixture.path(), "").unwrap();
        fixture.sql(tables).await;
        let refused = fixture.open().await.err();
        assert!(matches!(refused, Some(KeyStoreError::NotAKeyDatabase { .. })), "{tables}: {refused:?}");
    }
}

#[tokio::test]
async fn a_newer_or_dirty_schema_is_refused() {
    let fixture = Fixture::new();
    drop(fixture.open().await.unwrap());
    fixture.sql("UPDATE schema_migrations SET version = 2").await;
    assert_eq!(fixture.open().await.err(), Some(KeyStoreError::SchemaTooNew { found: 2, known: 1 }));
    fixture.sql("UPDATE schema_migrations SET version = 1, dirty = 1").await;
    assert_eq!(fixture.open().await.err(), Some(KeyStoreError::SchemaDirty { version: 1 }));
}

#[tokio::test]
async fn a_lost_table_fails_the_check_and_is_no_missing_key() {
    let fixture = Fixture::new();
    let store = fixture.open().await.unwrap();
    let key = new_key(&store).await;
    fixture.sql("ALTER TABLE private_keys RENAME TO away").await;
    assert!(matches!(store.check().await, Err(KeyStoreError::Database { .. })));
    assert!(matches!(store.by_id(&key.id).await, Err(KeyStoreError::Database { .. })));
    assert!(matches!(store.mark_used(&key.id).await, Err(KeyStoreError::Database { .. })));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("absent/keys.db");
    let refused = SqliteKeyStore::open(&path, passphrases("main", "secret"), Iterations::MIN).await.err().unwrap();
    assert!(refused.to_string().contains("absent/keys.db"), "{refused}");
}
