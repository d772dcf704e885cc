//! Storage, signer and collections, put together as a configuration says.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use libtrust::dialect::Dialect;
use libtrust::edit::{SNAPSHOT_LIFETIME, TIMESTAMP_LIFETIME};
use libtrust::keys::KeyAlgorithm;
use libtrust::limits::Limits;
use notary_server::auth::{IssuerCheck, TokenAuth};
use notary_server::collection::{Collections, Renewal, Settings};
use notary_server::config::{self, Config, TrustService};
use notary_server::embedded::read_passphrase;
use notary_server::manifests::Manifests;
use notary_server::routes::ops::Check;
use notary_server::routes::{App, CacheHeaders, RequestLimits, UploadBudget};
use notary_server::signer::OnlineSigner;
use notary_server::signer::local::LocalSigner;
use notary_server::signer::remote::RemoteSigner;
use notary_server::telemetry::Metrics;
use notary_server::telemetry::metrics::CollectionMetrics;
use notary_service::listen::{Tls, Validity, hangups};
use notary_signer::keystore::Passphrases;
use notary_signer::seal::Iterations;
use tokio::task::JoinHandle;

use crate::stores::{self, Stores};

/// The name under which the passphrase of the embedded key store is known in its rows.
const ALIAS: &str = "embedded";

/// Reads what a configuration names without opening or changing anything: for `config check`.
pub fn check_files(config: &Config) -> anyhow::Result<()> {
    refuse_lost_keys(config)?;
    if let TrustService::Embedded { passphrase_file, .. } = &config.trust_service {
        read_passphrase(passphrase_file)?;
    }
    if let Some(options) = &config.settings.auth {
        TokenAuth::open(options, Arc::new(now), Arc::default())?;
    }
    if let TrustService::Remote { signer, .. } = &config.trust_service {
        signer.tls.check()?;
    }
    if let Some(options) = &config.settings.registry {
        Manifests::open(options)?;
    }
    if let config::Storage::Postgres(database) | config::Storage::MySql(database) = &config.storage {
        database.url()?;
    }
    Ok(())
}

/// The trust side of the server.
pub struct Service {
    /// What handlers need.
    pub app: Arc<App>,
    /// Who may do what.
    pub auth: Option<Arc<TokenAuth>>,
    followers: Vec<JoinHandle<()>>,
}

impl Service {
    /// Opens storage and signer.
    pub async fn open(config: &Config, metrics: &Arc<Metrics>) -> anyhow::Result<Self> {
        let settings = &config.settings;
        refuse_lost_keys(config)?;
        let auth = settings.auth.as_ref().map(|options| TokenAuth::open(options, Arc::new(now), metrics.clone()));
        let auth = auth.transpose()?.map(Arc::new);
        // Keys first: where there are collections there has been a key store.
        let (signer, key_algorithm) = signer(&config.trust_service).await?;
        let Stores { notary, tuf } = stores::open(&config.storage, metrics).await?;
        let of = |dialect, storage, metrics: &Arc<CollectionMetrics>| {
            let settings = collection_settings(dialect, settings, key_algorithm);
            let collections =
                Collections::new(dialect, storage, signer.clone(), Arc::new(now), settings, metrics.clone());
            Arc::new(collections)
        };
        let (notary, tuf) = (of(Dialect::Notary, notary, &metrics.notary), of(Dialect::Tuf, tuf, &metrics.tuf));
        let mut followers = Vec::new();
        followers.extend(notary.keep_coherent().await);
        followers.extend(tuf.keep_coherent().await);
        let app = App {
            notary,
            tuf,
            manifests: settings.registry.as_ref().map(Manifests::open).transpose()?,
            cache_headers: CacheHeaders::new(settings.caching.current_metadata, settings.caching.consistent_metadata),
            limits: RequestLimits {
                upload_bytes: settings.limits.upload_bytes,
                upload_parts: usize::try_from(settings.limits.upload_parts).unwrap_or(usize::MAX),
                changefeed_records: u32::try_from(settings.limits.changefeed_records).unwrap_or(u32::MAX),
            },
            upload_budget: UploadBudget::new(settings.limits.upload_bytes_in_flight),
            metrics: metrics.clone(),
            name_bytes: usize::try_from(settings.limits.name_bytes).unwrap_or(usize::MAX),
            auth: auth.clone(),
            gun_prefixes: settings.repositories.gun_prefixes.clone(),
        };
        Ok(Self { app: Arc::new(app), auth, followers })
    }

    /// What health depends on.
    pub fn checks(&self) -> Vec<Box<dyn Check>> {
        let mut checks: Vec<Box<dyn Check>> =
            vec![Box::new(Database(self.app.clone())), Box::new(Signer(self.app.clone()))];
        if let Some(auth) = &self.auth {
            checks.push(Box::new(IssuerCheck(auth.clone())));
        }
        checks
    }

    /// Follows changes of the token issuer's keys, for as long as the process lives.
    pub fn keep_auth_fresh(&self) {
        if let Some(auth) = self.auth.clone() {
            tokio::spawn(async move { auth.keep_keys_fresh().await });
        }
    }

    /// Renews what grows old, for as long as the process lives.
    pub fn keep_renewing(&self, interval: Duration, metrics: &Arc<Metrics>) {
        keep_renewing(self.app.notary.clone(), interval, metrics.notary.clone());
        keep_renewing(self.app.tuf.clone(), interval, metrics.tuf.clone());
    }

    /// Finishes what was begun and leaves the store tidy.
    pub async fn close(&self) {
        for follower in &self.followers {
            follower.abort();
        }
        self.app.notary.storage().close().await;
        self.app.tuf.storage().close().await;
        self.app.notary.signer().close().await;
    }
}

