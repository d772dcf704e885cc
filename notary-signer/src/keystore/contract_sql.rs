//! What stores on database servers promise beyond the contract, as tests that run on each: several stores on one
//! database, Notary's table in place, rows that cannot be used.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtrust::dialect::notary::key_id;
use libtrust::keys::{KeyAlgorithm, SigningKey};
use libtrust::names::{KeyId, RoleName};
use notary_service::database::schema::{OpenError, Prepare, SchemaError};
use notary_service::database::{Engine, Url};
use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use super::contract::make;
use super::{KeyRecord, KeyStore, KeyStoreError, Passphrases, SealedRows};
use crate::collect::{Collected, Fate, Stored, collect};
use crate::rotate::{Rotation, Writing, rotate};
use crate::seal::{self, Iterations};

const GUN: &str = "example.org/team/app";

/// A kind of database server, under test.
#[async_trait]
pub(super) trait Kind {
    type Store: KeyStore;

    /// Statements that make Notary's tables; on MySQL the second one is its second migration.
    const NOTARY: &'static str;

    /// Queries with values in them, and the index each is to use.
    const LOOK_UPS: &'static [(&'static str, &'static str)];

    fn database() -> Url;
    async fn try_open(url: Url, at_open: Prepare, passphrases: Passphrases) -> Result<Self::Store, KeyStoreError>;
    fn rows(store: &Self::Store) -> Box<dyn SealedRows>;
    /// Runs statements on a connection of their own, as another program would.
    async fn run(url: &Url, statements: &[&str]);
    /// Ends the sharing with Notary.
    async fn leave(url: &Url);
    /// Whether the plan for a query uses this index.
    async fn uses_index(url: &Url, query: &str, index: &str) -> bool;
    /// One number.
    async fn number(url: &Url, query: &str) -> i64;
    /// What Notary's signer inserts for a key.
    fn insert(id: &str, gun: &str, role: &str, public: &[u8], private: &str, alias: &str) -> String;
}

/// Makes a test of each promise for a [`Kind`].
macro_rules! sql_tests {
    ($kind:ty) => {
        async fn own() -> ((), <$kind as $crate::keystore::contract_sql::Kind>::Store) {
            ((), $crate::keystore::contract_sql::open::<$kind>(&$crate::keystore::contract_sql::empty::<$kind>().await).await)
        }

        async fn shared() -> ((), <$kind as $crate::keystore::contract_sql::Kind>::Store) {
            ((), $crate::keystore::contract_sql::open::<$kind>(&$crate::keystore::contract_sql::notarys::<$kind>().await).await)
        }

        mod own_tables {
            $crate::keystore::contract::tests!(super::own);
        }

        mod notarys_tables {
            $crate::keystore::contract::tests!(super::shared);
        }

        $crate::keystore::contract_sql::sql_tests!(@each $kind:
            two_stores_hand_out_one_key,
            notarys_table_is_used_in_place,
            of_several_pending_keys_the_lowest_id_is_handed_out,
            seals_are_replaced_only_as_they_were_read,
            rows_that_cannot_be_used_are_named,
            tables_that_cannot_be_used_are_refused,
            a_database_that_is_away_is_named,
            all_keys_are_sealed_anew,
            leaving_notary_keeps_every_key,
            keys_of_collections_not_stored_are_deleted_once_they_are_old,
            no_look_up_reads_all_keys,
        );
    };
    (@each $kind:ty: $($promise:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                $crate::keystore::contract_sql::$promise::<$kind>().await;
            }
        )*
    };
}
pub(super) use sql_tests;

pub(super) async fn empty<K: Kind>() -> Url {
    K::database()
}

/// A database as Notary's migrations leave it.
pub(super) async fn notarys<K: Kind>() -> Url {
    let url = K::database();
    K::run(&url, &statements::<K>()).await;
    url
}

fn statements<K: Kind>() -> Vec<&'static str> {
    K::NOTARY.split(';').map(str::trim).filter(|statement| !statement.is_empty()).collect()
}

pub(super) async fn open<K: Kind>(url: &Url) -> K::Store {
    K::try_open(url.clone(), Prepare::Migrate, passphrases(&["main"])).await.unwrap()
}

/// The first is the default; each opens with `secret of ALIAS`.
fn passphrases(aliases: &[&str]) -> Passphrases {
    let all = Passphrases::under(aliases[0]).unwrap();
    aliases.iter().fold(all, |all, alias| all.with(alias, Zeroizing::new(format!("secret of {alias}"))).unwrap())
}

