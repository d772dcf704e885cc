//! Signers on a Galera cluster, each at a node of its own: a purpose has one pending key, also while nodes come and go.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use libtrust::keys::{KeyAlgorithm, SigningKey};
use libtrust::names::{Gun, KeyId, RoleName};
use notary_service::database::schema::Prepare;
use notary_service::database::{Engine, Settings, Url};
use notary_signer::keystore::{KeyStore, KeyStoreError, MySqlKeyStore, Passphrases};
use notary_signer::seal::Iterations;
use ring::rand::SystemRandom;
use stories::peers::galera::{Galera, NODES};

/// The longest a key may take while a node is gone.
const PATIENCE: Duration = Duration::from_secs(20);

async fn store(galera: &Galera, first: usize) -> Result<Arc<MySqlKeyStore>> {
    let url = Url::parse(Engine::MySql, &galera.url("trust", first))?;
    let passphrases = Passphrases::new("one", "secret".to_owned().into())?;
    Ok(Arc::new(MySqlKeyStore::open(url, Settings::default(), Prepare::Migrate, passphrases, Iterations::MIN).await?))
}

async fn pending(store: &MySqlKeyStore, gun: &Gun) -> Result<KeyId, KeyStoreError> {
    let algorithm = KeyAlgorithm::Ed25519;
    let make = Box::new(move || SigningKey::generate(algorithm, &SystemRandom::new()));
    Ok(store.pending(gun, &RoleName::Timestamp, algorithm, make).await?.id)
}

/// Asks until there is an answer.
async fn in_the_end(store: &MySqlKeyStore, gun: &Gun) -> Result<KeyId> {
    let begun = Instant::now();
    loop {
        match pending(store, gun).await {
            Ok(id) => return Ok(id),
            Err(KeyStoreError::Database { .. }) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Everybody asks at once; all get one key.
async fn race(stores: &[Arc<MySqlKeyStore>], gun: &Gun) -> Result<KeyId> {
    let calls: Vec<_> = (0..12)
        .map(|n| {
            let (store, gun) = (Arc::clone(&stores[n % stores.len()]), gun.clone());
            tokio::spawn(async move { in_the_end(&store, &gun).await })
        })
        .collect();
    let mut ids = HashSet::new();
    for call in calls {
        ids.insert(call.await??);
    }
    ensure!(ids.len() == 1, "{ids:?}");
    ids.into_iter().next().ok_or_else(|| anyhow::anyhow!("no key"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_pending_key_at_every_node() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut galera = Galera::start(folder.path())?;
    // All at once, on an empty database: each makes the tables.
    let (one, two, three) = tokio::join!(store(&galera, 0), store(&galera, 1), store(&galera, 2));
    let stores = [one?, two?, three?];
    let gun: Gun = "example.com/team/clustered".parse()?;
    let mut used = HashSet::new();
    for round in 0..8 {
        let id = race(&stores, &gun).await?;
        ensure!(stores[round % NODES].mark_used(&id).await?, "it is there at every node");
        ensure!(used.insert(id), "a used key was handed out again");
    }
    galera.kill(1)?;
    let id = race(&stores, &gun).await?;
    ensure!(stores[0].mark_used(&id).await? && used.insert(id));
    galera.revive(1)?;
    // Cut off from the others, but not from its signer.
    galera.cut_off(2)?;
    let id = race(&stores, &gun).await?;
    galera.heal(2)?;
    ensure!(race(&stores, &gun).await? == id, "and it is still the one when the node is back");
    let count = galera.query(2, "trust", "SELECT count(*) FROM private_keys")?;
    ensure!(count.trim() == (used.len() + 1).to_string(), "{count}");
    for id in used {
        ensure!(stores[1].open(&id).await?.is_some_and(|key| key.record().used));
    }
    Ok(())
}
