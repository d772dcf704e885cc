//! Tokens that were verified a moment ago: clients send the same one with every request of an operation.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use ring::digest::{SHA256, digest};

use super::token::Claims;

/// Bytes of tokens remembered, by their length.
const BYTES: u64 = 16 << 20;
/// How long a token is remembered; certificates in it may expire before it does.
const TIME: Duration = Duration::from_secs(300);

/// Verified tokens by digest, for one generation of keys.
#[derive(Debug)]
pub(super) struct Seen(Cache<[u8; 32], Entry>);

#[derive(Debug, Clone)]
struct Entry {
    generation: u64,
    bytes: u32,
    claims: Arc<Claims>,
}

impl Seen {
    pub(super) fn new() -> Self {
        let weigh = |_: &[u8; 32], entry: &Entry| entry.bytes.saturating_mul(4).saturating_add(500);
        Self(Cache::builder().max_capacity(BYTES).weigher(weigh).time_to_live(TIME).build())
    }

    /// The claims of a token that was verified with the keys of `generation`.
    pub(super) fn find(&self, token: &str, generation: u64) -> Option<Arc<Claims>> {
        self.0.get(&name(token)?).filter(|entry| entry.generation == generation).map(|entry| entry.claims)
    }

    /// Remembers a token that was verified with the keys of `generation`.
    pub(super) fn keep(&self, token: &str, generation: u64, claims: Arc<Claims>) {
        let bytes = u32::try_from(token.len()).unwrap_or(u32::MAX);
        if let Some(name) = name(token) {
            self.0.insert(name, Entry { generation, bytes, claims });
        }
    }
}

fn name(token: &str) -> Option<[u8; 32]> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}