async fn timestamp(store: &dyn KeyStore, gun: &str) -> KeyRecord {
    let algorithm = KeyAlgorithm::Ed25519;
    store.pending(&gun.parse().unwrap(), &RoleName::Timestamp, algorithm, make(algorithm)).await.unwrap()
}

/// A key as Notary's signer stores it.
async fn by_notary<K: Kind>(url: &Url, gun: &str) -> KeyRecord {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
    let sealed = seal::seal("secret of main", &key.to_plain(), Iterations::NOTARY, &SystemRandom::new()).unwrap();
    let public = key.public_key().clone();
    let id = key_id(&public);
    let insert = K::insert(id.as_str(), gun, "timestamp", &public.public, &sealed, "main");
    K::run(url, &[&insert]).await;
    let (gun, role) = (gun.parse().unwrap(), RoleName::Timestamp);
    KeyRecord { id, gun, role, algorithm: KeyAlgorithm::Ed25519, public, used: false }
}

pub(super) async fn two_stores_hand_out_one_key<K: Kind>() {
    for url in [empty::<K>().await, notarys::<K>().await] {
        let stores = [Arc::new(open::<K>(&url).await), Arc::new(open::<K>(&url).await)];
        for round in 0..5 {
            let calls: Vec<_> = (0..16)
                .map(|n| {
                    let store = Arc::clone(&stores[n % 2]);
                    tokio::spawn(async move { timestamp(&*store, GUN).await.id })
                })
                .collect();
            let mut ids = HashSet::new();
            for call in calls {
                ids.insert(call.await.unwrap());
            }
            assert_eq!(ids.len(), 1);
            assert!(stores[round % 2].mark_used(ids.iter().next().unwrap()).await.unwrap());
        }
        assert_eq!(K::number(&url, "SELECT count(*) FROM private_keys").await, 5);
    }
}

pub(super) async fn notarys_table_is_used_in_place<K: Kind>() {
    let url = notarys::<K>().await;
    let (theirs, other) = (by_notary::<K>(&url, GUN).await, by_notary::<K>(&url, "example.org/team/App").await);
    let refused = K::try_open(url.clone(), Prepare::Check, passphrases(&["main"])).await.err().unwrap();
    assert!(matches!(refused, KeyStoreError::Open(OpenError::NotMigrated { .. })), "{refused:?}");
    assert!(refused.to_string().contains("notary-signer migrate"), "{refused}");
    assert_eq!(K::number(&url, "SELECT count(*) FROM private_keys").await, 2);

    let store = open::<K>(&url).await;
    for record in [&theirs, &other] {
        assert_eq!(timestamp(&store, record.gun.as_str()).await, *record);
        assert_eq!(store.open(&record.id).await.unwrap().unwrap().record(), record);
    }
    assert!(store.mark_used(&theirs.id).await.unwrap());
    let ours = timestamp(&store, GUN).await;
    let shown = format!(
        "SELECT count(*) FROM private_keys WHERE key_id = '{}' AND encryption_alg = 'A256GCM' \
         AND keywrap_alg = 'PBES2-HS256+A128KW' AND algorithm = 'ed25519' AND passphrase_alias = 'main' \
         AND created_at IS NOT NULL AND updated_at IS NOT NULL AND last_used IS NULL AND deleted_at IS NULL",
        ours.id
    );
    assert_eq!(K::number(&url, &shown).await, 1);
    // Notary's own migrations find what they left, and a new one of ours finds nothing to do.
    assert_eq!(K::number(&url, "SELECT count(*) FROM schema_migrations").await, 1);
    K::try_open(url, Prepare::Check, passphrases(&["main"])).await.unwrap();
}

pub(super) async fn of_several_pending_keys_the_lowest_id_is_handed_out<K: Kind>() {
    let url = notarys::<K>().await;
    let store = open::<K>(&url).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(by_notary::<K>(&url, GUN).await.id);
    }
    ids.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    for id in ids {
        assert_eq!(timestamp(&store, GUN).await.id, id);
        assert!(store.mark_used(&id).await.unwrap());
    }
}