fn keep_renewing(collections: Arc<Collections>, interval: Duration, metrics: Arc<CollectionMetrics>) {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let walk = collections.clone();
            // In a task of its own: renewal must outlive its own mistakes.
            let done = tokio::spawn(async move { walk.renew_stale().await }).await;
            let done = done.unwrap_or_else(|panic| {
                tracing::error!(error = %panic, "renewing timestamps failed");
                metrics.renewal.failures.inc();
                Renewal::default()
            });
            if done.renewed + done.failed > 0 {
                tracing::info!(
                    dialect = ?collections.dialect(),
                    renewal.renewed = done.renewed,
                    renewal.skipped = done.skipped,
                    renewal.failed = done.failed,
                    "renewed timestamps"
                );
            }
            metrics.renewal.last_walk.set(now().timestamp());
        }
    });
}

/// A missing key store beside existing collections is a mishap, and a new one would hide it: nothing could be renewed.
fn refuse_lost_keys(config: &Config) -> anyhow::Result<()> {
    let config::Storage::Sqlite { path: collections } = &config.storage else { return Ok(()) };
    let TrustService::Embedded { key_store, .. } = &config.trust_service else { return Ok(()) };
    let has_bytes = |path: &Path| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    if has_bytes(collections) && !key_store.exists() {
        anyhow::bail!(
            "{} holds collections, but the key store {} is gone: restore it from a backup. To go on without its keys, \
             create it as an empty file; every collection then needs new snapshot and timestamp keys (key rotate)",
            collections.display(),
            key_store.display()
        );
    }
    Ok(())
}

/// Opens the signer; with the algorithm of new keys.
pub async fn signer(config: &TrustService) -> anyhow::Result<(Arc<dyn OnlineSigner>, KeyAlgorithm)> {
    Ok(match config {
        // As Notary's local trust service: its keys are Ed25519 and die with the process.
        TrustService::Local => (Arc::new(LocalSigner::memory()), KeyAlgorithm::Ed25519),
        TrustService::Embedded { key_store, passphrase_file, key_algorithm } => {
            let passphrase = read_passphrase(passphrase_file)?;
            let iterations = Iterations::suited_to(&passphrase);
            let passphrases = Passphrases::new(ALIAS, passphrase)
                .with_context(|| format!("{}: not a passphrase", passphrase_file.display()))?;
            let signer = LocalSigner::sqlite(key_store, passphrases, iterations).await?;
            (Arc::new(signer), *key_algorithm)
        }
        TrustService::Remote { signer, key_algorithm } => {
            let signer = RemoteSigner::new(signer)?;
            let reloaded = signer.clone();
            tokio::spawn(hangups(move || reloaded.reload_and_log()).context("cannot take over signals")?);
            // A signer that is away is said so in the log, and no reason not to serve what is signed.
            let asked = signer.clone();
            tokio::spawn(async move { asked.check().await });
            (signer, *key_algorithm)
        }
    })
}

fn collection_settings(dialect: Dialect, settings: &config::Settings, key_algorithm: KeyAlgorithm) -> Settings {
    let limits = &settings.limits;
    let usual = if dialect == Dialect::Tuf { Limits::TUF } else { Limits::default() };
    // Never less than an hour: every walk would renew everything.
    let renew_after = share(TIMESTAMP_LIFETIME, settings.renewal.timestamp_age).max(TimeDelta::hours(1));
    // A snapshot is looked at when its timestamp is renewed; it must not expire before the next time.
    let snapshot_margin = share(SNAPSHOT_LIFETIME, settings.renewal.snapshot_remaining).max(renew_after * 2);
    Settings {
        limits: Limits {
            file_bytes: usize::try_from(limits.upload_bytes).unwrap_or(usize::MAX),
            json_depth: usize::try_from(limits.json_depth).unwrap_or(usize::MAX),
            ..usual
        },
        key_algorithm,
        cache_bytes: settings.cache.bytes,
        max_staleness: settings.cache.max_staleness,
        renew_after,
        snapshot_margin,
    }
}

/// The system's time. The only place of the server that asks for it to judge trust.
pub fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn share(life: TimeDelta, share: f64) -> TimeDelta {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a share of some years")]
    TimeDelta::seconds((life.num_seconds() as f64 * share) as i64)
}

/// Health of the listener's certificate: a fault once it has ended, a warning in the week before.
pub fn certificate_check(tls: Tls) -> Box<dyn Check> {
    Box::new(CertificateInForce(tls))
}

struct CertificateInForce(Tls);

#[async_trait]
impl Check for CertificateInForce {
    fn name(&self) -> &'static str {
        "TLS certificate"
    }

    async fn run(&self) -> Result<(), String> {
        match self.0.validity(SystemTime::now()) {
            Validity::Ended => Err("the certificate has ended, clients refuse it: replace it".to_owned()),
            Validity::Good | Validity::EndsSoon => Ok(()),
        }
    }

    fn warning(&self) -> Option<&'static str> {
        (self.0.validity(SystemTime::now()) == Validity::EndsSoon).then_some("ends within a week")
    }
}

struct Database(Arc<App>);

#[async_trait]
impl Check for Database {
    fn name(&self) -> &'static str {
        "DB operational"
    }

    async fn run(&self) -> Result<(), String> {
        self.0.notary.storage().check().await.map_err(|error| error.to_string())?;
        self.0.tuf.storage().check().await.map_err(|error| error.to_string())
    }
}

struct Signer(Arc<App>);

#[async_trait]
impl Check for Signer {
    fn name(&self) -> &'static str {
        "Trust operational"
    }

    async fn run(&self) -> Result<(), String> {
        self.0.notary.signer().check().await.map_err(|error| error.to_string())
    }
}
