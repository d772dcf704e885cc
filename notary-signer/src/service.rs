//! What a configuration asks for, in the terms of those who do it, and what runs beside the calls.

use std::sync::Arc;
use std::time::Duration;

use notary_signer::config::Config;
use notary_signer::grpc::CallLimits;
use notary_signer::open;
use notary_signer::signer::{Signer, SignerLimits};

/// Between two looks for unsealed keys that nobody uses.
const SWEEP: Duration = Duration::from_secs(30);

/// Opens the key store and puts a signer before it.
pub async fn signer(config: &Config) -> anyhow::Result<Arc<Signer>> {
    let store = open::key_store(&config.storage).await?;
    let limits = SignerLimits {
        cached_keys: saturated(config.key_cache.keys),
        message_bytes: saturated(config.limits.message_bytes),
        recheck: config.key_cache.recheck_time,
        idle: config.key_cache.idle_time,
    };
    Ok(Arc::new(Signer::new(store, limits)))
}

/// Bounds on calls, as configured.
pub fn call_limits(config: &Config) -> CallLimits {
    CallLimits {
        message_bytes: saturated(config.limits.message_bytes),
        requests: saturated(config.limits.requests),
        request_time: config.limits.request_time,
    }
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

fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