pub(super) async fn seals_are_replaced_only_as_they_were_read<K: Kind>() {
    let url = empty::<K>().await;
    let store = open::<K>(&url).await;
    let (first, second) = (timestamp(&store, GUN).await, timestamp(&store, "example.org/b").await);
    let gone = timestamp(&store, "example.org/c").await;
    store.delete(&gone.id).await.unwrap();
    let rows = K::rows(&store);
    let page = rows.rows(None, 1).await.unwrap();
    let row = page[0].row.as_ref().unwrap().clone();
    assert_eq!(row.record, first);
    let rest = rows.rows(Some(page[0].position), 10).await.unwrap();
    assert_eq!(rest.iter().map(|at| at.row.as_ref().unwrap().record.id.clone()).collect::<Vec<_>>(), [second.id]);

    let new = super::Seal { private: b"new".to_vec(), alias: "other".to_owned() };
    for stale in [
        super::Seal { alias: "Main".to_owned(), ..row.seal.clone() },
        super::Seal { alias: "main ".to_owned(), ..row.seal.clone() },
        super::Seal { private: [&row.seal.private[..], b" "].concat(), ..row.seal.clone() },
    ] {
        let stale = super::SealedRow { seal: stale, ..row.clone() };
        assert!(!rows.replace(&stale, &new).await.unwrap(), "{stale:?}");
    }
    assert!(rows.replace(&row, &new).await.unwrap());
    assert!(!rows.replace(&row, &new).await.unwrap());
    assert_eq!(rows.rows(None, 1).await.unwrap()[0].row.as_ref().unwrap().seal, new);
}

pub(super) async fn rows_that_cannot_be_used_are_named<K: Kind>() {
    let url = notarys::<K>().await;
    let store = open::<K>(&url).await;
    let record = timestamp(&store, GUN).await;
    let wrong = Passphrases::new("main", Zeroizing::new("another".to_owned())).unwrap();
    let other = K::try_open(url.clone(), Prepare::Check, wrong).await.unwrap();
    let refused = other.open(&record.id).await.err().unwrap();
    assert!(matches!(refused, KeyStoreError::WrongPassphrase { .. }), "{refused:?}");
    for (change, words) in [
        ("passphrase_alias = 'lost'", "\"lost\""),
        ("algorithm = 'rsa'", "column algorithm"),
        ("role = ''", "column role"),
        ("gun = ''", "column gun"),
        ("public = private", "column public"),
        ("private = public", "column private"),
    ] {
        let save = "CREATE TABLE saved AS SELECT * FROM private_keys";
        K::run(&url, &[save, &format!("UPDATE private_keys SET {change}")]).await;
        let refused = store.open(&record.id).await.err().unwrap().to_string();
        assert!(refused.contains(record.id.as_str()) && refused.contains(words), "{change}: {refused}");
        let restore = "INSERT INTO private_keys SELECT * FROM saved";
        K::run(&url, &["DELETE FROM private_keys", restore, "DROP TABLE saved"]).await;
    }
    store.open(&record.id).await.unwrap().unwrap();
}

pub(super) async fn tables_that_cannot_be_used_are_refused<K: Kind>() {
    let foreign = "CREATE TABLE private_keys (id int, body text)";
    let notarys = statements::<K>();
    let dirty = [&notarys[..], &["UPDATE schema_migrations SET dirty = true"]].concat();
    let mut cases = vec![(vec![foreign], "private_keys has no column"), (dirty, "dirty")];
    if notarys[1].starts_with("ALTER") {
        cases.push((vec![notarys[0]], "run Notary's own migrations up to version 2"));
    }
    for (statements, words) in cases {
        let url = K::database();
        K::run(&url, &statements).await;
        let refused = K::try_open(url.clone(), Prepare::Migrate, passphrases(&["main"])).await.err().unwrap();
        let text = refused.to_string();
        assert!(text.contains(words) && text.contains(url.database()), "{text}");
        let made = "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'trust%' AND table_schema = ";
        let here = if url.engine() == Engine::Postgres {
            "current_schema() AND table_catalog = current_database()"
        } else {
            "DATABASE()"
        };
        assert_eq!(K::number(&url, &format!("{made}{here}")).await, 0, "nothing was made");
    }
    let url = empty::<K>().await;
    open::<K>(&url).await;
    K::run(&url, &["UPDATE trust_schema SET version = 9, readable_since = 9"]).await;
    let refused = K::try_open(url, Prepare::Migrate, passphrases(&["main"])).await.err().unwrap();
    assert!(
        matches!(&refused, KeyStoreError::Open(OpenError::Schema { cause, .. }) if matches!(**cause, SchemaError::TooNew { .. })),
        "{refused:?}"
    );
}

