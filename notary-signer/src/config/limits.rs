//! `limits`: bounds on what peers may cost us. Each says which attack it stops.

use std::time::Duration;

use notary_service::config::units::print_duration;
use notary_service::config::{ConfigError, Section};
use notary_service::listen::{self, affordable};
use serde_json::{Value, json};

pub(super) const KEYS: &[&str] = &[
    "message_bytes",
    "requests",
    "request_time",
    "header_time",
    "idle_time",
    "handshake_time",
    "drain_time",
    "connections",
];

/// Added to `request_time` for the connection's own limit, so that a late call gets its gRPC status.
const MARGIN: Duration = Duration::from_secs(5);

/// Bounds on what peers may cost us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest request, in bytes. Default 4 MiB, as Notary. Stops memory exhaustion.
    pub message_bytes: u64,
    /// Most calls worked on at once; further ones wait. Default 256. With `message_bytes` it bounds memory.
    pub requests: u64,
    /// Longest time for a call, whatever its own deadline. Default 30 s. Stops calls that never end.
    pub request_time: Duration,
    /// Longest time for the first request of a connection to begin. Default 10 s.
    pub header_time: Duration,
    /// Longest rest of a connection between calls. Default 10 min: a server calls rarely and reconnects at a cost.
    pub idle_time: Duration,
    /// Longest TLS handshake. Default 10 s.
    pub handshake_time: Duration,
    /// How long a stopping signer waits for calls under way. Default 20 s.
    pub drain_time: Duration,
    /// Most connections at once; further ones wait in the system's queue. Default 1024, and never more than the
    /// system's limit on open files allows.
    pub connections: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: signer_proto::MESSAGE_BYTES as u64,
            requests: 256,
            request_time: Duration::from_secs(30),
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(600),
            handshake_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(20),
            connections: 1024,
        }
    }
}

impl Limits {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        const SHORTEST: Duration = Duration::from_millis(100);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let mut limits = Self::default();
        let l = &mut limits;
        set(&mut l.message_bytes, section.bytes("message_bytes", 1 << 10..=1 << 30)?);
        set(&mut l.requests, section.integer("requests", 1..=65_536)?);
        set(&mut l.connections, section.integer("connections", 1..=1_000_000)?);
        for (field, key) in [
            (&mut l.request_time, "request_time"),
            (&mut l.header_time, "header_time"),
            (&mut l.idle_time, "idle_time"),
            (&mut l.handshake_time, "handshake_time"),
            (&mut l.drain_time, "drain_time"),
        ] {
            set(field, section.duration(key, SHORTEST..=DAY)?);
        }
        Ok(limits)
    }

    pub(super) fn describe(&self) -> Value {
        json!({
            "message_bytes": self.message_bytes,
            "requests": self.requests,
            "request_time": print_duration(self.request_time),
            "header_time": print_duration(self.header_time),
            "idle_time": print_duration(self.idle_time),
            "handshake_time": print_duration(self.handshake_time),
            "drain_time": print_duration(self.drain_time),
            "connections": self.connections,
        })
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl From<&Limits> for listen::Limits {
    fn from(limits: &Limits) -> Self {
        Self {
            request: limits.request_time.saturating_add(MARGIN),
            header: limits.header_time,
            idle: limits.idle_time,
            handshake: limits.handshake_time,
            drain: limits.drain_time,
            connections: affordable(u32::try_from(limits.connections).unwrap_or(u32::MAX)),
        }
    }
}
