//! Key store and signer, put together as a configuration says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use notary_service::config::{Environment, variable};
use notary_signer::config::{Config, PREFIX, Sealing, Storage};
use notary_signer::grpc::CallLimits;
use notary_signer::keystore::{KeyStore, MemoryKeyStore, Passphrases, SqliteKeyStore};
use notary_signer::seal::Iterations;
use notary_signer::signer::{Signer, SignerLimits};
use zeroize::Zeroizing;

/// From this length on a passphrase is taken for random: 32 bytes in base64 or hex. Stretching it adds nothing then.
const RANDOM_LENGTH: usize = 43;
/// Between two looks for unsealed keys that nobody uses.
const SWEEP: Duration = Duration::from_secs(30);

/// Reads what a configuration names without opening or changing anything: for `config check`.
pub fn check_files(config: &Config, environment: &Environment) -> anyhow::Result<()> {
    match &config.storage {
        Storage::Memory => Ok(()),
        Storage::Sqlite { sealing, .. } => passphrases(sealing, environment).map(|_| ()),
    }
}

/// Opens the key store and puts a signer before it.
pub async fn open(config: &Config, environment: &Environment) -> anyhow::Result<Arc<Signer>> {
    let store = store(&config.storage, environment).await?;
    let limits = SignerLimits {
        cached_keys: usize::try_from(config.key_cache.keys).unwrap_or(usize::MAX),
        message_bytes: usize::try_from(config.limits.message_bytes).unwrap_or(usize::MAX),
        recheck: config.key_cache.recheck_time,
        idle: config.key_cache.idle_time,
    };
    Ok(Arc::new(Signer::new(store, limits)))
}

async fn store(storage: &Storage, environment: &Environment) -> anyhow::Result<Arc<dyn KeyStore>> {
    Ok(match storage {
        Storage::Memory => Arc::new(MemoryKeyStore::new()),
        Storage::Sqlite { path, sealing } => {
            let (passphrases, iterations) = passphrases(sealing, environment)?;
            Arc::new(sqlite(path, passphrases, iterations).await?)
        }
    })
}

async fn sqlite(path: &Path, passphrases: Passphrases, iterations: Iterations) -> anyhow::Result<SqliteKeyStore> {
    Ok(SqliteKeyStore::open(path, passphrases, iterations).await?)
}

/// The passphrase of the default alias, from the variable that Notary takes it from.
fn passphrases(sealing: &Sealing, environment: &Environment) -> anyhow::Result<(Passphrases, Iterations)> {
    let alias = &sealing.default_alias;
    let variable = variable(PREFIX, alias);
    let Some(text) = environment.get(&variable).filter(|text| !text.is_empty()) else {
        bail!("no passphrase for alias {alias:?}: set the environment variable {variable}");
    };
    let needed = if text.len() >= RANDOM_LENGTH { Iterations::MIN } else { Iterations::HUMAN };
    let passphrases = Passphrases::new(alias, Zeroizing::new(text.clone()))
        .with_context(|| format!("storage.default_alias {alias}"))?;
    Ok((passphrases, sealing.iterations.unwrap_or(needed)))
}

/// Wipes unsealed keys that nobody uses, for as long as it is polled.
pub async fn keep_sweeping(signer: Arc<Signer>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        signer.forget_idle();
    }
}

/// Bounds on calls, as configured.
pub fn call_limits(config: &Config) -> CallLimits {
    CallLimits {
        message_bytes: usize::try_from(config.limits.message_bytes).unwrap_or(usize::MAX),
        requests: usize::try_from(config.limits.requests).unwrap_or(usize::MAX),
        request_time: config.limits.request_time,
    }
}