pub(super) async fn a_database_that_is_away_is_named<K: Kind>() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let engine = K::database().engine();
    let text = match engine {
        Engine::Postgres => format!("postgres://someone:hidden@127.0.0.1:{port}/keys?sslmode=disable"),
        Engine::MySql => format!("someone:hidden@tcp(127.0.0.1:{port})/keys"),
    };
    let url = Url::parse(engine, &text).unwrap();
    let refused = K::try_open(url, Prepare::Migrate, passphrases(&["main"])).await.err().unwrap().to_string();
    assert!(refused.contains(&format!("127.0.0.1:{port}")) && !refused.contains("hidden"), "{refused}");
}

pub(super) async fn all_keys_are_sealed_anew<K: Kind>() {
    let url = notarys::<K>().await;
    let theirs = by_notary::<K>(&url, GUN).await;
    let ours = timestamp(&open::<K>(&url).await, "example.org/b").await;
    let store = K::try_open(url.clone(), Prepare::Check, passphrases(&["next", "main"])).await.unwrap();
    let (rows, all) = (K::rows(&store), Arc::new(passphrases(&["next", "main"])));
    let rotation = rotate(&*rows, all, Iterations::MIN, Writing::Replace, |_| ()).await.unwrap();
    assert_eq!(rotation, Rotation { resealed: 2, ..Rotation::default() });
    let store = K::try_open(url, Prepare::Check, passphrases(&["next"])).await.unwrap();
    for record in [theirs, ours] {
        assert_eq!(store.open(&record.id).await.unwrap().unwrap().record(), &record);
    }
}

pub(super) async fn leaving_notary_keeps_every_key<K: Kind>() {
    let url = notarys::<K>().await;
    let theirs = by_notary::<K>(&url, GUN).await;
    let store = open::<K>(&url).await;
    assert_eq!(K::number(&url, "SELECT count(*) FROM trust_schema WHERE shared_with_notary").await, 1);
    K::leave(&url).await;
    assert_eq!(K::number(&url, "SELECT count(*) FROM trust_schema WHERE NOT shared_with_notary").await, 1);
    assert_eq!(timestamp(&store, GUN).await, theirs);
    let again = K::try_open(url, Prepare::Check, passphrases(&["main"])).await.unwrap();
    assert_eq!(again.open(&theirs.id).await.unwrap().unwrap().record(), &theirs);
}

pub(super) async fn keys_of_collections_not_stored_are_deleted_once_they_are_old<K: Kind>() {
    for url in [empty::<K>().await, notarys::<K>().await] {
        let store = open::<K>(&url).await;
        let mut ids = Vec::new();
        for gun in ["example.org/old", "example.org/Old", "example.org/new", "example.org/used", "example.org/stored"] {
            ids.push(timestamp(&store, gun).await.id);
        }
        let old = |id: &KeyId| {
            format!(
                "UPDATE private_keys SET created_at = '2020-01-01', updated_at = '2020-01-01' WHERE key_id = '{id}'"
            )
        };
        store.mark_used(&ids[3]).await.unwrap();
        for index in [0, 3, 4] {
            K::run(&url, &[&old(&ids[index])]).await;
        }
        let stored = Stored::read(
            "example.org/stored\n# 1 collections at 2026-01-01T00:00:00Z\n".as_bytes(),
            "2026-01-01T00:00:00Z".parse().unwrap(),
        )
        .unwrap();
        let rows = K::rows(&store);
        for is_dry_run in [true, false] {
            let mut seen = Vec::new();
            let age = Duration::from_secs(30 * 24 * 3600);
            let done = collect(&*rows, &stored, age, is_dry_run, |fate| seen.push(fate)).await.unwrap();
            assert_eq!(done, Collected { kept: 1, deleted: 1, young: 3, left: 0 });
            assert!(matches!(&seen[..], [Fate::Deleted(record)] if record.id == ids[0]), "{seen:?}");
            assert_eq!(store.by_id(&ids[0]).await.unwrap().is_some(), is_dry_run);
        }
        for id in &ids[1..] {
            assert!(store.by_id(id).await.unwrap().is_some());
        }
    }
}

pub(super) async fn no_look_up_reads_all_keys<K: Kind>() {
    for url in [empty::<K>().await, notarys::<K>().await] {
        let store = open::<K>(&url).await;
        for n in 0..300 {
            by_notary::<K>(&url, &format!("example.org/{n}")).await;
        }
        drop(store);
        for (query, index) in K::LOOK_UPS {
            assert!(K::uses_index(&url, query, index).await, "{query}");
        }
    }
}
